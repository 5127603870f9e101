/* As much of CUDA's cooperative groups as kernels here need: a cluster, and the grid of a cooperative launch. */
#ifndef CUDASIM_COOPERATIVE_GROUPS_H
#define CUDASIM_COOPERATIVE_GROUPS_H

#include "cudasim.h"

namespace cooperative_groups {

/* The blocks that are alive together. */
struct team {
    static void barrier_arrive() { cudasim_runtime->team_arrive(); }
    static void barrier_wait() { cudasim_runtime->team_wait(); }
    static void sync() {
        barrier_arrive();
        barrier_wait();
    }
};

struct cluster_group : team {
    static unsigned block_rank() { return cudasim_runtime->state.rank; }
    static unsigned num_blocks() { return cudasim_runtime->state.ranks; }
    template <class T>
    static T *map_shared_rank(T *own, unsigned rank) {
        return (T *)cudasim_runtime->team_shared((void *)own, rank);
    }
};

struct grid_group : team {};

struct thread_block {
    static void sync() { __syncthreads(); }
};

static inline cluster_group this_cluster() { return {}; }
static inline grid_group this_grid() { return {}; }
static inline thread_block this_thread_block() { return {}; }

}  // namespace cooperative_groups

#endif
