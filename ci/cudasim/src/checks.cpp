/*
 * Looks at every load and store of a kernel: is it inside what the thread may touch, to the byte; and does nothing
 * order it with another thread's access to the same word (a race), at least one of them a store? Time moves on at each
 * barrier and warp operation; an access is ordered after those from before its block's last barrier, or its warp's
 * last operation.
 */
#include <link.h>
#include <sys/mman.h>

#include <cstring>

#include "sim.h"

namespace cudasim {

/*
 * Who touched a word last, in which launch (of shared memory: in which run of a block), so that nothing need be
 * cleared for the next one.
 */
struct Word {
    uint32_t span, time_read, time_written;
    uint32_t reader, writer; /* thread within the grid + 1; or several of a block, or of more than one */
    uint32_t reader_block;
};
static constexpr uint32_t many = 0xffffffffu, many_of_block = 0xfffffffeu;

static uint32_t launches, now, team_since;

/* What orders the accesses of a block of the team, and its shared memory. */
struct Since {
    uint32_t run, barrier, warp[32];
    std::vector<Word> words;
};
static std::vector<Since> blocks;
static uint32_t block_runs;
static const Module *module;
static size_t static_bytes, dynamic_bytes; /* of a block's shared memory */
static const Runtime *runtime; /* where threadIdx and its like are read */
static std::map<unsigned, Word *> allocation_words; /* by the allocation's number; zero pages until touched */
static Allocation *last_allocation;
static Word *last_words;
static const char *image_begin, *image_end;

static int image_of(struct dl_phdr_info *info, size_t, void *wanted) {
    const char *first = nullptr, *end = nullptr;
    bool holds = false;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const auto &p = info->dlpi_phdr[i];
        if (p.p_type != PT_LOAD) continue;
        const char *begin = (const char *)info->dlpi_addr + p.p_vaddr;
        if (!first) first = begin;
        end = begin + p.p_memsz;
        holds |= (const char *)wanted >= begin && (const char *)wanted < end;
    }
    if (!holds) return 0;
    image_begin = first;
    image_end = end;
    return 1;
}

void checks_begin(const Runtime *of, const Module &which, size_t dynamic) {
    runtime = of;
    static_bytes = (size_t)(which.shared_end - which.shared_begin);
    dynamic_bytes = dynamic;
    if (module != &which) {
        module = &which;
        dl_iterate_phdr(image_of, which.shared_begin);
    }
    launches++;
    now = 1;
}

void checks_start(size_t size) {
    blocks.resize(size);
    for (Since &block : blocks) {
        block.run = ++block_runs;
        size_t words = module->checked ? (static_bytes + dynamic_bytes) / 4 + 1 : 0;
        if (block.words.size() < words) block.words.resize(words);
        block.barrier = now;
        memset(block.warp, 0, sizeof block.warp);
    }
    team_since = now;
    now++;
}

void checks_barrier(size_t rank) { blocks[rank].barrier = ++now; }

void checks_warp(size_t rank, unsigned warp) { blocks[rank].warp[warp % 32] = ++now; }

void checks_team() { team_since = ++now; }

static Word *words_of(Allocation *a) {
    if (a == last_allocation) return last_words;
    Word *&words = allocation_words[a->number];
    if (!words) {
        words = (Word *)mmap(nullptr, (a->bytes / 4 + 1) * sizeof(Word), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    last_allocation = a;
    return last_words = words;
}

/* Whether an access at `time` by a thread of the grid is ordered before what runs now. */
static bool ordered(uint32_t time, uint32_t other, uint32_t self) {
    if (other == self) return true;
    uint32_t block = (other - 1) / 1024;
    if (block - place.first >= place.team) return false;
    if (time < team_since) return true;
    if (block != place.block) return false;
    const Since &since = blocks[place.rank];
    unsigned warp = place.thread / 32;
    return time < since.barrier || ((other - 1) % 1024 / 32 == warp && time < since.warp[warp]);
}

static inline void check_race(Word &w, uint32_t span, bool write, const char *memory, size_t offset) {
    /* threads are numbered 1024 a block, so that block and warp can be told from the number */
    uint32_t block = place.block, self = block * 1024 + place.thread + 1;
    if (w.span != span) {
        w = {span, 0, 0, 0, 0, 0};
    }
    const char *conflict = nullptr;
    uint32_t other = 0;
    if (w.writer && !ordered(w.time_written, w.writer, self)) {
        conflict = write ? "two stores" : "a load after a store";
        other = w.writer;
    }
    /* of several readers of a block, any stands for all; of more blocks, only the team's barrier orders */
    bool after_reads = !w.reader || (w.reader == many ? place.team > 1 && w.time_read < team_since
                                                      : ordered(w.time_read, w.reader == many_of_block
                                                                                 ? w.reader_block * 1024 + 1024
                                                                                 : w.reader,
                                                                self));
    if (write && !after_reads && !conflict) {
        conflict = "a store after a load";
        other = w.reader;
    }
    if (conflict) {
        std::string by = other >= many_of_block ? "several threads"
                                                : "thread " + std::to_string((other - 1) % 1024) + " of block " +
                                             std::to_string((other - 1) / 1024);
        fault(LAUNCH_FAILED, std::string("race in ") + memory + " memory at byte " + std::to_string(offset) + ": " +
                                 conflict + " by " + by + " with nothing between: " + where());
    }
    if (write) {
        w.writer = self;
        w.time_written = now;
    } else {
        /* reads that come before this one come before all that will be after it */
        w.reader = after_reads ? self : w.reader_block == block ? many_of_block : many;
        w.reader_block = block;
        w.time_read = now;
    }
}

void access(const void *address, size_t size, bool write) {
    const char *at = (const char *)address;
    if (on_stack(address) || (size_t)(at - (const char *)runtime) < sizeof(Runtime)) return;
    size_t offset = (size_t)(at - module->shared_begin);
    int owner = offset < static_bytes ? (int)place.rank : -1;
    if (owner < 0 && (size_t)(at - module->dynamic_begin) < dynamic_bytes) {
        offset = static_bytes + (size_t)(at - module->dynamic_begin);
        owner = (int)place.rank;
    }
    if (owner < 0) owner = shared_owner(at, &offset);
    if (owner >= 0) {
        Since &block = blocks[owner];
        for (size_t i = 0; i < size; i += 4) {
            check_race(block.words[(offset + i) / 4], block.run, write, "shared", offset + i);
        }
        return;
    }
    auto doing = [=] { return std::string(write ? "a store of " : "a load of ") + std::to_string(size) + " bytes "; };
    Allocation *a = find(address);
    if (a) {
        offset = (size_t)(at - a->begin);
        auto whose = [=] {
            return " allocation " + std::to_string(a->number) + " of " + std::to_string(a->bytes) + " bytes: ";
        };
        if (!a->live) {
            fault(ILLEGAL_ADDRESS, doing() + "in freed" + whose() + where());
        }
        if (offset + size > a->bytes) {
            fault(ILLEGAL_ADDRESS, doing() + std::to_string((long)(offset + size - a->bytes)) + " bytes past the end of" +
                                       whose() + where());
        }
        if (a->host && !a->mapped) {
            fault(ILLEGAL_ADDRESS, doing() + "in host memory that is not mapped," + whose() + where());
        }
        Word *words = words_of(a);
        for (size_t i = 0; i < size; i += 4) {
            check_race(words[(offset + i) / 4], launches, write, "device", offset + i);
        }
        return;
    }
    if (!write && at >= image_begin && at < image_end) return; /* constants */
    fault(ILLEGAL_ADDRESS, doing() + "outside all memory of the device: " + where());
}

}  // namespace cudasim
