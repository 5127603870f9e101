/* What all functions of the driver begin with. */
#ifndef CUDASIM_DRIVER_H
#define CUDASIM_DRIVER_H

#include <cstdio>
#include <mutex>

#include "sim.h"

namespace cudasim {

extern std::recursive_mutex lock;
bool is_initialised();
bool has_context();
int driver_version();
unsigned most_shared(unsigned device); /* bytes of shared memory of a block that asks for it */

}  // namespace cudasim

#define API(name) extern "C" __attribute__((visibility("default"))) cudasim::Result name

/* Takes the lock; what was told to fail, fails. */
#define ENTER_ALWAYS(name)                                  \
    std::lock_guard<std::recursive_mutex> hold(cudasim::lock); \
    if (cudasim::Result told = cudasim::injected(#name)) return told;

/* A broken context stays broken. */
#define ENTER(name)                                                                   \
    ENTER_ALWAYS(name)                                                                \
    if (std::string(#name) != "cuInit" && !cudasim::is_initialised()) return cudasim::NOT_INITIALIZED; \
    if (cudasim::sticky() != cudasim::SUCCESS) return cudasim::sticky();

#define ENTER_CONTEXT(name) \
    ENTER(name)             \
    if (!cudasim::has_context()) return cudasim::INVALID_CONTEXT;

#endif
