/*
 * dense_forward          Z = X W + b;  Y = act(Z) * keep           X [B x I], W [I x O], b [O], Y [B x O]
 * dense_backward_input   dX = (dY W') * keep * act'                 dY [B x O], dX [B x I]
 * dense_backward_weights dW = X' dY;  db[j] = sum over b of dY[b,j]  dW [I x O], db [O]
 *
 * each in three shapes of tile: _small, for products that would not fill a device otherwise, _medium and _large; and,
 * for products that a library has computed, what comes after them: dense_forward_after, dense_backward_input_after
 * (in place) and column_sums, which gives db.
 *
 * dense_backward_weights takes `count` layers from `first` on, whose tiles follow each other; with a rule that is not NOWHERE
 * it also updates their parameters (update.cl), each as soon as its gradient is there; with a group more than there are
 * tiles it ends the step, as metrics_forward does. Whatever else reads weights has run before.
 *
 * Z is stored only where z_at is not NOWHERE. Masks are drawn again, not stored. B is the pass's rows, of weights those that
 * the loss was taken for.
 *
 * Launch: 256 threads; a group for each tile, columns along x; of weights all along x. Deterministic: each output is written by one thread, in
 * an order of sums that depends on the shapes alone.
 * Bytes: 4 (B I + I O + O + B O), and B O more with Z (forward); 4 (B O + I O + 2 B I) (input); 4 (B I + B O + I O + O)
 * (weights); flops: 2 B I O, and a few for each output.
 */
#include "../shared/activation.h"
#include "../shared/log.h"
#include "../shared/optimizer.h"
#include "../shared/philox.h"

/* Y, and Z if wanted, at one position from the sum z. */
DEVICE void dense_forward_store(__global float *arena, __global const uint *pass, float z, uint z_at, uint y_at,
                                uint position, int activation, bool drops, uint stream, uint threshold,
                                float keep_scale) {
    if (z_at != NOWHERE) {
        arena[z_at + position] = z;
    }
    float y = activate(activation, z);
    if (drops) {
        float keep = keep_one(pass, stream, position, threshold, keep_scale);
        y = keep == 0.0f ? 0.0f : y * keep;
    }
    arena[y_at + position] = y;
}

/* The same at four positions from a multiple of four on, from sums that lie at Y and their biases. */
DEVICE void dense_forward_store_four(__global float *arena, __global const uint *pass, float4 bias, uint z_at, uint y_at,
                                     uint position, int activation, bool drops, uint stream, uint threshold,
                                     float keep_scale) {
    float4 y = LOAD4(arena + y_at + position);
    y = MAKE4(y.x + bias.x, y.y + bias.y, y.z + bias.z, y.w + bias.w);
    if (z_at != NOWHERE) {
        STORE4(y, arena + z_at + position);
    }
    y = activate_four(activation, y);
    if (drops) {
        float4 keep = keep_four(pass, stream, position, threshold, keep_scale);
        y = MAKE4(keep.x == 0.0f ? 0.0f : y.x * keep.x, keep.y == 0.0f ? 0.0f : y.y * keep.y,
                  keep.z == 0.0f ? 0.0f : y.z * keep.z, keep.w == 0.0f ? 0.0f : y.w * keep.w);
    }
    STORE4(y, arena + y_at + position);
}

/* dX at one position from the sum over dY W'. */
DEVICE void dense_backward_store(__global float *arena, __global const uint *pass, float sum, uint x_at, uint z_at,
                                 uint dx_at, uint position, int activation, uint stream, uint threshold,
                                 float keep_scale) {
    float keep = 1.0f, y = arena[x_at + position];
    if (threshold != 0 && pass[PASS_TRAINING] != 0) {
        keep = keep_one(pass, stream, position, threshold, keep_scale);
        y /= keep_scale;
    }
    float z = z_at != NOWHERE ? arena[z_at + position] : 0.0f;
    arena[dx_at + position] = keep == 0.0f ? 0.0f : sum * keep * slope(activation, y, z);
}

/* The same at four positions from a multiple of four on, from sums that lie at dX. */
DEVICE void dense_backward_store_four(__global float *arena, __global const uint *pass, uint x_at, uint z_at, uint dx_at,
                                      uint position, int activation, uint stream, uint threshold, float keep_scale) {
    float4 keep = MAKE4(1.0f, 1.0f, 1.0f, 1.0f), z = MAKE4(0.0f, 0.0f, 0.0f, 0.0f);
    float4 y = LOAD4(arena + x_at + position), sum = LOAD4(arena + dx_at + position);
    if (threshold != 0 && pass[PASS_TRAINING] != 0) {
        keep = keep_four(pass, stream, position, threshold, keep_scale);
        y = MAKE4(y.x / keep_scale, y.y / keep_scale, y.z / keep_scale, y.w / keep_scale);
    }
    if (z_at != NOWHERE) {
        z = LOAD4(arena + z_at + position);
    }
    float4 by = slope_four(activation, y, z);
    STORE4(MAKE4(keep.x == 0.0f ? 0.0f : sum.x * keep.x * by.x, keep.y == 0.0f ? 0.0f : sum.y * keep.y * by.y,
                 keep.z == 0.0f ? 0.0f : sum.z * keep.z * by.z, keep.w == 0.0f ? 0.0f : sum.w * keep.w * by.w),
           arena + dx_at + position);
}

/* Two groups are to fit a multiprocessor of CUDA's: the large tiles would take a register too many else. */
#ifdef __OPENCL_VERSION__
#define TILE_KERNEL KERNEL(256)
#else
#define TILE_KERNEL extern "C" __global__ void __launch_bounds__(256, 2)
#endif

#define TILE(name) name##_small
#define TM TILE_SMALL
#define TN TILE_SMALL
#define TK 128
#define RM 1
#define RN 1
#define SLICES 4
#include "dense.h"

#define TILE(name) name##_medium
#define TM TILE_MEDIUM
#define TN TILE_MEDIUM
#define TK 32
#define RM 2
#define RN 2
#define SLICES 1
#include "dense.h"

#define TILE(name) name##_large
#define TM TILE_LARGE
#define TN TILE_LARGE
#define TK 8
#define RM 8
#define RN 8
#define SLICES 1
#include "dense.h"

/* Launch: a thread for four elements of Y, where X W is found. */
KERNEL(256)
dense_forward_after(__global float *arena, __global const uint *pass, uint bias_at, uint z_at, uint y_at, uint outputs,
                    int activation, uint stream, uint threshold, float keep_scale) {
    uint position = (get_group_id(0) * 256 + get_local_id(0)) * 4, end = pass[PASS_ROWS] * outputs;
    bool drops = threshold != 0 && pass[PASS_TRAINING] != 0;
    uint column = position % outputs;
    __global const float *bias = arena + bias_at;
    if (position + 4 <= end) {
        uint second = column + 1 == outputs ? 0 : column + 1, third = second + 1 == outputs ? 0 : second + 1;
        uint fourth = third + 1 == outputs ? 0 : third + 1;
        float4 four = outputs % 4 == 0 ? LOAD4(bias + column) : MAKE4(bias[column], bias[second], bias[third], bias[fourth]);
        dense_forward_store_four(arena, pass, four, z_at, y_at, position, activation, drops, stream, threshold, keep_scale);
    } else {
        ROLLED for (; position < end; position++) {
            dense_forward_store(arena, pass, arena[y_at + position] + bias[position % outputs], z_at, y_at, position,
                                activation, drops, stream, threshold, keep_scale);
        }
    }
}

/* Launch: a thread for four elements of dX, where dY W' is found. */
KERNEL(256)
dense_backward_input_after(__global float *arena, __global const uint *pass, uint x_at, uint z_at, uint dx_at,
                           uint inputs, int activation, uint stream, uint threshold, float keep_scale) {
    uint position = (get_group_id(0) * 256 + get_local_id(0)) * 4, end = pass[PASS_ROWS] * inputs;
    if (position + 4 <= end) {
        dense_backward_store_four(arena, pass, x_at, z_at, dx_at, position, activation, stream, threshold, keep_scale);
    } else {
        ROLLED for (; position < end; position++) {
            dense_backward_store(arena, pass, arena[dx_at + position], x_at, z_at, dx_at, position, activation, stream,
                                 threshold, keep_scale);
        }
    }
}

/*
 * to[g,j] = sum of the rows g * rows_per_group ... of from[.,j]; rows = the pass's, or `rows` if that is not 0. Called
 * twice where one group would have many rows: for parts of the rows, and for the parts' sums.
 *
 * Launch: 32 columns a group along x, parts of the rows along y; 8 threads a column, each every 8th row, summed in
 * order.
 */
KERNEL(256)
column_sums(__global const float *from, __global float *to, __global const uint *pass, uint from_at, uint to_at,
            uint rows, uint columns, uint rows_per_group) {
    SHARED float sums[256];
    uint t = get_local_id(0);
    uint j = get_group_id(0) * 32 + t % 32;
    uint end = rows != 0 ? rows : pass[PASS_ROWS];
    uint first = get_group_id(1) * rows_per_group;
    end = min(end, first + rows_per_group);
    float sum = 0.0f;
    if (j < columns) {
        for (uint b = first + t / 32; b < end; b += 8) {
            sum += from[(size_t)from_at + b * columns + j];
        }
    }
    sums[t] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (t < 32 && j < columns) {
        for (uint s = 1; s < 8; s++) {
            sum += sums[t + 32 * s];
        }
        to[to_at + get_group_id(1) * columns + j] = sum;
    }
}
