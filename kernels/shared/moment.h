/*
 * Where a run of steps is, and the step after that, as the pass has it.
 */
#ifndef QUERN_MOMENT_H
#define QUERN_MOMENT_H

#include "prelude.h"

/* What a step is run for; words of the pass, as they will be then. */
typedef struct {
    uint index, rows, first, step_low, step_high, epoch_low, epoch_high;
} Moment;

DEVICE Moment moment_of(__global const uint *pass) {
    Moment now = {pass[PASS_INDEX],     pass[PASS_ROWS],      pass[PASS_FIRST],     pass[PASS_STEP_LOW],
                  pass[PASS_STEP_HIGH], pass[PASS_EPOCH_LOW], pass[PASS_EPOCH_HIGH]};
    return now;
}

/* Moves the pass to a step. By one thread, when nobody reads these words any more. */
DEVICE void moment_store(__global uint *pass, Moment now) {
    pass[PASS_INDEX] = now.index;
    pass[PASS_ROWS] = now.rows;
    pass[PASS_FIRST] = now.first;
    pass[PASS_STEP_LOW] = now.step_low;
    pass[PASS_STEP_HIGH] = now.step_high;
    pass[PASS_EPOCH_LOW] = now.epoch_low;
    pass[PASS_EPOCH_HIGH] = now.epoch_high;
}

/* Keeps what a step's last launch reads of the pass, so that a group of it can move the pass on meanwhile. By one thread. */
DEVICE void moment_keep(__global uint *pass) {
    __global const uint *table = pass + PASS_WORDS + pass[PASS_INDEX];
    pass[PASS_KEPT_ROWS] = pass[PASS_ROWS];
    pass[PASS_RATE] = table[0];
    pass[PASS_DECAY] = table[pass[PASS_COUNT]];
}

DEVICE Moment moment_after(Moment now, uint data_rows, uint batch) {
    Moment next = now;
    next.index++;
    next.step_low++;
    next.step_high += next.step_low == 0 ? 1 : 0;
    next.first += batch;
    /* it has wrapped where the data set has nearly 2^32 rows */
    if (next.first >= data_rows || next.first < batch) {
        next.first = 0;
        next.epoch_low++;
        next.epoch_high += next.epoch_low == 0 ? 1 : 0;
    }
    next.rows = min(batch, data_rows - next.first);
    return next;
}

#endif
