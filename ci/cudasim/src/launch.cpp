/*
 * Runs kernels: each thread on a fiber, and of the blocks as many at once as must be: one, those of a cluster, or all
 * of a cooperative launch; these are a team. A fiber runs until it ends or waits at a barrier, for its warp or for its
 * team; the order of blocks, and of threads anew after every wait, is drawn from the seed. So a result that depends on
 * an order which nothing enforces differs from run to run, on top of what checks.cpp sees.
 */
#include <sys/mman.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "sim.h"

namespace cudasim {

static constexpr unsigned lanes = 32;

enum class Waits { nothing, barrier, warp, team, event, ended };

struct Fiber {
    void *stack_pointer;
    char *stack;
    Waits waits;
    Index index;
    unsigned mask;     /* of the warp operation that it waits for, */
    unsigned rounds;   /* how many it has asked for, */
    uint64_t value[2]; /* and what it brought to the last two */
    Together work;     /* what its warp is to do together when all have come */
    unsigned arrivals, passed; /* at the team's barrier */
    const void *event; /* of async.cpp, that it waits for */
};

/* A block that is alive. Shared memory is where the module has it for the block that runs; the others' is kept. */
struct Block {
    Index index;
    unsigned number; /* in the grid */
    std::vector<Fiber> fibers;
    std::vector<char> shared;
    bool can_go; /* a thread of it may be able to run */
};

static std::vector<Block> team;
static Block *current;
static Fiber *running;
static void *scheduler;
static unsigned threads;
static const Kernel *kernel;
static const char *kernel_arguments;
static Index block_size, grid_size;
static size_t static_bytes, dynamic_bytes; /* of shared memory of a block */
static uint64_t order_seed;
static uint64_t order_state;
static jmp_buf failed;
static Result failure;
extern "C" void cudasim_switch(void **save, void *load); /* fiber.cpp */

/* xorshift64*, for orders alone: quick, and seeded for each launch. */
uint64_t next_order() {
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

Place place;

std::string where() {
    auto text = [](Index i) {
        return "(" + std::to_string(i.x) + ", " + std::to_string(i.y) + ", " + std::to_string(i.z) + ")";
    };
    unsigned t = place.thread;
    Index thread = {t % block_size.x, t / block_size.x % block_size.y, t / block_size.x / block_size.y};
    return kernel->entry.name + std::string(", block ") + text(current->index) + ", thread " + text(thread) +
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

static void team_arrive() {
    if (running->arrivals++ > running->passed) fault(LAUNCH_FAILED, "two arrivals at a barrier of a team with no wait between: " + where());
}

static void team_wait() {
    if (running->passed++ == running->arrivals) fault(LAUNCH_FAILED, "a wait at a barrier of a team without arrival: " + where());
    running->waits = Waits::team;
    switch_to_scheduler();
}

/* The place of shared memory in another block of the team; null if there is no such block. */
static void *team_shared(void *own, unsigned rank) {
    if (rank >= team.size()) {
        fault(LAUNCH_FAILED, "block " + std::to_string(rank) + " of a team of " + std::to_string(team.size()) +
                                 " is asked for: " + where());
    }
    Block &other = team[rank];
    if (&other == current) return own;
    const Module &module = kernel->module;
    char *at = (char *)own;
    bool dynamic = at >= module.dynamic_begin && at < module.dynamic_end;
    return other.shared.data() + (dynamic ? static_bytes + (size_t)(at - module.dynamic_begin)
                                          : (size_t)(at - module.shared_begin));
}

size_t shared_offset(const void *own, size_t size) {
    size_t in_static = (size_t)((const char *)own - kernel->module.shared_begin);
    size_t in_dynamic = (size_t)((const char *)own - kernel->module.dynamic_begin);
    if (in_static < static_bytes && in_static + size <= static_bytes) return in_static;
    if (in_dynamic < dynamic_bytes && in_dynamic + size <= dynamic_bytes) return static_bytes + in_dynamic;
    fault(ILLEGAL_ADDRESS, std::to_string(size) + " bytes that are not in the block's shared memory: " + where());
}

char *shared_at(unsigned rank, size_t offset) {
    if (&team[rank] != current && team.size() > 1) return team[rank].shared.data() + offset;
    return offset < static_bytes ? kernel->module.shared_begin + offset
                                 : kernel->module.dynamic_begin + (offset - static_bytes);
}

void wait_for(const void *event) {
    running->event = event;
    running->waits = Waits::event;
    switch_to_scheduler();
}

bool waited_for(unsigned rank, const void *event) {
    return std::any_of(team[rank].fibers.begin(), team[rank].fibers.end(),
                       [=](const Fiber &f) { return f.waits == Waits::event && f.event == event; });
}

void happens(unsigned rank, const void *event) {
    for (Fiber &fiber : team[rank].fibers) {
        if (fiber.waits == Waits::event && fiber.event == event) fiber.waits = Waits::nothing;
    }
    team[rank].can_go = true;
}

bool has_left(unsigned rank) {
    return std::all_of(team[rank].fibers.begin(), team[rank].fibers.end(),
                       [](const Fiber &f) { return f.waits == Waits::ended; });
}

int shared_owner(const char *address, size_t *offset) {
    for (size_t i = 0; i < team.size() && team.size() > 1; i++) {
        *offset = (size_t)(address - team[i].shared.data());
        if (i != place.rank && *offset < team[i].shared.size()) return (int)i;
    }
    return -1;
}

static uint64_t warp(Warp kind, unsigned mask, uint64_t value, unsigned source) {
    unsigned thread = place.thread, first = thread / lanes * lanes;
    std::vector<Fiber> &fibers = current->fibers;
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
    uint64_t made = 0;
    for (unsigned l = 0; l < lanes && first + l < threads; l++) {
        if (!(mask >> l & 1)) continue;
        uint64_t brought = fibers[first + l].value[round % 2];
        made = kind == Warp::ballot ? made | (uint64_t)(brought != 0) << l
               : kind == Warp::sum  ? (made + brought) & 0xffffffffu
                                    : std::max(made, brought);
    }
    return made;
}

static void together(Together work, void *mine) {
    running->work = work;
    warp(Warp::sync, 0xffffffffu, (uint64_t)mine, 0);
}

/* Does what all lanes of a warp have asked for. */
static void work_together(Fiber *lane, unsigned there) {
    void *each[lanes];
    Together work = nullptr;
    bool same = there == lanes;
    for (unsigned l = 0; l < there; l++) work = lane[l].work ? lane[l].work : work;
    if (!work) return;
    for (unsigned l = 0; l < there; l++) {
        same &= lane[l].work == work;
        each[l] = (void *)lane[l].value[(lane[l].rounds - 1) % 2];
        lane[l].work = nullptr;
    }
    if (!same) {
        place.thread = (unsigned)(lane - current->fibers.data());
        fault(LAUNCH_FAILED, "not all 32 lanes of a warp come to one product of tensor cores: " + where());
    }
    work(each);
}

/* Brings a block's shared memory to where the module has it. */
static void switch_to(Block &block, Runtime *runtime) {
    if (&block == current) return;
    if (team.size() > 1) {
        char *at_static = kernel->module.shared_begin, *at_dynamic = kernel->module.dynamic_begin;
        if (current) {
            memcpy(current->shared.data(), at_static, static_bytes);
            memcpy(current->shared.data() + static_bytes, at_dynamic, dynamic_bytes);
        }
        memcpy(at_static, block.shared.data(), static_bytes);
        memcpy(at_dynamic, block.shared.data() + static_bytes, dynamic_bytes);
    }
    current = &block;
    place.block = block.number;
    runtime->state.block = block.index;
    runtime->state.rank = place.rank = (unsigned)(&block - team.data());
}

static void run(Fiber &fiber, Runtime *runtime) {
    running = &fiber;
    place.stack = fiber.stack;
    place.thread = (unsigned)(&fiber - current->fibers.data());
    runtime->state.thread = fiber.index;
    cudasim_switch(&scheduler, fiber.stack_pointer);
}

static void start(Fiber &fiber, unsigned t) {
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
    fiber.index = {t % block_size.x, t / block_size.x % block_size.y, t / block_size.x / block_size.y};
    fiber.waits = Waits::nothing;
    fiber.rounds = fiber.arrivals = fiber.passed = 0;
    fiber.work = nullptr;
}

/* Lets a warp of the current block go on if the lanes that it waits for have all arrived; says whether they had. */
static bool release_warp(unsigned warp) {
    Fiber *lane = &current->fibers[warp * lanes];
    unsigned there = std::min(lanes, threads - warp * lanes), waiting = 0, mask = 0;
    for (unsigned l = 0; l < there; l++) {
        if (lane[l].waits == Waits::warp) {
            waiting |= 1u << l;
            mask |= lane[l].mask;
        }
    }
    unsigned all = there == lanes ? 0xffffffffu : (1u << there) - 1;
    if (!waiting || (mask & all & ~waiting) != 0) return false;
    work_together(lane, there);
    checks_warp(place.rank, warp);
    for (unsigned l = 0; l < there; l++) {
        if (waiting >> l & 1) lane[l].waits = Waits::nothing;
    }
    return true;
}

/* Runs the lanes of a warp that can run, in an order drawn anew; says whether any could. */
static bool run_warp(unsigned warp, Runtime *runtime) {
    unsigned there = std::min(lanes, threads - warp * lanes);
    uint64_t drawn = next_order();
    unsigned step = (unsigned)(drawn >> 32) | 1, from = (unsigned)(drawn >> 8);
    bool any = false;
    for (unsigned i = 0; i < lanes; i++) { /* an odd step meets each of 32 lanes once */
        unsigned l = (from + i * step) % lanes;
        if (l < there && current->fibers[warp * lanes + l].waits == Waits::nothing) {
            run(current->fibers[warp * lanes + l], runtime);
            any = true;
        }
    }
    return any;
}

/* Runs a block's threads as far as they get on their own; says whether any of them could. */
static bool advance(Runtime *runtime) {
    bool any = false;
    static std::vector<unsigned> ready;
    for (;;) {
        ready.clear();
        for (unsigned warp = 0; warp * lanes < threads; warp++) ready.push_back(warp);
        while (!ready.empty()) {
            size_t at = (size_t)((next_order() >> 32) * ready.size() >> 32);
            any |= run_warp(ready[at], runtime);
            if (!release_warp(ready[at])) {
                ready[at] = ready.back();
                ready.pop_back();
            }
        }
        unsigned barriers = 0;
        for (unsigned t = 0; t < threads; t++) barriers += current->fibers[t].waits == Waits::barrier;
        if (barriers != threads) return any;
        checks_barrier(place.rank);
        for (unsigned t = 0; t < threads; t++) current->fibers[t].waits = Waits::nothing;
    }
}

/* Lets the team go on if all its threads have arrived; says whether they had. */
static bool release_team() {
    unsigned least = ~0u, waiting = 0;
    for (Block &block : team) {
        for (Fiber &fiber : block.fibers) {
            if (fiber.waits != Waits::ended) least = std::min(least, fiber.arrivals);
            waiting += fiber.waits == Waits::team;
        }
    }
    if (!waiting) return false;
    bool any = false;
    for (Block &block : team) {
        for (Fiber &fiber : block.fibers) {
            if (fiber.waits == Waits::team && fiber.arrivals <= least) {
                fiber.waits = Waits::nothing;
                block.can_go = any = true;
            }
        }
    }
    if (any) checks_team();
    return any;
}

/* What the warps of a block wait for, neighbours that wait for the same together. */
static std::string waits_of(const Block &block) {
    std::string text, what;
    unsigned first = 0;
    auto add = [&](unsigned end) {
        if (first == end) return;
        text += (text.empty() ? "" : "; ") + (end - first == 1 ? "warp " + std::to_string(first) + " waits"
                                              : "warps " + std::to_string(first) + (end - first == 2 ? " and " : " to ") + std::to_string(end - 1) + " wait") +
                " for " + what;
        first = end;
    };
    for (unsigned warp = 0; warp * lanes < threads; warp++) {
        const Fiber *of = &block.fibers[warp * lanes], *end = of + std::min(lanes, threads - warp * lanes);
        of = std::find_if(of, end - 1, [](const Fiber &f) { return f.waits != Waits::ended; });
        std::string next = of->waits == Waits::event   ? event_text((unsigned)(&block - team.data()), of->event)
                           : of->waits == Waits::team  ? "a barrier of the team"
                           : of->waits == Waits::warp  ? "other lanes"
                           : of->waits == Waits::ended ? "nothing (has left)"
                                                       : "a barrier of the block";
        if (next != what) add(warp);
        what = next;
    }
    add((threads + lanes - 1) / lanes);
    return text;
}

/* Nothing moves any more: fine if all have ended, else some wait for others that never come. */
static bool all_ended(Runtime *runtime) {
    Fiber *stuck = nullptr;
    Block *where_stuck = nullptr;
    unsigned missing = 0, out = 0;
    for (Block &block : team) {
        for (unsigned t = 0; t < threads; t++) {
            if (block.fibers[t].waits != Waits::ended && !stuck) {
                stuck = &block.fibers[t];
                where_stuck = &block;
            }
        }
    }
    if (!stuck) return true;
    for (Block &block : team) {
        for (unsigned t = 0; t < threads; t++) {
            if (block.fibers[t].waits != Waits::event) continue;
            switch_to(block, runtime);
            place.thread = t;
            fault(LAUNCH_FAILED, "a deadlock: " + waits_of(block) + ": " + where());
        }
    }
    for (unsigned t = 0; t < threads; t++) {
        if (where_stuck->fibers[t].waits != stuck->waits) {
            missing++;
            out = t;
        }
    }
    switch_to(*where_stuck, runtime);
    place.thread = (unsigned)(stuck - where_stuck->fibers.data());
    fault(LAUNCH_FAILED, std::string(stuck->waits == Waits::team ? "a barrier of a team" : "a barrier") + " that " +
                             std::to_string(missing) + " of " + std::to_string(threads) +
                             " threads do not reach (thread " + std::to_string(out) + " does not): " + where());
}

static void run_team(Runtime *runtime, std::vector<unsigned> &blocks) {
    current = nullptr;
    for (Block &block : team) {
        if (team.size() > 1) block.shared.assign(static_bytes + dynamic_bytes, (char)0xff); /* NaN */
        for (unsigned t = 0; t < threads; t++) start(block.fibers[t], t);
        for (size_t t = threads; t < block.fibers.size(); t++) block.fibers[t].waits = Waits::ended; /* of larger launches */
        block.can_go = true;
    }
    async_start((unsigned)team.size(), threads);
    if (team.size() == 1 && (kernel->module.checked || dynamic_bytes)) {
        memset(kernel->module.shared_begin, 0xff, static_bytes);
        memset(kernel->module.dynamic_begin, 0xff, dynamic_bytes);
    }
    checks_start(team.size());
    for (;;) {
        bool any = false;
        shuffle(blocks);
        for (unsigned b : blocks) {
            if (!team[b].can_go) continue;
            switch_to(team[b], runtime);
            team[b].can_go = false;
            any |= advance(runtime);
            if (has_left(b)) leaves(b);
        }
        any |= deliver();
        if (!any && !release_team() && all_ended(runtime)) return;
    }
}

Result launch(const Kernel &which, const Shape &shape, const std::vector<char> &arguments) {
    kernel = &which;
    kernel_arguments = arguments.data();
    block_size = shape.block;
    grid_size = shape.grid;
    threads = shape.block.x * shape.block.y * shape.block.z;
    static_bytes = (size_t)(which.module.shared_end - which.module.shared_begin);
    dynamic_bytes = shape.dynamic;
    order_seed = draw();
    order_state = order_seed | 1;
    Runtime *runtime = which.runtime;
    runtime->barrier = barrier;
    runtime->warp = warp;
    runtime->access = access;
    runtime->team_arrive = team_arrive;
    runtime->team_wait = team_wait;
    runtime->team_shared = team_shared;
    runtime->together = together;
    async_attach(runtime);
    runtime->state.block_size = block_size;
    runtime->state.grid_size = grid_size;
    unsigned all = grid_size.x * grid_size.y * grid_size.z, together = shape.together ? shape.together : all;
    runtime->state.ranks = together;
    checks_begin(runtime, which.module, dynamic_bytes);
    failure = SUCCESS;
    place = {nullptr, 0, 0, 0, 0, together};
    team.resize(together);
    for (Block &block : team) block.fibers.resize(std::max<size_t>(block.fibers.size(), threads));
    std::vector<unsigned> members(together), teams(all / together);
    for (unsigned i = 0; i < members.size(); i++) members[i] = i;
    for (unsigned i = 0; i < teams.size(); i++) teams[i] = i;
    shuffle(teams);
    if (setjmp(failed) == 0) {
        for (unsigned t : teams) {
            place.first = t * together;
            for (unsigned i = 0; i < together; i++) {
                unsigned b = t * together + i;
                team[i].number = b;
                team[i].index = {b % grid_size.x, b / grid_size.x % grid_size.y, b / grid_size.x / grid_size.y};
            }
            run_team(runtime, members);
        }
    }
    place.stack = nullptr;
    return failure;
}

}  // namespace cudasim
