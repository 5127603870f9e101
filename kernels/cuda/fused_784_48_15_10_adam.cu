#include "fused_shape.h"

SHAPE(784_48_15_10_adam, 12, 48, 15, 10, true)
