/*
 * metrics_forward   log[index] = (sum over b of L[b], sum over b of hits[b]), and the pass moves on to the next step,
 *                   whose rate and decay are in the tables behind it
 * finite_check      found[0] = the least index of a value that is NaN or infinite, unchanged if there is none
 * uniform_initial   w[i] = (2 unit(word i) - 1) limit, word i of the stream at step 0
 *
 * metrics_forward: one group of 256 threads, each every 256th row, summed in a fixed tree; the log may lie in the
 * host's memory, where it is read while the device goes on: `done` is counted up after the entry is visible there.
 * Bytes: 8 B; flops: 2 B.
 * finite_check: 256 threads, four values a thread. Bytes: 4 n.
 * uniform_initial: 256 threads, four values a thread, one Philox block. Bytes: 4 n; flops: 3 n.
 */
#include "../shared/philox.h"

DEVICE void next_step(__global uint *pass) {
    uint index = pass[PASS_INDEX] + 1, rows = pass[PASS_DATA_ROWS], batch = pass[PASS_BATCH];
    uint first = pass[PASS_FIRST] + batch;
    pass[PASS_INDEX] = index;
    pass[PASS_STEP_LOW] += 1;
    if (pass[PASS_STEP_LOW] == 0) {
        pass[PASS_STEP_HIGH] += 1;
    }
    /* `first` has wrapped where the data set has nearly 2^32 rows */
    if (first >= rows || first < batch) {
        first = 0;
        pass[PASS_EPOCH_LOW] += 1;
        if (pass[PASS_EPOCH_LOW] == 0) {
            pass[PASS_EPOCH_HIGH] += 1;
        }
    }
    pass[PASS_FIRST] = first;
    pass[PASS_ROWS] = min(batch, rows - first);
    if (index < pass[PASS_COUNT]) {
        pass[PASS_RATE] = pass[PASS_WORDS + index];
        pass[PASS_DECAY] = pass[PASS_WORDS + pass[PASS_COUNT] + index];
    }
}

KERNEL(256)
metrics_forward(__global const float *arena, __global uint *pass, __global volatile uint *log, uint loss_at,
                uint hits_at) {
    SHARED float losses[256];
    SHARED float hits[256];
    uint t = get_local_id(0);
    float loss = 0.0f, hit = 0.0f;
    for (uint b = t; b < pass[PASS_ROWS]; b += 256) {
        loss += arena[loss_at + b];
        hit += arena[hits_at + b];
    }
    losses[t] = loss;
    hits[t] = hit;
    for (uint gap = 128; gap > 0; gap /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (t < gap) {
            losses[t] += losses[t + gap];
            hits[t] += hits[t + gap];
        }
    }
    if (t == 0) {
        uint index = pass[PASS_INDEX];
        log[1 + 2 * index] = as_uint(losses[0]);
        log[2 + 2 * index] = (uint)hits[0];
        FENCE_HOST();
        log[0] = index + 1;
        next_step(pass);
    }
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
