/*
 * The fused training step for one block of a team: how it is described; its parts are in the other files, and
 * fused_train.h puts them together. All that a block works on lies in its own memory `mem`: shared memory, or global memory
 * where that is too small (then MEM says so).
 *
 * The team splits the first layer by hidden unit: a block has the columns [c0, c0 + own) of W1 with their moments, takes
 * the whole batch through them, and gives what comes out to all. The layers above, the loss and their gradients are
 * computed by every block alike, to the same bits, so nothing else is exchanged.
 *
 * Notation: B rows of the batch, I inputs, H units of the first layer, C its columns of a block rounded up to a multiple
 * of 4. `mem` begins with a copy of the description: the words NET_ and LAYER_ of ../gen/abi.h.
 */
#ifndef QUERN_FUSED_H
#define QUERN_FUSED_H

#include "../shared/activation.h"
#include "../shared/loss.h"
#include "../shared/moment.h"
#include "../shared/philox.h"

#ifdef __OPENCL_VERSION__
#define MEM __global
#define SYNC() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
#define ROW_LANES 1
#define MOST_SPLITS 1
#define GROUP_ADD(value, lanes) (value)
#else
#define MEM
#define SYNC() __syncthreads()
#define ROW_LANES 8   /* threads of a row of the loss */
#define MOST_SPLITS 8 /* threads that may share a sum */
#define WARPS_SHUFFLE
#define GROUP_ADD(value, lanes) group_add(value, lanes)
#if defined(__CUDACC__)
/* Within 2^-23 and 2 ulp: PTX ISA, sqrt.approx; CUDA C++ Programming Guide, __fdividef. */
DEVICE float fast_sqrt(float x) {
    float root;
    asm("sqrt.approx.f32 %0, %1;" : "=f"(root) : "f"(x));
    return root;
}
#define RULE_SQRT(x) fast_sqrt(x)
#define RULE_DIVIDE(a, b) __fdividef(a, b)
#endif

/* The sum over `lanes` neighbours (a power of 2), in all of them. */
DEVICE float group_add(float value, uint lanes) {
    for (uint gap = lanes / 2; gap > 0; gap /= 2) {
        value += __shfl_xor_sync(0xffffffffu, value, gap);
    }
    return value;
}
#endif

typedef char fused_form_is_aligned[NET_FORM_0 % 4 == 0 ? 1 : -1]; /* for loads of four */

#define NET(i) (((MEM const uint *)mem)[i])
#define NET_FLOAT(i) (mem[i])
#define LAYER(l, i) NET(NET_BLOCK_WORDS + (l) * LAYER_BLOCK_WORDS + (i))
#define LAYER_FLOAT(l, i) NET_FLOAT(NET_BLOCK_WORDS + (l) * LAYER_BLOCK_WORDS + (i))

#include "../shared/optimizer.h"
#include "fused_input.h"
#include "fused_layers.h"
#include "fused_update.h"

#endif
