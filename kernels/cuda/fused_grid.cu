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
DEVICE void fused_collect(float *mem, Description net, uint slot, const float *scratch, uint t) {
    uint from = slot * NET(NET_H_NEXT), words = NET(NET_BATCH) * NET(NET_H_STRIDE); /* a multiple of 4, and so are the rows */
    for (uint k = 4 * t; k < words; k += 4 * blockDim.x) {
        STORE4(__ldcg((const float4 *)(scratch + from + k)), mem + NET(NET_H) + from + k);
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
    fused_collect(mem, net, slot, scratch, t);     \
    SYNC()
#define TEAM_HELPERS 64
#define TEAM_TENSOR 0
#define COPY16(to, from) copy16_async(to, from)
#define COPY4(to, from) copy4_async(to, from)
#define COPY_WAIT() copies_wait()
#define COPIERS 0 /* before sm_80, copies take registers */
#include "../fused/fused_train.h"

LONE_KERNEL(320)
fused_train_grid(float *arena, uint *pass, volatile uint *log, const uchar *raw, const float *targets, float *scratch,
                 uint limit, int raw_bytes, const Described net) {
    fused_train_in_grid(arena, pass, log, raw, targets, scratch, limit, raw_bytes != 0, net.words, gridDim.x);
}
