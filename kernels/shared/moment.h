/*
 * Where a run of steps is, and the step after that.
 */
#ifndef QUERN_MOMENT_H
#define QUERN_MOMENT_H

#include "prelude.h"

/* What a step is run for; words of the pass, as they will be then. */
typedef struct {
    uint index, rows, first, step_low, step_high, epoch_low, epoch_high;
} Moment;

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
