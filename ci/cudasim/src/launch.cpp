/*
 * Runs kernels: one block after the other, each thread of a block on a fiber. A fiber runs until it ends or waits at a
 * barrier or for its warp; the order of blocks, and of threads anew after every barrier, is drawn from the seed. So a
 * result that depends on an order which nothing enforces differs from run to run, on top of what checks.cpp sees.
 */
#include <sys/mman.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "sim.h"

namespace cudasim {

static constexpr size_t stack_bytes = 64 << 10;
static constexpr unsigned most_threads = 1024, lanes = 32;

enum class Waits { nothing, barrier, warp, ended };

struct Fiber {
    void *stack_pointer;
    char *stack;
    Waits waits;
    unsigned mask;      /* of the warp operation that it waits for, */
    unsigned rounds;    /* how many it has asked for, */
    uint64_t value[2];  /* and what it brought to the last two */
};

static Fiber fibers[most_threads];
static Fiber *running;
static void *scheduler;
static unsigned threads;
static const Kernel *kernel;
static const char *kernel_arguments;
static Index block_index, block_size, grid_size;
static uint64_t order_seed;
static uint64_t order_state;
static jmp_buf failed;
static Result failure;

/* Saves the callee-saved registers and the stack pointer of one side and takes those of the other. */
extern "C" void cudasim_switch(void **save, void *load);
#if defined(__x86_64__)
asm(R"(
.text
.globl cudasim_switch
.hidden cudasim_switch
.type cudasim_switch, @function
cudasim_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
#else
#error "the simulator switches fibers on x86-64 only"
#endif

/* xorshift64*, for orders alone: quick, and seeded for each launch. */
static uint64_t next_order() {
    order_state ^= order_state >> 12;
    order_state ^= order_state << 25;
    order_state ^= order_state >> 27;
    return order_state * 0x2545F4914F6CDD1Du;
}

static void shuffle(std::vector<unsigned> &order) {
    for (size_t i = order.size(); i > 1; i--) {
        std::swap(order[i - 1], order[(size_t)((next_order() >> 32) * i >> 32)]);
    }
}

unsigned current_thread() { return (unsigned)(running - fibers); }

static uint64_t block_number() {
    return block_index.x + (uint64_t)grid_size.x * (block_index.y + (uint64_t)grid_size.y * block_index.z);
}

unsigned current_block() { return (unsigned)block_number(); }

uint64_t current_global() { return block_number() * threads + current_thread(); }

bool on_stack(const void *address) {
    const char *at = (const char *)address;
    return running && at >= running->stack && at < running->stack + stack_bytes;
}

std::string where() {
    auto text = [](Index i) {
        return "(" + std::to_string(i.x) + ", " + std::to_string(i.y) + ", " + std::to_string(i.z) + ")";
    };
    unsigned t = current_thread();
    Index thread = {t % block_size.x, t / block_size.x % block_size.y, t / block_size.x / block_size.y};
    return kernel->entry.name + std::string(", block ") + text(block_index) + ", thread " + text(thread) +
           " (order seed " + std::to_string(order_seed) + ")";
}

void fault(Result result, const std::string &message) {
    report(message);
    failure = result;
    longjmp(failed, 1); /* back to launch(), off the fiber's stack for good */
}

static void switch_to_scheduler() { cudasim_switch(&running->stack_pointer, scheduler); }

static void fiber_main() {
    kernel->entry.call(kernel_arguments);
    running->waits = Waits::ended;
    switch_to_scheduler();
}

static void barrier() {
    running->waits = Waits::barrier;
    switch_to_scheduler();
}

static uint64_t warp(Warp kind, unsigned mask, uint64_t value, unsigned source) {
    unsigned thread = current_thread(), first = thread / lanes * lanes;
    if (!(mask >> thread % lanes & 1)) {
        fault(LAUNCH_FAILED, "a warp operation whose mask leaves its own thread out: " + where());
    }
    unsigned round = running->rounds++;
    running->value[round % 2] = value;
    running->mask = mask;
    running->waits = Waits::warp;
    switch_to_scheduler();
    if (kind == Warp::sync) return 0;
    if (kind == Warp::shuffle) return fibers[first + source % lanes].value[round % 2];
    uint64_t votes = 0;
    for (unsigned l = 0; l < lanes && first + l < threads; l++) {
        if (mask >> l & 1) votes |= (uint64_t)(fibers[first + l].value[round % 2] != 0) << l;
    }
    return votes;
}

static void run(Fiber &fiber, Runtime *runtime) {
    unsigned t = (unsigned)(&fiber - fibers);
    runtime->state.thread = {t % block_size.x, t / block_size.x % block_size.y, t / block_size.x / block_size.y};
    running = &fiber;
    cudasim_switch(&scheduler, fiber.stack_pointer);
}

static void start(Fiber &fiber) {
    if (!fiber.stack) {
        fiber.stack = (char *)mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    /* what cudasim_switch takes up: six registers, then where it returns to; the stack as after a call */
    void **top = (void **)(fiber.stack + stack_bytes - 64);
    *--top = nullptr;
    *--top = (void *)fiber_main;
    for (int i = 0; i < 6; i++) *--top = nullptr;
    fiber.stack_pointer = top;
    fiber.waits = Waits::nothing;
    fiber.rounds = 0;
}

/* Lets warps whose lanes have all arrived go on; says whether any did. */
static bool release_warps() {
    bool any = false;
    for (unsigned first = 0; first < threads; first += lanes) {
        unsigned waiting = 0, mask = 0;
        for (unsigned l = 0; l < lanes && first + l < threads; l++) {
            if (fibers[first + l].waits == Waits::warp) {
                waiting |= 1u << l;
                mask |= fibers[first + l].mask;
            }
        }
        unsigned there = threads - first >= lanes ? 0xffffffffu : (1u << (threads - first)) - 1;
        if (waiting && (mask & there & ~waiting) == 0) {
            checks_warp(first / lanes);
            for (unsigned l = 0; l < lanes; l++) {
                if (waiting >> l & 1) fibers[first + l].waits = Waits::nothing;
            }
            any = true;
        }
    }
    return any;
}

static void run_block(Runtime *runtime, std::vector<unsigned> &order) {
    for (unsigned t = 0; t < threads; t++) start(fibers[t]);
    if (kernel->module.checked) {
        memset(kernel->module.shared_begin, 0xff,
               (size_t)(kernel->module.shared_end - kernel->module.shared_begin)); /* NaN */
    }
    checks_block();
    for (;;) {
        shuffle(order);
        unsigned ended = 0, barriers = 0;
        for (unsigned t : order) {
            if (fibers[t].waits == Waits::nothing) run(fibers[t], runtime);
        }
        if (release_warps()) continue;
        unsigned at_barrier = 0, out = 0;
        for (unsigned t = 0; t < threads; t++) {
            ended += fibers[t].waits == Waits::ended;
            barriers += fibers[t].waits == Waits::barrier;
            (fibers[t].waits == Waits::barrier ? at_barrier : out) = t;
        }
        if (ended == threads) return;
        if (barriers != threads) {
            running = &fibers[barriers ? at_barrier : out];
            fault(LAUNCH_FAILED, "a barrier that " + std::to_string(threads - barriers) + " of " +
                                     std::to_string(threads) + " threads do not reach (thread " +
                                     std::to_string(out) + " does not): " + where());
        }
        checks_barrier();
        for (unsigned t = 0; t < threads; t++) fibers[t].waits = Waits::nothing;
    }
}

Result launch(const Kernel &which, const Shape &shape, const std::vector<char> &arguments) {
    kernel = &which;
    kernel_arguments = arguments.data();
    block_size = shape.block;
    grid_size = shape.grid;
    threads = shape.block.x * shape.block.y * shape.block.z;
    order_seed = draw();
    order_state = order_seed | 1;
    Runtime *runtime = which.runtime;
    runtime->barrier = barrier;
    runtime->warp = warp;
    runtime->access = access;
    runtime->state.block_size = block_size;
    runtime->state.grid_size = grid_size;
    checks_begin(runtime, which.module);
    failure = SUCCESS;
    std::vector<unsigned> order(threads), blocks(grid_size.x * grid_size.y * grid_size.z);
    for (unsigned i = 0; i < threads; i++) order[i] = i;
    for (unsigned i = 0; i < blocks.size(); i++) blocks[i] = i;
    shuffle(blocks);
    if (setjmp(failed) == 0) {
        for (unsigned b : blocks) {
            block_index = {b % grid_size.x, b / grid_size.x % grid_size.y, b / grid_size.x / grid_size.y};
            runtime->state.block = block_index;
            run_block(runtime, order);
        }
    }
    running = nullptr;
    return failure;
}

}  // namespace cudasim
