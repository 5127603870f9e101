/*
 * fused_train_784_48_15_10_adam, ..._sgd   up to `limit` training steps of one network by a cluster of blocks: fused_shape.h
 * fused_train_784_40_10_adam, ..._sgd
 *
 * Launch: a block for 4 units of the first layer, SHAPE_THREADS threads, SHAPE_MEMORY bytes of dynamic shared memory.
 * Deterministic. Bytes: 784 a row and step, and the state once in and out; flops: 2 B (2 I H + 3 (the weights above)) + 14 P.
 */
#include "fused_shape.h"

#define SHAPE(name, blocks, h, j, c, adam)                                                                                       \
    extern "C" __global__ void __cluster_dims__(blocks, 1, 1) __launch_bounds__(SHAPE_THREADS, 1) fused_train_##name(            \
        float *arena, uint *pass, volatile uint *log, const uchar *raw, const float *targets, uint limit,                        \
        const __grid_constant__ shape::Net net) {                                                                                \
        shape::train<h, j, c, adam>(net, shape::Arguments{arena, pass, log, raw, targets}, limit);                               \
    }

SHAPE(784_48_15_10_adam, 12, 48, 15, 10, true)
SHAPE(784_48_15_10_sgd, 12, 48, 15, 10, false)
SHAPE(784_40_10_adam, 10, 40, 10, 0, true)
SHAPE(784_40_10_sgd, 10, 40, 10, 0, false)
