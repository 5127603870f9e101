/*
 * Device memory and pinned host memory: pieces of one reserved range of addresses, each with inaccessible pages around
 * it. An address is never given twice, so what was freed stays known, and touching it faults or is reported.
 */
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "sim.h"

namespace cudasim {

static constexpr size_t page = 4096, reserved = (size_t)1 << 40;

static char *base, *next;
static size_t used;
/* By where they begin; never destroyed, since leaks are told at the very end. */
static auto &allocations = *new std::map<char *, std::unique_ptr<Allocation>>;
static unsigned count;
static Allocation *last;

/* NaN, since memory that nobody has written is not 0: a file's pages, each copied when it is first written, so that the
 * megabytes which a test allocates and leaves alone cost nothing. */
static bool fill(char *begin, size_t bytes) {
    static constexpr size_t piece = 4 << 20;
    static const int file = [] {
        int made = memfd_create("cudasim", MFD_CLOEXEC);
        const std::string nan(piece, (char)0xff);
        return made >= 0 && write(made, nan.data(), piece) == (ssize_t)piece ? made : -1;
    }();
    for (size_t at = 0; at < bytes; at += piece) {
        void *range = mmap(begin + at, std::min(piece, bytes - at), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, 0);
        if (range == MAP_FAILED) return false;
    }
    return true;
}

size_t total_bytes() { return (size_t)std::stoul(setting("QUERN_CUDASIM_MEMORY_MIB", "4096")) << 20; }

size_t free_bytes() { return total_bytes() - used; }

Result allocate(size_t bytes, bool host, bool mapped, Allocation **made) {
    if (bytes == 0) return INVALID_VALUE;
    if (!base) {
        void *range = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (range == MAP_FAILED) return OUT_OF_MEMORY;
        base = next = (char *)range;
    }
    size_t pages = (bytes + page - 1) / page * page;
    if ((!host && bytes > free_bytes()) || (size_t)(next - base) + pages + 2 * page > reserved) return OUT_OF_MEMORY;
    char *begin = next + page;
    if (!fill(begin, pages)) return OUT_OF_MEMORY;
    next = begin + pages;
    auto owned = std::make_unique<Allocation>(Allocation{begin, bytes, ++count, host, mapped, true});
    *made = owned.get();
    allocations[begin] = std::move(owned);
    if (!host) used += bytes;
    return SUCCESS;
}

Result release(void *pointer, bool host) {
    auto found = allocations.find((char *)pointer);
    if (found == allocations.end() || !found->second->live || found->second->host != host) return INVALID_VALUE;
    Allocation &a = *found->second;
    a.live = false;
    size_t pages = (a.bytes + page - 1) / page * page;
    /* one mapping with its neighbours again: a process may have so many only */
    mmap(a.begin, pages, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (!host) used -= a.bytes;
    return SUCCESS;
}

Allocation *find(const void *address) {
    char *at = (char *)address;
    if (!base || at < base || at >= next + page) return nullptr;
    if (last && at >= last->begin && at < last->begin + last->bytes) return last;
    auto after = allocations.upper_bound(at);
    if (after == allocations.begin()) return nullptr;
    return last = std::prev(after)->second.get();
}

bool within(const void *address, size_t bytes) {
    Allocation *a = find(address);
    return a && a->live && (char *)address + bytes <= a->begin + a->bytes;
}

void leaks() {
    for (auto &[begin, a] : allocations) {
        if (a->live) {
            report("leak: allocation " + std::to_string(a->number) + " of " + std::to_string(a->bytes) + " bytes of " +
                   (a->host ? "pinned host" : "device") + " memory was not freed");
        }
    }
}

}  // namespace cudasim
