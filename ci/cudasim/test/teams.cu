/*
 * Kernels for the simulator's own tests: warps, clusters and cooperative grids, which Quern's kernels are to use. With
 * FAULT set to a number, one thing is left out that must be there.
 */
#include <cooperative_groups.h>

namespace cg = cooperative_groups;

#ifndef FAULT
#define FAULT 0
#endif

/* to[warp] = sum of from over the warp's 32 values */
extern "C" __global__ void __launch_bounds__(128) warp_sum(const float *from, float *to) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    float sum = from[i];
    for (unsigned bits = 16; bits > 0; bits /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, bits);
    }
    unsigned votes = __ballot_sync(0xffffffffu, sum != 0);
    if (threadIdx.x % 32 == 0) {
        to[i / 32] = votes == 0xffffffffu ? sum : -1;
    }
}

/* Within a warp, through shared memory: what one lane writes another reads. */
extern "C" __global__ void __launch_bounds__(128) warp_rotate(const float *from, float *to) {
    __shared__ float values[128];
    unsigned t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    values[t] = from[i];
#if FAULT != 1
    __syncwarp();
#endif
    to[i] = values[t / 32 * 32 + (t + 1) % 32];
}

/* to = sums over all blocks, by every block: one grid barrier between the parts and the whole. */
extern "C" __global__ void __launch_bounds__(64) grid_sum(const float *from, float *parts, float *to) {
    __shared__ float values[64];
    unsigned t = threadIdx.x;
    values[t] = from[blockIdx.x * 64 + t];
    for (unsigned half = 32; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) values[t] += values[t + half];
    }
    if (t == 0) parts[blockIdx.x] = values[0];
#if FAULT != 2
    cg::this_grid().sync();
#endif
    if (t == 0) {
        float sum = 0;
        for (unsigned b = 0; b < gridDim.x; b++) sum += parts[b];
        to[blockIdx.x] = sum;
    }
}

/* Each block of a cluster reads its right neighbour's shared memory, then writes into its left neighbour's. */
extern "C" __global__ void __cluster_dims__(4, 1, 1) __launch_bounds__(32) cluster_ring(const float *from, float *to) {
    __shared__ float own[32];
    __shared__ float given[32];
    cg::cluster_group cluster = cg::this_cluster();
    unsigned t = threadIdx.x, rank = cluster.block_rank(), n = cluster.num_blocks();
    own[t] = from[blockIdx.x * 32 + t];
#if FAULT != 3
    cluster.sync();
#endif
    float right = cluster.map_shared_rank(own, (rank + 1) % n)[t];
    cluster.map_shared_rank(given, (rank + n - 1) % n)[t] = right;
    cluster.barrier_arrive();
    cluster.barrier_wait();
    to[blockIdx.x * 32 + t] = given[t];
}
