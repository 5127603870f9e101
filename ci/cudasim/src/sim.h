/* The simulator's parts, and what they say to each other. All of it runs under one lock, taken in driver.cpp. */
#ifndef CUDASIM_SIM_H
#define CUDASIM_SIM_H

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../include/runtime.h"

namespace cudasim {

/* CUresult, as far as it is used; the values are CUDA's. */
enum Result {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    INVALID_PTX = 218,
    UNSUPPORTED_PTX_VERSION = 222,
    NO_BINARY_FOR_GPU = 209,
    ECC_UNCORRECTABLE = 214,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    ILLEGAL_ADDRESS = 700,
    LAUNCH_OUT_OF_RESOURCES = 701,
    LAUNCH_TIMEOUT = 702,
    LAUNCH_FAILED = 719,
    COOPERATIVE_LAUNCH_TOO_LARGE = 720,
    NOT_SUPPORTED = 801,
    STREAM_CAPTURE_UNSUPPORTED = 900,
    STREAM_CAPTURE_INVALIDATED = 901,
    INVALID_CLUSTER_SIZE = 912,
    UNKNOWN = 999,
};

/* ---- settings (settings.cpp) ---- */
std::string setting(const char *name, const char *otherwise);
/* One of several, by commas, for a device; devices beyond the last are like it. */
std::string setting(const char *name, const char *otherwise, unsigned device);
unsigned capability(unsigned device); /* ten times the major number plus the minor one */
unsigned current_device();            /* of the calling thread (driver.cpp) */
void report(const std::string &line); /* to QUERN_CUDASIM_REPORT, else to stderr */
Result injected(const char *call);    /* what QUERN_CUDASIM_FAIL has for this call of a function */
uint64_t draw();                      /* the next number of the seed's sequence */

/* ---- memory (memory.cpp) ---- */
struct Allocation {
    char *begin;
    size_t bytes;
    unsigned number;
    bool host;   /* pinned memory of the host */
    bool mapped; /* that the device may touch */
    bool live;
};
Result allocate(size_t bytes, bool host, bool mapped, Allocation **made);
Result release(void *pointer, bool host);
/* The allocation at or last before an address, live or not; null outside the simulator's memory. */
Allocation *find(const void *address);
bool within(const void *address, size_t bytes); /* all in one live allocation */
size_t free_bytes();
size_t total_bytes();
void leaks();

/* ---- checks of kernels (checks.cpp) ---- */
void checks_begin(const Runtime *runtime, const Module &module, size_t dynamic_bytes);
void checks_start(size_t blocks); /* a team of so many starts */
void checks_barrier(size_t rank);
void checks_warp(size_t rank, unsigned warp);
void checks_team();
void access(const void *address, size_t size, bool write);
void checks_access(const void *address, size_t size, bool write); /* if the module is checked */
/* Of a warp: what all its lanes did before a time, and some lanes before a later one, has come before. */
struct Known {
    uint32_t all, lanes, upto;
};
using Clock = std::vector<Known>;     /* of each warp of the team; empty knows nothing */
void checks_release(Clock &to);       /* the running thread tells all that comes before, */
void checks_acquire(const Clock &of); /* and learns of it */
void checks_join(Clock &to, const Clock &from);
void checks_named_barrier(size_t rank, const std::vector<unsigned> &warps);
/* Bytes of a block's shared memory that the running thread sends (gives the time), and that have come (0: now). */
uint32_t checks_sent(size_t rank, size_t offset, size_t size);
void checks_received(size_t rank, size_t offset, size_t size, uint32_t sender, uint32_t time);
uint32_t checks_self(); /* the running thread, as a sender */

/* ---- kernels (launch.cpp) ---- */
struct Shape {
    Index grid, block;
    unsigned together; /* blocks of a cluster; 0: all, for a cooperative launch */
    unsigned dynamic;  /* bytes of dynamic shared memory of a block */
};
struct Kernel {
    Module module;
    Entry entry;
    Runtime *runtime;
    unsigned cluster;                 /* blocks of a cluster, 1 without */
    unsigned most_dynamic = 48 << 10; /* what cuFuncSetAttribute may raise */
    bool any_cluster = false;         /* and allow: more blocks than every device has together */
};
Result launch(const Kernel &kernel, const Shape &shape, const std::vector<char> &arguments);
/* Ends the kernel that runs with an error; called from one of its fibers, does not return. */
[[noreturn]] void fault(Result result, const std::string &message);
/* Where the fiber that runs is, as every access asks for it. */
struct Place {
    const char *stack; /* the fiber's; null where none runs */
    unsigned thread;   /* its number within the block */
    unsigned block;    /* the block's within the grid, */
    unsigned rank;     /* within its team, */
    unsigned first;    /* that of the team's first block, */
    unsigned team;     /* and how many blocks that has */
};
extern Place place;
static constexpr size_t stack_bytes = 64 << 10;
static inline bool on_stack(const void *address) {
    return place.stack && (size_t)((const char *)address - place.stack) < stack_bytes;
}
/* Which other block of the team an address of shared memory is of, and where in it; -1 if it is none. */
int shared_owner(const char *address, size_t *offset);
std::string where();            /* entry, block and thread, and the seed of the order */
uint64_t next_order();          /* drawn from that */
size_t shared_offset(const void *own, size_t size); /* where in a block's shared memory an address of the own block is */
char *shared_at(unsigned rank, size_t offset);      /* and where that lies now */
void wait_for(const void *event);                   /* puts the running thread to sleep until it happens */
bool waited_for(unsigned rank, const void *event);
void happens(unsigned rank, const void *event); /* for all threads of a block that wait for it */
bool has_left(unsigned rank);

/* ---- what threads wait for beyond barriers (async.cpp) ---- */
void async_attach(Runtime *runtime);
void async_start(unsigned blocks, unsigned threads); /* a team starts */
bool deliver();                                      /* some of the puts that are waited for; says whether any */
void leaves(unsigned rank);                          /* all threads of a block have ended */
std::string event_text(unsigned rank, const void *event);

/* ---- modules (module.cpp) and what images say of their kernels (cubin.cpp) ---- */
struct EntryInImage {
    std::vector<unsigned> sizes; /* of its parameters */
    unsigned cluster = 1;        /* blocks of its clusters */
};
using Entries = std::map<std::string, EntryInImage>;
bool is_cubin(const char *image);
Result read_cubin(const char *image, int driver_version, std::string *log, Entries *entries);
struct LoadedModule {
    void *handle;
    std::map<std::string, std::unique_ptr<Kernel>> kernels;
};
Result load_module(const char *image, int driver_version, std::string *log, LoadedModule **made);
void unload_module(LoadedModule *module);

/* ---- streams (stream.cpp) ---- */
struct Stream;
struct Event {
    Stream *stream = nullptr;
    uint64_t number = 0; /* of the stream's work after which it has happened */
    double seconds = 0;
};
using Work = std::function<Result()>;
struct Task {
    Work work;
    Stream *wait_stream = nullptr; /* waits for this stream to have done so much */
    uint64_t wait_number = 0;
};
struct Stream {
    std::deque<Task> tasks;
    uint64_t asked = 0, done = 0;
    bool capturing = false, invalid = false;
    std::vector<Work> captured;
};
Result enqueue(Stream *stream, Work work);
Result enqueue_wait(Stream *stream, Event *event);
Result record(Stream *stream, Event *event);
bool happened(const Event *event);
Result drain(Stream *stream);
Result drain_until(Stream *stream, uint64_t number);
Result drain_all();
void progress(); /* runs a few tasks of some stream */
void add_stream(Stream *stream);
void remove_stream(Stream *stream);
bool anything_captures();
Result sticky();
void set_sticky(Result result);

}  // namespace cudasim

#endif
