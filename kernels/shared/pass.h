/*
 * What a launch runs for, in device memory, so that the same launch (and a graph of launches) serves every step: the
 * last kernel of a step moves it on to the next. Its words are numbered as in org.quern.backend.kernel.PassBlock.
 */
#ifndef QUERN_PASS_H
#define QUERN_PASS_H

#include "prelude.h"

enum {
    PASS_ROWS,       /* rows of this pass */
    PASS_FIRST,      /* place of its first row: in the epoch's order, or in inference in the data set */
    PASS_DATA_ROWS,  /* rows of the data set */
    PASS_TRAINING,   /* 1: rows shuffled, dropout on; 0: inference */
    PASS_SEED_LOW,
    PASS_SEED_HIGH,
    PASS_STEP_LOW,   /* global step */
    PASS_STEP_HIGH,
    PASS_EPOCH_LOW,
    PASS_EPOCH_HIGH,
    PASS_RATE,       /* the optimizer's step size, a float */
    PASS_DECAY,      /* what parameters are multiplied by first, a float */
    PASS_INDEX,      /* number of the step within this run of steps */
    PASS_COUNT,      /* steps of this run */
    PASS_BATCH,      /* rows of a full batch */
    PASS_CHUNK,      /* rows that the data buffer holds, where the data set is streamed in order of use, else 0 */
    PASS_WORDS       /* behind them: PASS_COUNT rates, then as many decays */
};

#endif
