/* Losses of single outputs, and what counts as a right decision or the first largest logit. */
#ifndef QUERN_LOSS_H
#define QUERN_LOSS_H

#include "prelude.h"

/* Name, value and derivative for output y, target t and error e = y - t; `form` is the loss's setting. */
#define ELEMENTWISE_LOSSES_HERE(L)            \
    L(MEAN_SQUARED_ERROR, e * e, 2.0f * e)    \
    L(HUBER, fabs(e) <= form ? 0.5f * e * e : form * (fabs(e) - 0.5f * form), \
      e > form ? form : e < -form ? -form : e) \
    L(BINARY_CROSS_ENTROPY, (y > 0.0f ? y : 0.0f) - y * t + log1p(exp(-fabs(y))), 1.0f / (1.0f + exp(-y)) - t)

COMPLETE(ELEMENTWISE_LOSSES_HERE, LOSSES - 1 /* cross-entropy */, losses_are_complete);

/* sum and the loss of an output: as one expression, which OpenCL may contract */
DEVICE float add_loss(int loss, float form, float y, float t, float sum) {
    float e = y - t;
    switch (loss) {
#define CASE(name, value, derivative)  \
    case LOSS_##name:                  \
        return sum + (value);
        ELEMENTWISE_LOSSES_HERE(CASE)
#undef CASE
        default:
            return sum;
    }
}

DEVICE float loss_slope(int loss, float form, float y, float t) {
    float e = y - t;
    switch (loss) {
#define CASE(name, value, derivative)  \
    case LOSS_##name:                  \
        return derivative;
        ELEMENTWISE_LOSSES_HERE(CASE)
#undef CASE
        default:
            return 0.0f;
    }
}

/* 1 where a loss of decisions finds the logit y on its target's side, else 0. */
DEVICE float decided_rightly(int loss, float y, float t) {
    return loss == LOSS_BINARY_CROSS_ENTROPY && (y > 0.0f) == (t > 0.5f) ? 1.0f : 0.0f;
}

/* Whether logit a at column i comes before logit b at column j as the first largest; NaN is largest of all. */
DEVICE bool beats(float a, uint i, float b, uint j) {
    return a > b || (a == b && i < j) || (a != a && (b == b || i < j));
}

#endif
