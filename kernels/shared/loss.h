/* What counts as the first largest logit. */
#ifndef QUERN_LOSS_H
#define QUERN_LOSS_H

#include "prelude.h"

/* Whether logit a at column i comes before logit b at column j as the first largest; NaN is largest of all. */
DEVICE bool beats(float a, uint i, float b, uint j) {
    return a > b || (a == b && i < j) || (a != a && (b == b || i < j));
}

#endif
