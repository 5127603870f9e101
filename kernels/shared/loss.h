/* Losses that compare numbers, and what counts as the first largest logit. */
#ifndef QUERN_LOSS_H
#define QUERN_LOSS_H

#include "prelude.h"

/* Name, value and derivative of e = output - target; `form` is the loss's setting. */
#define REGRESSION_LOSSES_HERE(L)             \
    L(MEAN_SQUARED_ERROR, e * e, 2.0f * e)    \
    L(HUBER, fabs(e) <= form ? 0.5f * e * e : form * (fabs(e) - 0.5f * form), \
      e > form ? form : e < -form ? -form : e)

COMPLETE(REGRESSION_LOSSES_HERE, LOSSES - 1 /* cross-entropy */, losses_are_complete);

/* sum and the loss of an error: as one expression, which OpenCL may contract */
DEVICE float add_loss(int loss, float form, float e, float sum) {
    switch (loss) {
#define CASE(name, value, derivative)  \
    case LOSS_##name:                  \
        return sum + (value);
        REGRESSION_LOSSES_HERE(CASE)
#undef CASE
        default:
            return sum;
    }
}

DEVICE float loss_slope(int loss, float form, float e) {
    switch (loss) {
#define CASE(name, value, derivative)  \
    case LOSS_##name:                  \
        return derivative;
        REGRESSION_LOSSES_HERE(CASE)
#undef CASE
        default:
            return 0.0f;
    }
}

/* Whether logit a at column i comes before logit b at column j as the first largest; NaN is largest of all. */
DEVICE bool beats(float a, uint i, float b, uint j) {
    return a > b || (a == b && i < j) || (a != a && (b == b || i < j));
}

#endif
