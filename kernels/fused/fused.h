/*
 * The fused training step for one block of a team: how it is described; its parts are in the other files, and
 * fused_train.h puts them together. All that a block
 * works on lies in its own memory `mem`: shared memory, or global memory where that is too small (then MEM says so).
 *
 * The team splits the first layer by hidden unit: a block has the columns [c0, c0 + own) of W1 with their moments, takes
 * the whole batch through them, and gives what comes out to all. The layers above, the loss and their gradients are
 * computed by every block alike, to the same bits, so nothing else is exchanged.
 *
 * Notation: B rows of the batch, I inputs, H units of the first layer, C its columns of a block rounded up to a multiple
 * of 4. `mem` begins with a copy of the description, numbered as in org.quern.backend.kernel.FusedLayout:
 */
#ifndef QUERN_FUSED_H
#define QUERN_FUSED_H

#include "../shared/activation.h"
#include "../shared/loss.h"
#include "../shared/philox.h"

#ifdef __OPENCL_VERSION__
#define MEM __global
#define SYNC() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
#define ROW_LANES 1
#define MOST_SPLITS 1
#define GROUP_ADD(value, lanes) (value)
#define FAST_SQRT(x) sqrt(x)
#define FAST_DIVIDE(a, b) ((a) / (b))
#else
#define MEM
#define SYNC() __syncthreads()
#define ROW_LANES 8   /* threads of a row of the loss */
#define MOST_SPLITS 8 /* threads that may share a sum */
#define WARPS_SHUFFLE
#define GROUP_ADD(value, lanes) group_add(value, lanes)
#if defined(__CUDACC__)
/* Within 2^-23 and 2 ulp: PTX ISA, sqrt.approx; CUDA C++ Programming Guide, __fdividef. */
DEVICE float FAST_SQRT(float x) {
    float root;
    asm("sqrt.approx.f32 %0, %1;" : "=f"(root) : "f"(x));
    return root;
}
#define FAST_DIVIDE(a, b) __fdividef(a, b)
#else
#define FAST_SQRT(x) sqrt(x)
#define FAST_DIVIDE(a, b) ((a) / (b))
#endif

/* The sum over `lanes` neighbours (a power of 2), in all of them. */
DEVICE float group_add(float value, uint lanes) {
    for (uint gap = lanes / 2; gap > 0; gap /= 2) {
        value += __shfl_xor_sync(0xffffffffu, value, gap);
    }
    return value;
}
#endif

enum { FUSED_THREADS = 256, FUSED_WARP = 32, FUSED_WARPS = 8 }; /* helpers not counted: fused_train.h */

enum {
    NET_LAYERS,
    NET_INPUTS,
    NET_BATCH,
    NET_COLUMNS, /* of the first layer, of each block but perhaps the last ones */
    NET_PIXELS,  /* 1: the data set's rows are bytes */
    NET_SQUARED, /* 1: the loss is the squared error, else softmax cross-entropy */
    NET_TARGETS, /* columns of the targets */
    NET_OPTIMIZER,
    NET_FORM_0, /* Adam: 1 - beta1, 1 - beta2, epsilon; SGD: momentum; floats */
    NET_FORM_1,
    NET_FORM_2,
    NET_SCALE, /* floats: x = raw * scale + shift */
    NET_SHIFT,
    NET_M_ARENA, /* the moments in the arena, whose parameters begin at 0 */
    NET_V_ARENA,
    NET_INPUT_STREAM, /* dropout of the input; where rows stay bytes, its factor is part of the scale */
    NET_INPUT_THRESHOLD,
    NET_INPUT_KEEP,
    NET_X,        /* rows of the batch: bytes, 4 a word, zeros behind the last; or floats */
    NET_X_STRIDE, /* words of a row */
    NET_X_NEXT,   /* words from one of the two buffers of X to the other; 0: there is one */
    NET_ORDER,    /* [2][B] rows of the data set */
    NET_TARGET,   /* [2][B x targets] */
    NET_H,        /* [2 or 1][B x NET_H_STRIDE] the first layer's output, all columns */
    NET_H_STRIDE,
    NET_H_NEXT, /* words from one to the other, or 0 */
    NET_LOSS, /* [B] */
    NET_HITS, /* [B] */
    NET_PARTS, /* sums of threads, where they cannot shuffle, or of warps with tensor cores */
    NET_WORDS, /* of all of mem */
    NET_TOPS,  /* cuda/fused_tensor.h; 0: without tensor cores */
    NET_HEADER = 32
};

enum { ADAM, SGD, SGD_MOMENTUM };

enum {
    LAYER_IN,
    LAYER_OUT,
    LAYER_ACTIVATION,
    LAYER_STREAM, /* dropout of the output */
    LAYER_THRESHOLD,
    LAYER_KEEP,
    LAYER_W_ARENA,
    LAYER_B_ARENA,
    LAYER_W,        /* first layer: [C][stride], a column's inputs after one another; else [in][stride] */
    LAYER_W_STRIDE, /* the gaps hold zeros */
    LAYER_W_SIZE,   /* from W to its first moment, and from that to the second */
    LAYER_B,
    LAYER_B_SIZE,
    LAYER_Y, /* [B][stride] the output; the first layer's is NET_H */
    LAYER_G, /* [B][stride] keep * act', then times it the gradient before the activation, zeros in the gaps; of the
                first layer, the own columns */
    LAYER_STRIDE,
    LAYER_KEPT,     /* which positions dropout keeps, 4 bits a word, one block of Philox */
    LAYER_KEPT_ROW, /* of the first layer, words of a row: blocks that its own columns may touch */
    LAYER_WORDS = 19
};

#define NET(i) (((MEM const uint *)mem)[i])
#define NET_FLOAT(i) (mem[i])
#define LAYER(l, i) NET(NET_HEADER + (l) * LAYER_WORDS + (i))
#define LAYER_FLOAT(l, i) NET_FLOAT(NET_HEADER + (l) * LAYER_WORDS + (i))

/* What a step is run for; pass.h's words, as they will be then. */
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

#include "fused_input.h"
#include "fused_layers.h"
#include "fused_update.h"

#endif
