/*
 * metrics_forward   log[index] = (sum over b of L[b], sum over b of hits[b]), and the pass moves on to the next step:
 *                   ../shared/log.h
 * finite_check      found[0] = the least index of a value that is NaN or infinite, unchanged if there is none
 * uniform_initial   w[i] = (2 unit(word i) - 1) limit, word i of the stream at step 0
 *
 * metrics_forward: one group. Bytes: 8 B; flops: 2 B.
 * finite_check: 256 threads, four values a thread. Bytes: 4 n.
 * uniform_initial: 256 threads, four values a thread, one Philox block. Bytes: 4 n; flops: 3 n.
 */
#include "../shared/log.h"
#include "../shared/philox.h"

KERNEL(256)
metrics_forward(__global const float *arena, __global uint *pass, __global volatile uint *log, uint loss_at,
                uint hits_at) {
    SHARED float sums[512];
    log_step(arena, pass, log, loss_at, hits_at, sums);
}

KERNEL(256)
finite_check(__global const float *arena, __global uint *found, uint at, uint count) {
    uint i = (get_group_id(0) * 256 + get_local_id(0)) * 4;
    for (uint k = i; k < min(i + 4, count); k++) {
        if ((as_uint(arena[at + k]) & 0x7f800000u) == 0x7f800000u) {
            ATOMIC_MIN(found, k);
            return;
        }
    }
}

KERNEL(256)
uniform_initial(__global float *arena, uint at, uint count, uint seed_low, uint seed_high, uint stream, float limit) {
    uint block = get_group_id(0) * 256 + get_local_id(0);
    if (block * 4 >= count) {
        return;
    }
    words4 v = philox_block(seed_low, seed_high, stream, 0, 0, block);
    uint words[4] = {v.x, v.y, v.z, v.w};
    for (uint k = 0; k < 4 && block * 4 + k < count; k++) {
        arena[at + block * 4 + k] = (2.0f * ((float)(words[k] >> 8) * 5.9604644775390625e-8f) - 1.0f) * limit;
    }
}
