/*
 * What goes on beside the threads: mbarriers and what is put into other blocks' shared memory (st.async), copies from global
 * memory (cp.async); and named barriers. PTX ISA 9.7.13.15 says when a phase completes: no arrival pending, no bytes to come.
 *
 * Bytes come as late as they can: those of a put while a thread waits for its mbarrier, in an order drawn from the seed; those
 * of a copy when its thread waits. So who does not wait reads what was there before. What PTX leaves undefined is a fault.
 * One thing is granted that PTX promises of arrivals only: a put comes after what its thread did before it.
 */
#include <algorithm>
#include <cstring>

#include "sim.h"

namespace cudasim {

/* What an mbarrier's place in memory holds, to see that nothing else is written there. */
static constexpr uint64_t mark = 0x7265697272616280u;
static constexpr long most_bytes = (1 << 20) - 1; /* of a transaction count */

struct Sent {
    size_t offset; /* in the shared memory of the block that it is for */
    unsigned char value[16];
    unsigned bytes;
    uint32_t sender, time; /* for the checks */
};

struct Mbarrier {
    unsigned rank; /* of its block in the team */
    size_t offset;
    unsigned arrivals; /* of each phase, */
    long pending;      /* of this one to come, */
    long bytes;        /* and bytes, below zero while more have come than were expected */
    uint64_t phase;
    bool fenced;                  /* so that other blocks may use it */
    std::vector<Sent> on_the_way; /* to be delivered, */
    std::vector<Sent> delivered;  /* in this phase */
    Clock phase_knows, knows;     /* of what came before this phase's arrivals, and those of all before */
};

struct Named {
    unsigned threads; /* that it is for; 0: nobody waits */
    std::vector<unsigned> there;
};

static constexpr unsigned named_barriers = 16;
struct Beside {
    std::map<size_t, Mbarrier> mbarriers; /* by place */
    Named named[named_barriers];
};
static std::vector<Beside> beside;              /* each block of the team */
static std::vector<std::vector<Sent>> copying;  /* each thread of the team */
static unsigned block_threads;

static std::string number(long n, const char *what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

static std::string place_text(const Mbarrier &m) {
    return "the mbarrier at byte " + std::to_string(m.offset) + " of block " + std::to_string(m.rank) + " of the team";
}

[[noreturn]] static void wrong(const std::string &what) { fault(LAUNCH_FAILED, what + ": " + where()); }

/* The mbarrier of a block at an address, which the running thread wants to use. */
static Mbarrier &at(unsigned rank, void *own) {
    size_t offset = shared_offset(own, 8);
    auto found = beside[rank].mbarriers.find(offset);
    if (found == beside[rank].mbarriers.end()) wrong("no mbarrier has been initialised at byte " + std::to_string(offset));
    Mbarrier &m = found->second;
    char *now = shared_at(rank, offset);
    checks_access(now, 8, false);
    if (memcmp(now, &mark, 8) != 0) wrong(place_text(m) + " has been written over");
    if (rank != place.rank && !m.fenced) wrong(place_text(m) + " is used by another block without a fence after its initialisation");
    return m;
}

static void mbarrier_init(void *own, unsigned arrivals) {
    size_t offset = shared_offset(own, 8);
    if (offset % 8) wrong("an mbarrier at byte " + std::to_string(offset) + ", which is no multiple of 8");
    if (arrivals == 0 || arrivals > (unsigned)most_bytes) wrong("an mbarrier for " + number(arrivals, "arrival"));
    checks_access(own, 8, true);
    memcpy(own, &mark, 8);
    beside[place.rank].mbarriers[offset] = {place.rank, offset, arrivals, (long)arrivals, 0, 0, false, {}, {}, {}, {}};
}

static void mbarrier_fence() {
    for (auto &[offset, m] : beside[place.rank].mbarriers) m.fenced = true;
}

/* Completes the phase if nothing is missing. */
static void settle(Mbarrier &m) {
    if (m.pending > 0) return;
    if (m.bytes < 0) wrong(number(-m.bytes, "byte") + " more than expected have come to " + place_text(m));
    if (m.bytes > 0) return;
    if (!m.on_the_way.empty()) {
        wrong(number((long)m.on_the_way.size(), "put") + " to " + place_text(m) + " that its phase does not expect");
    }
    for (const Sent &s : m.delivered) checks_received(m.rank, s.offset, s.bytes, s.sender, s.time);
    m.delivered.clear();
    checks_join(m.knows, m.phase_knows);
    m.phase_knows.clear();
    m.phase++;
    m.pending = m.arrivals;
    happens(m.rank, &m);
}

static void mbarrier_signal(void *own, unsigned arrivals, unsigned bytes) {
    Mbarrier &m = at(place.rank, own);
    checks_release(m.phase_knows);
    m.bytes += bytes;
    m.pending -= arrivals;
    if (m.pending < 0) wrong("an arrival too many at " + place_text(m));
    if (m.bytes > most_bytes) wrong(place_text(m) + " expects more bytes than it can count");
    settle(m);
}

static void mbarrier_wait(void *own, unsigned parity) {
    Mbarrier &m = at(place.rank, own);
    if (parity > 1) wrong("a wait for parity " + std::to_string(parity));
    while ((m.phase & 1) == parity) wait_for(&m);
    checks_acquire(m.knows);
}

static void put(void *own, unsigned rank, const void *value, unsigned bytes, void *barrier) {
    size_t offset = shared_offset(own, bytes);
    if (beside.size() < 2) wrong("a put in a team of one block, which PTX leaves undefined");
    if (rank >= beside.size()) wrong("a put into block " + std::to_string(rank) + " of a team of " + std::to_string(beside.size()));
    if (offset % bytes) wrong("a put of " + number(bytes, "byte") + " at byte " + std::to_string(offset));
    if (has_left(rank)) wrong("a put into block " + std::to_string(rank) + " of the team, which has left");
    Mbarrier &m = at(rank, barrier);
    Sent sent{offset, {}, bytes, checks_self(), checks_sent(rank, offset, bytes)};
    memcpy(sent.value, value, bytes);
    m.on_the_way.push_back(sent);
    checks_release(m.phase_knows);
}

bool deliver() {
    bool any = false;
    for (unsigned rank = 0; rank < beside.size(); rank++) {
        for (auto &[offset, m] : beside[rank].mbarriers) {
            if (m.on_the_way.empty() || !waited_for(rank, &m)) continue;
            any = true;
            for (size_t count = 1 + (next_order() >> 32) % m.on_the_way.size(); count > 0; count--) {
                size_t which = (next_order() >> 32) % m.on_the_way.size();
                const Sent sent = m.on_the_way[which];
                m.on_the_way[which] = m.on_the_way.back();
                m.on_the_way.pop_back();
                memcpy(shared_at(rank, sent.offset), sent.value, sent.bytes);
                m.delivered.push_back(sent);
                m.bytes -= sent.bytes;
                if (m.bytes < -most_bytes) wrong("more bytes have come to " + place_text(m) + " than it can count");
            }
            settle(m);
        }
    }
    return any;
}

void leaves(unsigned rank) {
    for (auto &[offset, m] : beside[rank].mbarriers) {
        if (!m.on_the_way.empty()) {
            wrong("a block leaves before " + number((long)m.on_the_way.size(), "put") + " to " + place_text(m));
        }
    }
}

static void copy(void *to, const void *from, unsigned bytes) {
    size_t offset = shared_offset(to, bytes);
    if (offset % bytes || (size_t)from % bytes) wrong("a copy of " + number(bytes, "byte") + " that is not aligned to as many");
    checks_access(from, bytes, false);
    checks_sent(place.rank, offset, bytes);
    Sent sent{offset, {}, bytes, 0, 0};
    memcpy(sent.value, from, bytes);
    copying[place.rank * block_threads + place.thread].push_back(sent);
}

static void copies_wait() {
    std::vector<Sent> &own = copying[place.rank * block_threads + place.thread];
    for (const Sent &s : own) {
        memcpy(shared_at(place.rank, s.offset), s.value, s.bytes);
        checks_received(place.rank, s.offset, s.bytes, checks_self(), 0);
    }
    own.clear();
}

static void named_barrier(unsigned id, unsigned threads) {
    if (id >= named_barriers) wrong("named barrier " + std::to_string(id) + ", there are " + std::to_string(named_barriers));
    Named &n = beside[place.rank].named[id];
    if (threads == 0 || threads % 32 || threads > block_threads) {
        wrong("named barrier " + std::to_string(id) + " for " + number(threads, "thread"));
    }
    if (n.threads && n.threads != threads) {
        wrong("named barrier " + std::to_string(id) + " for " + number(threads, "thread") + " where others wait at it for " +
              std::to_string(n.threads));
    }
    n.threads = threads;
    n.there.push_back(place.thread);
    if (n.there.size() < threads) {
        wait_for(&n);
        return;
    }
    std::sort(n.there.begin(), n.there.end());
    std::vector<unsigned> warps;
    for (size_t i = 0; i < threads; i += 32) {
        if (n.there[i] % 32 || n.there[i + 31] != n.there[i] + 31) {
            wrong("named barrier " + std::to_string(id) + " that only some lanes of warp " + std::to_string(n.there[i] / 32) + " come to");
        }
        warps.push_back(n.there[i] / 32);
    }
    checks_named_barrier(place.rank, warps);
    n.threads = 0;
    n.there.clear();
    happens(place.rank, &n);
}

std::string event_text(unsigned rank, const void *event) {
    for (auto &[offset, m] : beside[rank].mbarriers) {
        if (&m != event) continue;
        return "phase " + std::to_string(m.phase) + " of " + place_text(m) + " (" + number(m.pending, "arrival") + " and " +
               number(m.bytes, "byte") + " to come)";
    }
    const Named *n = (const Named *)event;
    return "named barrier " + std::to_string(n - beside[rank].named) + " (" + std::to_string(n->there.size()) + " of " +
           number(n->threads, "thread") + " are there)";
}

void async_attach(Runtime *to) {
    to->named_barrier = named_barrier;
    to->mbarrier_init = mbarrier_init;
    to->mbarrier_fence = mbarrier_fence;
    to->mbarrier_signal = mbarrier_signal;
    to->mbarrier_wait = mbarrier_wait;
    to->put = put;
    to->copy = copy;
    to->copies_wait = copies_wait;
    static const std::string sums = setting("QUERN_CUDASIM_SUMS", "exact");
    if (sums != "exact" && sums != "backward" && sums != "hopper") {
        report("QUERN_CUDASIM_SUMS is " + sums + ", and there are exact, backward and hopper: exact is taken");
    }
    to->sums = sums == "backward" ? Sums::backward : sums == "hopper" ? Sums::hopper : Sums::exact;
}

void async_start(unsigned blocks, unsigned threads) {
    beside.assign(blocks, {});
    block_threads = threads;
    copying.resize(std::max<size_t>(copying.size(), (size_t)blocks * threads));
    for (auto &own : copying) own.clear();
}

}  // namespace cudasim
