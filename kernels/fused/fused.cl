/*
 * fused_train_block   up to `limit` training steps by one work-group: fused_train.h
 *
 * For devices whose blocks cannot work as a team: all that the group works on lies in global memory (`scratch`), near it
 * in the caches. `net` describes the network: fused.h.
 *
 * Launch: one group of 256 threads. Deterministic, bytes, flops: fused_train.h.
 */
#include "fused.h"

#define FUSED(name) name##_alone
#define FUSED_BODY __attribute__((always_inline)) DEVICE /* as a call it would keep registers in scratch memory */
#define TEAM_MEMORY scratch
#define TEAM_RANK 0
#define TEAM_PUT(at, v, half) \
    if ((half) == 0) {        \
        mem[at] = (v);        \
    }
#define TEAM_SYNC() SYNC()
#define TEAM_GATHER(slot) SYNC()
#define TEAM_HELPERS 0
#define TEAM_TENSOR 0
#define COPY16(to, from) STORE4(LOAD4((__global const float *)(from)), to)
#define COPY4(to, from) *(to) = *(from)
#define COPY_WAIT()
#define COPIERS 0
#include "fused_train.h"

LONE_KERNEL(256)
fused_train_block(__global float *arena, __global uint *pass, __global volatile uint *log, __global const uchar *raw,
                  __global const float *targets, __global float *scratch, uint limit, int raw_bytes,
                  __global const uint *net) {
    fused_train_alone(arena, pass, log, raw, targets, scratch, limit, raw_bytes != 0, net, 1);
}
