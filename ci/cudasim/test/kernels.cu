/*
 * Kernels for the simulator's own tests (SimulatorTest): warps, clusters and cooperative grids, products of tensor cores, mbarriers
 * and puts, named barriers, copies. With `fault` set to a number, one thing is wrong: what the number stands for is where it is.
 */
#include <cooperative_groups.h>

namespace cg = cooperative_groups;

#define KERNEL(name, threads)                                        \
    extern "C" __global__ void __launch_bounds__(threads) name(const float *from, float *to, int fault)
#define ALL 0xffffffffu

/* to[warp] = sum of from over the warp's 32 values, by three ways */
KERNEL(warp_sum, 128) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    float sum = from[i];
    for (unsigned bits = 16; bits > 0; bits /= 2) sum += __shfl_xor_sync(ALL, sum, bits);
    unsigned votes = __ballot_sync(ALL, sum != 0);
    bool same = reduce_add((unsigned)from[i]) == (unsigned)sum && reduce_max((unsigned)from[i]) == (i / 32 + 1) * 32;
    if (threadIdx.x % 32 == 0) to[i / 32] = votes == ALL && same ? sum : -1;
}

/* Within a warp, through shared memory: what one lane writes another reads. */
KERNEL(warp_rotate, 128) {
    __shared__ float values[128];
    unsigned t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    values[t] = from[i];
    if (fault != 1) __syncwarp();
    to[i] = values[t / 32 * 32 + (t + 1) % 32];
}

/* to = sums over all blocks, by every block: one grid barrier between the parts, which are behind them, and the whole. */
KERNEL(grid_sum, 64) {
    __shared__ float values[64];
    unsigned t = threadIdx.x;
    float *parts = to + gridDim.x;
    values[t] = from[blockIdx.x * 64 + t];
    for (unsigned half = 32; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) values[t] += values[t + half];
    }
    if (t == 0) parts[blockIdx.x] = values[0];
    if (fault != 1) cg::this_grid().sync();
    if (t == 0) {
        float sum = 0;
        for (unsigned b = 0; b < gridDim.x; b++) sum += parts[b];
        to[blockIdx.x] = sum;
    }
}

/* Each block of a cluster reads its right neighbour's shared memory, then writes into its left neighbour's. */
KERNEL(cluster_ring, 32) {
    __shared__ float own[32];
    __shared__ float given[32];
    cg::cluster_group cluster = cg::this_cluster();
    unsigned t = threadIdx.x, rank = cluster.block_rank(), n = cluster.num_blocks();
    own[t] = from[blockIdx.x * 32 + t];
    if (fault != 1) cluster.sync();
    float right = cluster.map_shared_rank(own, (rank + 1) % n)[t];
    cluster.map_shared_rank(given, (rank + n - 1) % n)[t] = right;
    if (fault != 2) cluster_arrive();
    if (fault == 3) cluster_arrive();
    cluster_wait();
    to[blockIdx.x * 32 + t] = given[t];
}

/* A lane has a[4], b[2], c[4] in from; c after it in to. */
KERNEL(half_product, 32) {
    const unsigned *words = (const unsigned *)from + 10 * threadIdx.x;
    unsigned a[4] = {words[0], words[1], words[2], words[3]};
    float c[4] = {from[10 * threadIdx.x + 6], from[10 * threadIdx.x + 7], from[10 * threadIdx.x + 8], from[10 * threadIdx.x + 9]};
    if (fault == 1 && threadIdx.x == 7) {
        __syncwarp();
    } else {
        mma_half(c, a, words[4], words[5]);
    }
    for (int i = 0; i < 4; i++) to[4 * threadIdx.x + i] = c[i];
}

KERNEL(tf32_product, 32) {
    const float *words = from + 10 * threadIdx.x;
    float a[4] = {words[0], words[1], words[2], words[3]}, c[4] = {words[6], words[7], words[8], words[9]};
    mma_tf32(c, a, words[4], words[5]);
    for (int i = 0; i < 4; i++) to[4 * threadIdx.x + i] = c[i];
}

/* Sums of rows of 13 columns in shared memory that has 16: the others were never written, and nothing times NaN is NaN. */
KERNEL(padded_product, 32) {
    __shared__ float rows[16][17];
    unsigned t = threadIdx.x, g = t / 4, q = t % 4;
    for (unsigned i = t; i < 16 * 13; i += 32) rows[i / 13][i % 13] = from[i];
    __syncwarp();
    float c[4] = {};
    for (unsigned k = 0; k < 16; k += 8) {
        auto value = [&](unsigned r, unsigned column) { return column < 13 || fault == 1 ? rows[r][column] : 0.0f; };
        float a[4] = {value(g, k + q), value(g + 8, k + q), value(g, k + q + 4), value(g + 8, k + q + 4)};
        mma_tf32(c, a, k + q < 13 ? 1.0f : 0.0f, k + q + 4 < 13 ? 1.0f : 0.0f);
    }
    if (q == 0) {
        to[g] = c[0];
        to[g + 8] = c[2];
    }
}

/* The halves of 64 threads there and back, and what lies midway between two of them. */
KERNEL(halves, 64) {
    unsigned wrong = 0;
    for (unsigned h = threadIdx.x; h < 0x7c00; h += 64) {
        float v = unpack_half2(h).x, next = h < 0x7bff ? unpack_half2(h + 1).x : 65536.0f, middle = v + (next - v) / 2;
        wrong += pack_half2(v, -v) != (h | (h | 0x8000u) << 16) || pack_half2(middle, nextafterf(middle, 0.0f)) != ((h + 1) / 2 * 2 | h << 16);
        wrong += !(next > v) || unpack_half2((h | 0x8000u) << 16).y != -v;
    }
    to[threadIdx.x] = (float)wrong;
}

/* Of one value: root, reciprocal, power of 2, logarithm to base 2. */
KERNEL(functions, 32) {
    float v = from[threadIdx.x];
    to[threadIdx.x] = fast_sqrt(v);
    to[threadIdx.x + 32] = fast_rcp(v);
    to[threadIdx.x + 64] = fast_exp2(v);
    to[threadIdx.x + 96] = fast_log2(v);
}

/*
 * Steps of a cluster of 4: warp 0 of each block puts its values into all blocks and stores one of its own, warp 1 waits for
 * them and adds what has come; two places in turn. to[block][step] = sum.
 */
enum { STEPS = 5, BLOCKS = 4 };
KERNEL(exchange, 64) {
    __shared__ uint4 given[2][BLOCKS];
    __shared__ float beside[2];
    __shared__ unsigned long long bars[2];
    unsigned t = threadIdx.x, lane = t % 32, rank = cg::this_cluster().block_rank();
    if (t == 0 && fault != 1) {
        for (int k = 0; k < 2; k++) barrier_init(&bars[k], fault == 2 ? 3 : 2);
        if (fault != 3) barrier_init_fence();
    }
    if (fault != 4) cg::this_cluster().sync();
    float own = 0;
    for (int step = 0; step < STEPS; step++) {
        if (fault == 11 && step == STEPS - 1 && rank == 0) return;
        int slot = fault == 5 ? 0 : step % 2;
        unsigned parity = fault == 5 ? step % 2 : step / 2 % 2;
        if (t < 32) {
            unsigned v = __float_as_uint(from[blockIdx.x * 32 + step] + own);
            if (fault == 6 && lane == 0) barrier_arrive(&bars[slot]);
            if (lane == 0) beside[slot] = (float)step;
            if (lane < BLOCKS) put_async16(&given[slot][rank], lane, make_uint4(v, v, v, v), &bars[slot]);
            __syncwarp();
            if (lane == 0 && fault != 6 && !(fault == 7 && step == 2)) barrier_arrive(&bars[slot]);
            if (lane == 0 && fault == 8) barrier_arrive(&bars[slot]);
        } else {
            if (lane == 0) barrier_expect(&bars[slot], 16 * BLOCKS + (fault == 9 ? -16 : fault == 10 ? 16 : 0));
            if (fault == 12 && step == 1) bars[slot] = 0;
            if (fault == 16 && step == STEPS - 1) return;
            if (fault != 13) barrier_wait(&bars[slot], fault == 14 ? 1 - parity : parity);
            float sum = beside[slot];
            for (int b = 0; b < BLOCKS; b++) sum += __uint_as_float(given[slot][b].w);
            if (lane == 0) to[blockIdx.x * STEPS + step] = sum;
        }
        if (fault != 15 && !(fault == 16 && step == STEPS - 1)) __syncthreads();
    }
}

/* Two pairs of warps, each with a barrier of its own, turn their 64 values round. */
KERNEL(named, 128) {
    __shared__ float values[128];
    unsigned t = threadIdx.x, pair = t / 64, warp = t / 32;
    for (int turn = 0; turn < 3; turn++) {
        values[t] = turn == 0 ? from[t] : values[t];
        if (fault == 1 && turn == 1) {
            __syncwarp();
        } else if (fault == 2) {
            named_barrier(1 + pair, warp == 2 ? 96 : 64);
        } else if (fault == 3) {
            named_barrier(1 + pair, 96);
        } else if (fault != 4 || t % 32 < 16 || warp > 1) {
            named_barrier(fault == 5 ? 16 : 1 + pair, fault == 4 && warp < 2 ? 32 : 64);
        }
        float other = values[pair * 64 + 63 - t % 64];
        named_barrier(1 + pair, 64);
        values[t] = other;
    }
    to[t] = values[t];
}

/* Copies that a thread starts, and others read. */
KERNEL(copies, 64) {
    __shared__ __attribute__((aligned(16))) float values[256];
    unsigned t = threadIdx.x;
    cudasim_runtime->copy(values + 4 * t, from + 4 * t, 16);
    if (fault == 1) to[t] = values[4 * t];
    if (fault != 2) cudasim_runtime->copies_wait();
    if (fault != 3) __syncthreads();
    for (unsigned i = 0; i < 4; i++) to[t + 64 * i] = values[255 - t - 64 * i];
}
