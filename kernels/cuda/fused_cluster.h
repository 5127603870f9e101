/*
 * fused_train_cluster_N   up to `limit` training steps by a cluster of N blocks: ../fused/fused_train.h. Each size is a
 *                         translation unit of its own, which includes this and says CLUSTER(N).
 *
 * State and activations stay in the blocks' shared memory from the first step to the last; what the first layer gives is
 * written into the shared memory of all blocks of the cluster, and one barrier of the cluster a step follows it.
 *
 * Launch: N blocks of 320 threads, NET_MEMORY * 4 bytes of dynamic shared memory. Deterministic, bytes, flops:
 * ../fused/fused_train.h.
 */
#ifndef QUERN_CUDA_FUSED_CLUSTER_H
#define QUERN_CUDA_FUSED_CLUSTER_H

#include "fused.h"

#define FUSED(name) name##_in_cluster
#define FUSED_BODY DEVICE
#define TEAM_MEMORY fused_memory
#define TEAM_RANK cooperative_groups::this_cluster().block_rank()
/* the two lanes that hold a sum take the blocks in turn */
#define TEAM_PUT(at, v, half)                                                                          \
    UNROLL for (uint block = 0; block < team; block += 2) {                                            \
        cooperative_groups::this_cluster().map_shared_rank(fused_memory, block + (half))[at] = (v);    \
    }
#define TEAM_SYNC() cooperative_groups::this_cluster().sync()
#define TEAM_GATHER(slot) cooperative_groups::this_cluster().sync()
#define TEAM_HELPERS 64
#define TEAM_TENSOR 1
#define COPY16(to, from) copy16_async(to, from)
#define COPY4(to, from) copy4_async(to, from)
#define COPY_WAIT() copies_wait()
#define COPIERS FUSED_THREADS
#include "fused_tensor.h"
#include "../fused/fused_train.h"

/* n is even */
#define CLUSTER(n)                                                                                                   \
    extern "C" __global__ void __cluster_dims__(n, 1, 1) __launch_bounds__(320, 1) fused_train_cluster_##n(          \
        float *arena, uint *pass, volatile uint *log, const uchar *raw, const float *targets, float *scratch,        \
        uint limit, int raw_bytes, const Described net) {                                                            \
        fused_train_in_cluster(arena, pass, log, raw, targets, scratch, limit, raw_bytes != 0, net.words, n);        \
    }

#endif
