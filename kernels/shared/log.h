/*
 * The end of a step: its entry in the log, and the move to the next step.
 *
 * Each of a group's 256 threads takes every 256th row, summed in a fixed tree. The log may lie in the host's memory, where it
 * is read while the device goes on: `done` is counted up after the entry is visible there.
 */
#ifndef QUERN_LOG_H
#define QUERN_LOG_H

#include "moment.h"

/* By one group, while no other reads what moment_store changes; `sums` has room for 512. */
DEVICE void log_step(__global const float *arena, __global uint *pass, __global volatile uint *log, uint loss_at,
                     uint hits_at, LOCAL float *sums) {
    uint t = get_local_id(0);
    float loss = 0.0f, hit = 0.0f;
    /* all that is read of the pass, before anything is waited for */
    Moment now = moment_of(pass);
    Moment next = moment_after(now, pass[PASS_DATA_ROWS], pass[PASS_BATCH]);
    for (uint b = t; b < now.rows; b += 256) {
        loss += arena[loss_at + b];
        hit += arena[hits_at + b];
    }
    sums[t] = loss;
    sums[256 + t] = hit;
    for (uint gap = 128; gap > 0; gap /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE); /* global: the pass changes below */
        if (t < gap) {
            sums[t] += sums[t + gap];
            sums[256 + t] += sums[256 + t + gap];
        }
    }
    if (t == 0) {
        log[1 + 2 * now.index] = as_uint(sums[0]);
        log[2 + 2 * now.index] = (uint)sums[256];
        FENCE_HOST();
        log[0] = next.index;
        moment_store(pass, next);
    }
}

#endif
