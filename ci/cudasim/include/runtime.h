/*
 * What a module (kernels compiled as C++) and the simulator (libcuda.so.1) know of each other. A module exports one
 * function, cudasim_module, and gets all else through the table that it is given.
 */
#ifndef CUDASIM_RUNTIME_H
#define CUDASIM_RUNTIME_H

#include <cstddef>
#include <cstdint>

namespace cudasim {

struct Index {
    unsigned x, y, z;
};

/* Where the running thread is; the simulator sets it at every switch. */
struct State {
    Index thread, block, block_size, grid_size;
    unsigned rank, ranks; /* of the block in its cluster or, in a cooperative launch, in the grid; how many there are */
};

enum class Warp { sync, shuffle, ballot, sum, most };

/* Work of a whole warp, done once: each lane brings a pointer to what it gives and takes. */
using Together = void (*)(void *const *lanes);

/* How the sum of a product of tensor cores is made (QUERN_CUDASIM_SUMS). */
enum class Sums { exact, backward, hopper };

struct Runtime {
    State state;
    void (*barrier)();
    /* Waits for the lanes of the mask; gives what lane `source` of the warp brought (for ballot: all, as bits). */
    uint64_t (*warp)(Warp kind, unsigned mask, uint64_t value, unsigned source);
    /* The barrier of a cluster or a cooperative grid, and another of its blocks' shared memory. */
    void (*team_arrive)();
    void (*team_wait)();
    void *(*team_shared)(void *own, unsigned rank);
    void (*together)(Together work, void *mine);
    Sums sums;
    void (*named_barrier)(unsigned id, unsigned threads);
    /* An mbarrier, by the address that it has in the own block, and what is sent to others' (PTX ISA, st.async). */
    void (*mbarrier_init)(void *barrier, unsigned arrivals);
    void (*mbarrier_fence)();
    void (*mbarrier_signal)(void *barrier, unsigned arrivals, unsigned bytes);
    void (*mbarrier_wait)(void *barrier, unsigned parity);
    void (*put)(void *own, unsigned rank, const void *value, unsigned bytes, void *barrier);
    /* Copies into shared memory that are there when their thread has waited (cp.async). */
    void (*copy)(void *to, const void *from, unsigned bytes);
    void (*copies_wait)();
    void (*access)(const void *address, size_t size, bool write);
};

enum { most_parameters = 40 };

struct Entry {
    const char *name;
    void (*call)(const char *arguments);
    unsigned parameters;
    unsigned sizes[most_parameters], alignments[most_parameters];
    unsigned bytes; /* of the packed arguments */
};

/* The kernels of one source file, compiled by itself. */
struct Unit {
    const Entry *entries;
    unsigned count;
    void (*attach)(Runtime *);
    Unit *next;
};

struct Module {
    const Entry *entries;
    unsigned count;
    bool checked;
    char *shared_begin, *shared_end;   /* static shared memory */
    char *dynamic_begin, *dynamic_end; /* as much dynamic shared memory as a launch may ask for */
};

}  // namespace cudasim

extern "C" const cudasim::Module *cudasim_module(cudasim::Runtime *runtime);

#endif
