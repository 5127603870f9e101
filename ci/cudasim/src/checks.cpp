/*
 * Looks at every load and store of a kernel: is it inside what the thread may touch, to the byte; and does nothing
 * order it with another thread's access to the same word (a race), at least one of them a store? Time moves on at each
 * barrier and warp operation; an access is ordered after those from before its block's last barrier, or its warp's
 * last operation, and after what its warp knows of other warps by mbarriers and named barriers.
 */
#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "sim.h"

namespace cudasim {

/*
 * Who touched a word last, in which launch (of shared memory: in which run of a block), so that nothing need be
 * cleared for the next one.
 */
struct Word {
    uint32_t span, time_read, time_written;
    uint32_t reader, writer; /* thread within the grid + 1; or several of a block, or of more than one; or still coming */
    uint32_t reader_block, reader_warps;
    uint32_t bytes; /* of the word, that lanes of the writer's warp have stored: parts of a word are no race */
};
static constexpr uint32_t many = 0xffffffffu, many_of_block = 0xfffffffeu, coming = 0xfffffffdu;

static uint32_t launches, now, team_since;

/* What orders the accesses of a block of the team, and its shared memory. */
struct Since {
    uint32_t run, barrier, warp[32];
    std::vector<Word> words;
};
static std::vector<Since> blocks;
static uint32_t block_runs;
/*
 * What each warp of the team knows of every other, [warp][warp], beyond what barriers of whole blocks and teams order: by
 * mbarriers and named barriers. Empty until the team first uses one.
 */
static Clock known;
static size_t warps, team_warps; /* of a block, of the team */
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
    const Index &threads = runtime->state.block_size;
    warps = (threads.x * threads.y * threads.z + 31) / 32;
    team_warps = warps * size;
    known.clear();
}

static Known *known_by(size_t rank, size_t warp) {
    if (known.empty()) known.resize(team_warps * team_warps);
    return &known[(rank * warps + warp) * team_warps];
}

/* Lanes that are told of one by one share a time: of what such a lane did between its own and theirs nothing is said. */
static void join(Known &to, const Known &from) {
    to.all = std::max(to.all, from.all);
    if (to.upto <= to.all) to.lanes = to.upto = 0;
    if (from.upto <= to.all) return;
    to.lanes |= from.lanes;
    to.upto = std::max(to.upto, from.upto);
}

static void join(Known *to, const Known *from) {
    for (size_t w = 0; w < team_warps; w++) join(to[w], from[w]);
}

/* All of these warps of a block know what one of them knows. */
static void meet(size_t rank, const std::vector<unsigned> &those) {
    Clock all(team_warps);
    for (unsigned w : those) join(all.data(), known_by(rank, w));
    for (unsigned w : those) std::copy(all.begin(), all.end(), known_by(rank, w));
}

void checks_barrier(size_t rank) {
    blocks[rank].barrier = ++now;
    if (known.empty()) return;
    static std::vector<unsigned> all;
    all.clear();
    for (unsigned w = 0; w < warps; w++) all.push_back(w);
    meet(rank, all);
}

void checks_named_barrier(size_t rank, const std::vector<unsigned> &those) {
    if (!module->checked) return;
    ++now;
    for (unsigned w : those) known_by(rank, w)[rank * warps + w].all = now;
    meet(rank, those);
}

void checks_release(Clock &to) {
    if (!module->checked) return;
    size_t warp = place.thread / 32, first = place.rank * warps;
    const Since &since = blocks[place.rank];
    to.resize(team_warps);
    join(to.data(), known_by(place.rank, warp));
    for (size_t w = 0; w < warps; w++) join(to[first + w], {w == warp ? std::max(since.barrier, since.warp[w]) : since.barrier, 0, 0});
    join(to[first + warp], {0, 1u << place.thread % 32, ++now});
}

void checks_join(Clock &to, const Clock &from) {
    if (from.empty()) return;
    to.resize(team_warps);
    join(to.data(), from.data());
}

void checks_acquire(const Clock &from) {
    if (!from.empty()) join(known_by(place.rank, place.thread / 32), from.data());
}

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

/* Whether what a warp of the grid did before `time` comes before what runs now. */
static bool after_warp(uint32_t time, uint32_t block, unsigned warp) {
    if (block - place.first >= place.team) return false;
    if (time < team_since) return true;
    unsigned self = place.thread / 32;
    if (block == place.block) {
        const Since &since = blocks[place.rank];
        if (time < since.barrier || (warp == self && time < since.warp[warp])) return true;
    }
    return !known.empty() && time < known_by(place.rank, self)[(block - place.first) * warps + warp].all;
}

/* Whether an access at `time` by a thread of the grid is ordered before what runs now. */
static bool ordered(uint32_t time, uint32_t other, uint32_t self) {
    if (other == self) return true;
    if (other == coming) return false;
    uint32_t block = (other - 1) / 1024;
    unsigned thread = (other - 1) % 1024;
    if (after_warp(time, block, thread / 32)) return true;
    if (known.empty() || block - place.first >= place.team) return false;
    const Known &of = known_by(place.rank, place.thread / 32)[(block - place.first) * warps + thread / 32];
    return (of.lanes >> thread % 32 & 1) && time < of.upto;
}

static bool after_readers(const Word &w, uint32_t self) {
    if (!w.reader) return true;
    if (w.reader == many) return place.team > 1 && w.time_read < team_since;
    if (w.reader != many_of_block) return ordered(w.time_read, w.reader, self);
    for (unsigned warp = 0; warp < 32; warp++) {
        if ((w.reader_warps >> warp & 1) && !after_warp(w.time_read, w.reader_block, warp)) return false;
    }
    return true;
}

static inline void check_race(Word &w, uint32_t span, bool write, const char *memory, size_t offset, size_t size) {
    /* threads are numbered 1024 a block, so that block and warp can be told from the number */
    uint32_t block = place.block, self = checks_self();
    if (w.span != span) {
        w = {span, 0, 0, 0, 0, 0, 0, 0};
    }
    uint32_t bytes = size >= 4 ? 15u : ((1u << size) - 1) << offset % 4;
    bool apart = false;
    const char *conflict = nullptr;
    uint32_t other = 0;
    if (w.writer && !ordered(w.time_written, w.writer, self)) {
        apart = write && (w.writer - 1) / 32 == (self - 1) / 32 && !(w.bytes & bytes);
        if (!apart) {
            conflict = write ? "two stores" : "a load after a store";
            other = w.writer;
        }
    }
    bool after_reads = after_readers(w, self);
    if (write && !after_reads && !conflict) {
        conflict = "a store after a load";
        other = w.reader;
    }
    if (conflict) {
        std::string by = other >= many_of_block ? "several threads"
                                                : "thread " + std::to_string((other - 1) % 1024) + " of block " +
                                             std::to_string((other - 1) / 1024);
        fault(LAUNCH_FAILED,
              std::string("race in ") + memory + " memory at byte " + std::to_string(offset) + ": " +
                  (other == coming ? std::string(write ? "a store to" : "a load of") + " what a copy or a put is to bring, which nobody has waited for"
                                   : conflict + (" by " + by) + " with nothing between") +
                  ": " + where());
    }
    if (write) {
        w.writer = self;
        w.time_written = now;
        w.bytes = apart ? w.bytes | bytes : bytes;
    } else {
        /* reads that come before this one come before all that will be after it */
        w.reader = after_reads ? self : w.reader_block == block ? many_of_block : many;
        w.reader_block = block;
        w.reader_warps = (after_reads ? 0 : w.reader_warps) | 1u << place.thread / 32;
        w.time_read = now;
    }
}

static void check_shared(size_t rank, size_t offset, size_t size, bool write) {
    Since &block = blocks[rank];
    for (size_t i = 0; i < size; i += 4) {
        check_race(block.words[(offset + i) / 4], block.run, write, "shared", offset + i, size - i);
    }
}

uint32_t checks_sent(size_t rank, size_t offset, size_t size) {
    if (!module->checked) return 0;
    check_shared(rank, offset, size, true);
    for (size_t i = 0; i < size; i += 4) blocks[rank].words[(offset + i) / 4].writer = coming;
    return now;
}

void checks_received(size_t rank, size_t offset, size_t size, uint32_t sender, uint32_t time) {
    if (!module->checked) return;
    for (size_t i = 0; i < size; i += 4) {
        Word &w = blocks[rank].words[(offset + i) / 4];
        w.writer = sender;
        w.time_written = time ? time : now;
    }
}

uint32_t checks_self() { return place.block * 1024 + place.thread + 1; }

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
        check_shared((size_t)owner, offset, size, write);
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
            check_race(words[(offset + i) / 4], launches, write, "device", offset + i, size - i);
        }
        return;
    }
    if (!write && at >= image_begin && at < image_end) return; /* constants */
    fault(ILLEGAL_ADDRESS, doing() + "outside all memory of the device: " + where());
}

void checks_access(const void *address, size_t size, bool write) {
    if (module->checked) access(address, size, write);
}

}  // namespace cudasim
