#include "fused_shape.h"

SHAPE(784_40_10_sgd, 10, 40, 10, 0, false)
