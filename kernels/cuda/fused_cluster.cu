/*
 * fused_train_cluster_N   up to `limit` training steps by a cluster of N blocks: ../fused/fused_train.h
 *
 * State and activations stay in the blocks' shared memory from the first step to the last; what the first layer gives is
 * written into the shared memory of all blocks of the cluster, and one barrier of the cluster a step follows it.
 *
 * Launch: N blocks of 320 threads, NET_MEMORY * 4 bytes of dynamic shared memory. Deterministic, bytes, flops:
 * ../fused/fused_train.h.
 */
#include "fused.h"

#define FUSED(name) name##_in_cluster
/* extern "C": the name of a static function holds a hash of the folder that nvcc ran in, and so would the PTX */
#define FUSED_BODY extern "C" __device__ __noinline__
#define TEAM_MEMORY fused_memory
#define TEAM_RANK cooperative_groups::this_cluster().block_rank()
/* the two lanes that hold a sum take the blocks in turn */
#define TEAM_PUT(at, v, half)                                                                          \
    for (uint block = half; block < cooperative_groups::this_cluster().num_blocks(); block += 2) {     \
        cooperative_groups::this_cluster().map_shared_rank(fused_memory, block)[at] = (v);             \
    }
#define TEAM_SYNC() cooperative_groups::this_cluster().sync()
#define TEAM_GATHER(slot) cooperative_groups::this_cluster().sync()
#define TEAM_HELPERS 64
#define TEAM_TENSOR 1
#define COPY16(to, from) copy16_async(to, from)
#define COPY4(to, from) copy4_async(to, from)
#define COPY_WAIT() copies_wait()
#include "fused_tensor.h"
#include "../fused/fused_train.h"

#define CLUSTER(n)                                                                                                   \
    extern "C" __global__ void __cluster_dims__(n, 1, 1) __launch_bounds__(320, 1) fused_train_cluster_##n(             \
        float *arena, uint *pass, volatile uint *log, const uchar *raw, const float *targets, float *scratch,        \
        const uint *net, uint limit, int raw_bytes) {                                                                \
        fused_train_in_cluster(arena, pass, log, raw, targets, scratch, net, limit, raw_bytes != 0);                 \
    }

CLUSTER(4)
CLUSTER(8)
CLUSTER(12)
CLUSTER(16)
