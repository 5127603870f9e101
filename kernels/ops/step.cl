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
#include "../shared/moment.h"
#include "../shared/philox.h"

KERNEL(256)
metrics_forward(__global const float *arena, __global uint *pass, __global volatile uint *log, uint loss_at,
                uint hits_at) {
    SHARED float losses[256];
    SHARED float hits[256];
    uint t = get_local_id(0);
    float loss = 0.0f, hit = 0.0f;
    /* all that is read of the pass, before anything is waited for */
    Moment now = {pass[PASS_INDEX],    pass[PASS_ROWS],      pass[PASS_FIRST],     pass[PASS_STEP_LOW],
                  pass[PASS_STEP_HIGH], pass[PASS_EPOCH_LOW], pass[PASS_EPOCH_HIGH]};
    uint count = pass[PASS_COUNT];
    Moment next = moment_after(now, pass[PASS_DATA_ROWS], pass[PASS_BATCH]);
    __global const uint *table = pass + PASS_WORDS + min(next.index, count - 1);
    uint rate = table[0], decay = table[count];
    for (uint b = t; b < now.rows; b += 256) {
        loss += arena[loss_at + b];
        hit += arena[hits_at + b];
    }
    losses[t] = loss;
    hits[t] = hit;
    for (uint gap = 128; gap > 0; gap /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE); /* global: the pass changes below */
        if (t < gap) {
            losses[t] += losses[t + gap];
            hits[t] += hits[t + gap];
        }
    }
    if (t == 0) {
        log[1 + 2 * now.index] = as_uint(losses[0]);
        log[2 + 2 * now.index] = (uint)hits[0];
        FENCE_HOST();
        log[0] = next.index;
        pass[PASS_INDEX] = next.index;
        pass[PASS_ROWS] = next.rows;
        pass[PASS_FIRST] = next.first;
        pass[PASS_STEP_LOW] = next.step_low;
        pass[PASS_STEP_HIGH] = next.step_high;
        pass[PASS_EPOCH_LOW] = next.epoch_low;
        pass[PASS_EPOCH_HIGH] = next.epoch_high;
        pass[PASS_RATE] = rate;
        pass[PASS_DECAY] = decay;
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
