/*
 * fused_train_grid   up to `limit` training steps by the few blocks of a cooperative launch: ../fused/fused_train.h
 *
 * For devices without clusters. State and activations stay in the blocks' shared memory; what the first layer gives goes
 * through global memory, `scratch` [2][B x NET_H_STRIDE], with one barrier of the grid a step.
 *
 * Launch: as many blocks as there are parts of the first layer, 320 threads each, NET_MEMORY * 4 bytes of dynamic shared
 * memory. Deterministic, bytes, flops: ../fused/fused_train.h, and B H more floats a block and step.
 */
#include "fused.h"

/* H of a step from where the blocks put it, past the first-level cache, which may hold what was there before. */
DEVICE void fused_collect(float *mem, uint slot, const float *scratch, uint t) {
    uint units = LAYER(0, LAYER_OUT), stride = NET(NET_H_STRIDE), from = slot * NET(NET_H_NEXT);
    for (uint k = t; k < NET(NET_BATCH) * units; k += blockDim.x) {
        uint at = from + k / units * stride + k % units;
        mem[NET(NET_H) + at] = __ldcg(scratch + at);
    }
}

#define FUSED(name) name##_in_grid
#define FUSED_BODY DEVICE
#define TEAM_MEMORY fused_memory
#define TEAM_RANK blockIdx.x
#define TEAM_PUT(at, v, half)                \
    if ((half) == 0) {                       \
        scratch[(at) - NET(NET_H)] = (v);    \
    }
#define TEAM_SYNC() cooperative_groups::this_grid().sync()
#define TEAM_GATHER(slot)                     \
    cooperative_groups::this_grid().sync();   \
    fused_collect(mem, slot, scratch, t);     \
    SYNC()
#define TEAM_HELPERS 64
#define TEAM_TENSOR 0
#define COPY16(to, from) copy16_async(to, from)
#define COPY4(to, from) copy4_async(to, from)
#define COPY_WAIT() copies_wait()
#include "../fused/fused_train.h"

LONE_KERNEL(320)
fused_train_grid(float *arena, uint *pass, volatile uint *log, const uchar *raw, const float *targets, float *scratch,
                 const uint *net, uint limit, int raw_bytes) {
    fused_train_in_grid(arena, pass, log, raw, targets, scratch, net, limit, raw_bytes != 0);
}
