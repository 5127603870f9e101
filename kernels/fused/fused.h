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
 * of 4. `net` describes the network by the words NET_ and LAYER_ of ../gen/abi.h: kernel parameters of a cluster and of a
 * grid, so that they lie in the constant bank and no store makes the compiler load them again; else global memory.
 */
#ifndef QUERN_FUSED_H
#define QUERN_FUSED_H

#include "../shared/activation.h"
#include "../shared/loss.h"
#include "../shared/moment.h"
#include "../shared/philox.h"

#ifdef __OPENCL_VERSION__
#define MEM __global
typedef __global const uint *Description;
#define SYNC() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
#define WARP_SYNC() SYNC()
#define ROW_LANES 1
#define MOST_SPLITS 1
#define GROUP_ADD(value, lanes) (value)
#define GROUP_ADD4(value, lanes) (value)
#else
#define MEM
typedef const uint *Description;
typedef struct {
    uint words[FUSED_NET];
} Described; /* as a kernel's parameter */
#define SYNC() __syncthreads()
#define WARP_SYNC() __syncwarp()
#define ROW_LANES 8   /* threads of a row of the loss */
#define MOST_SPLITS 8 /* threads that may share a sum */
#define WARPS_SHUFFLE
#define GROUP_ADD(value, lanes) group_add(value, lanes)
#define GROUP_ADD4(value, lanes) group_add4(value, lanes)
#if defined(__CUDACC__)
/*
 * Within 2^-23 and 1 ulp: PTX ISA, sqrt.approx and rcp.approx. What is below 2^-126 counts as 0, which is nothing beside an
 * epsilon of FusedLayout.LEAST_EPSILON.
 */
DEVICE float fast_sqrt(float x) {
    float root;
    asm("sqrt.approx.ftz.f32 %0, %1;" : "=f"(root) : "f"(x));
    return root;
}
DEVICE float fast_divide(float a, float b) {
    float inverse;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(b));
    return a * inverse;
}
#define RULE_SQRT(x) fast_sqrt(x)
#define RULE_DIVIDE(a, b) fast_divide(a, b)
#endif

/* The sum over `lanes` neighbours (a power of 2, 8 at most), in all of them. */
DEVICE float group_add(float value, uint lanes) {
    UNROLL for (uint gap = MOST_SPLITS / 2; gap > 0; gap /= 2) {
        if (gap < lanes) {
            value += __shfl_xor_sync(0xffffffffu, value, gap);
        }
    }
    return value;
}

/* The same of four. */
DEVICE float4 group_add4(float4 v, uint lanes) {
    UNROLL for (uint gap = MOST_SPLITS / 2; gap > 0; gap /= 2) {
        if (gap < lanes) {
            v = make_float4(v.x + __shfl_xor_sync(0xffffffffu, v.x, gap), v.y + __shfl_xor_sync(0xffffffffu, v.y, gap),
                            v.z + __shfl_xor_sync(0xffffffffu, v.z, gap), v.w + __shfl_xor_sync(0xffffffffu, v.w, gap));
        }
    }
    return v;
}
#endif

#define NET(i) (net[i])
#define NET_FLOAT(i) as_float(net[i])
#define LAYER_AT(l, i) (NET_BLOCK_WORDS + (size_t)(l)*LAYER_BLOCK_WORDS + (i)) /* a uint's sum might wrap */
#define LAYER(l, i) NET(LAYER_AT(l, i))
#define LAYER_FLOAT(l, i) NET_FLOAT(LAYER_AT(l, i))

/*
 * How some threads take rows of `width` items each: several rows at a time where these are short. A thread begins at `item`
 * of `row` and goes on by `rows` rows, and by `threads` items within a row; who is too many has no item.
 */
typedef struct {
    uint row, item, rows;
} Share;

/* `inverse` is 2^16 / width, rounded up (FusedLayout.inverse): exact, since t < 2^8 and no quotient is asked for beyond it. */
DEVICE Share share_of(uint t, uint threads, uint width, uint inverse) {
    uint row = t * inverse >> 16, rows = threads * inverse >> 16;
    Share share = {row, t - row * width, max(rows, 1u)};
    if (row >= share.rows) {
        share.item = width;
    }
    return share;
}

#include "../shared/optimizer.h"
#include "fused_input.h"
#include "fused_layers.h"
#include "fused_update.h"

#endif
