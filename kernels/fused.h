/*
 * The parts of the fused training step, for one block of a team; fused_train.h puts them together. All that a block
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

#include "activation.h"
#include "loss.h"
#include "philox.h"

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
    NET_X_NEXT,   /* words from one of the two buffers of X to the other */
    NET_ORDER,    /* [2][B] rows of the data set */
    NET_TARGET,   /* [2][B x targets] */
    NET_H,        /* [2][B x NET_H_STRIDE] the first layer's output, all columns */
    NET_H_STRIDE,
    NET_LOSS, /* [B] */
    NET_HITS, /* [B] */
    NET_PARTS, /* sums of threads, where they cannot shuffle */
    NET_WORDS, /* of all of mem */
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
    LAYER_S, /* [B][stride] keep * act'; of the first layer, the own columns */
    LAYER_G, /* [B][stride] the gradient before the activation, zeros in the gaps; likewise */
    LAYER_STRIDE,
    LAYER_KEPT,     /* which positions dropout keeps, 4 bits a word, one block of Philox */
    LAYER_KEPT_ROW, /* of the first layer, words of a row: blocks that its own columns may touch */
    LAYER_WORDS = 20
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

/* ---- what is prepared for a step before it begins ------------------------------------------------------------- */

/* The rows of a step's batch, by `threads` threads. */
DEVICE void fused_order(MEM float *mem, uint slot, __global const uint *pass, Moment at, uint t, uint threads) {
    MEM uint *order = (MEM uint *)mem + NET(NET_ORDER) + slot * NET(NET_BATCH);
    for (uint b = t; b < at.rows; b += threads) {
        order[b] = shuffled_row(pass[PASS_DATA_ROWS], pass[PASS_SEED_LOW], pass[PASS_SEED_HIGH], at.epoch_low,
                                at.epoch_high, at.first + b);
    }
}

DEVICE uint kept_four(__global const uint *pass, Moment at, uint stream, uint block, uint threshold) {
    words4 v = philox_block(pass[PASS_SEED_LOW], pass[PASS_SEED_HIGH], stream, at.step_low, at.step_high, block);
    return (v.x >= threshold ? 1u : 0u) | (v.y >= threshold ? 2u : 0u) | (v.z >= threshold ? 4u : 0u) |
           (v.w >= threshold ? 8u : 0u);
}

/* Which units a step's dropout keeps: of the first layer in the own columns, of the others in all. */
DEVICE void fused_masks(MEM float *mem, __global const uint *pass, Moment at, uint c0, uint t, uint threads) {
    for (uint l = 0; l < NET(NET_LAYERS); l++) {
        uint threshold = LAYER(l, LAYER_THRESHOLD), stream = LAYER(l, LAYER_STREAM), out = LAYER(l, LAYER_OUT);
        if (threshold == 0) {
            continue;
        }
        MEM uint *kept = (MEM uint *)mem + LAYER(l, LAYER_KEPT);
        if (l == 0) {
            uint row = LAYER(0, LAYER_KEPT_ROW);
            for (uint i = t; i < at.rows * row; i += threads) {
                kept[i] = kept_four(pass, at, stream, (i / row * out + c0) / 4 + i % row, threshold);
            }
        } else {
            for (uint i = t; i < (at.rows * out + 3) / 4; i += threads) {
                kept[i] = kept_four(pass, at, stream, i, threshold);
            }
        }
    }
}

/* The factor of dropout at a position; `first` is that of the words' first bit, a multiple of 4. */
DEVICE float kept_factor(MEM const uint *kept, uint position, uint first, float scale) {
    return (kept[(position - first) / 4] >> (position & 3u) & 1u) != 0 ? scale : 0.0f;
}

/*
 * Rows of floats, or of bytes that become floats because dropout meets a shift: scaled, shifted, dropped out. Four inputs
 * to a thread where a block of Philox has a row's, else one.
 */
DEVICE void fused_values(MEM float *mem, uint slot, __global const uint *pass, Moment at, __global const uchar *raw,
                         bool bytes, uint t) {
    uint inputs = NET(NET_INPUTS), stride = NET(NET_X_STRIDE), threshold = NET(NET_INPUT_THRESHOLD);
    float scale = NET_FLOAT(NET_SCALE), shift = NET_FLOAT(NET_SHIFT), keep_scale = NET_FLOAT(NET_INPUT_KEEP);
    MEM const uint *order = (MEM const uint *)mem + NET(NET_ORDER) + slot * NET(NET_BATCH);
    uint together = inputs % 4 == 0 ? 4 : 1, pieces = inputs / together;
    for (uint u = t; u < at.rows * pieces; u += FUSED_THREADS) {
        uint b = u / pieces, i = u % pieces * together, position = b * inputs + i, four = 15;
        size_t from = (size_t)order[b] * inputs + i;
        if (threshold != 0) {
            four = kept_four(pass, at, NET(NET_INPUT_STREAM), position / 4, threshold) >> (position & 3u);
        }
        for (uint q = 0; q < together; q++) {
            float v = bytes ? (float)raw[from + q] : ((__global const float *)raw)[from + q];
            v = (v * scale + shift) * (threshold != 0 ? keep_scale : 1.0f);
            mem[NET(NET_X) + b * stride + i + q] = (four >> q & 1u) != 0 ? v : 0.0f;
        }
    }
}

/* Drops rows of bytes out where they lie: what is kept has keep_scale in NET_SCALE. The inputs are a multiple of 4. */
DEVICE void fused_drop(MEM float *mem, uint x, __global const uint *pass, Moment at, uint t) {
    uint words = NET(NET_INPUTS) / 4, stride = NET(NET_X_STRIDE), threshold = NET(NET_INPUT_THRESHOLD);
    for (uint u = t; u < at.rows * words; u += FUSED_THREADS) {
        uint four = kept_four(pass, at, NET(NET_INPUT_STREAM), u, threshold);
        uint kept = ((four & 1u) | (four & 2u) << 7 | (four & 4u) << 14 | (four & 8u) << 21) * 255u;
        ((MEM uint *)mem)[x + u / words * stride + u % words] &= kept;
    }
}

/* Four bytes from any address on, zeros from `left` on, as a word whose low byte is the first. */
DEVICE uint bytes4(__global const uchar *from, uint left) {
    uint word = from[0];
    word |= left > 1 ? (uint)from[1] << 8 : 0u;
    word |= left > 2 ? (uint)from[2] << 16 : 0u;
    return word | (left > 3 ? (uint)from[3] << 24 : 0u);
}

/* ---- the first layer --------------------------------------------------------------------------------------------- */

/* Four values of a row of X. `bytes` and `shifts` are constants after inlining. */
DEVICE float4 x_four(MEM const float *mem, uint x, const bool bytes, const bool shifts, float scale, float shift) {
    if (!bytes) {
        return LOAD4(mem + x);
    }
    uint word = ((MEM const uint *)mem)[x];
    float4 v = MAKE4((float)(word & 255u), (float)(word >> 8 & 255u), (float)(word >> 16 & 255u), (float)(word >> 24));
    return shifts ? MAKE4(v.x * scale + shift, v.y * scale + shift, v.z * scale + shift, v.w * scale + shift) : v;
}

DEVICE float dot4(float4 a, float4 b, float sum) { return a.w * b.w + (a.z * b.z + (a.y * b.y + (a.x * b.x + sum))); }

/*
 * sums[4 r + c] = this lane's part of row r0 + r of X times column c of W, for 4 rows and 4 columns: inputs 4 lane,
 * 4 lane + 128, ... to 3 further. Without `shifts` the scale of bytes is left to whoever takes the sums.
 */
DEVICE void fused_tile(MEM const float *mem, uint x, uint x_stride, uint w, uint w_stride, uint inputs4, uint lane,
                       const bool bytes, const bool shifts, float scale, float shift, float *sums) {
    UNROLL for (int i = 0; i < 16; i++) {
        sums[i] = 0.0f;
    }
    for (uint q = lane; q < inputs4; q += FUSED_WARP) {
        uint at = x + (bytes ? q : 4 * q);
        float4 x0 = x_four(mem, at, bytes, shifts, scale, shift);
        float4 x1 = x_four(mem, at + x_stride, bytes, shifts, scale, shift);
        float4 x2 = x_four(mem, at + 2 * x_stride, bytes, shifts, scale, shift);
        float4 x3 = x_four(mem, at + 3 * x_stride, bytes, shifts, scale, shift);
        UNROLL for (int c = 0; c < 4; c++) {
            float4 column = LOAD4(mem + w + c * w_stride + 4 * q);
            sums[c] = dot4(x0, column, sums[c]);
            sums[4 + c] = dot4(x1, column, sums[4 + c]);
            sums[8 + c] = dot4(x2, column, sums[8 + c]);
            sums[12 + c] = dot4(x3, column, sums[12 + c]);
        }
    }
}

DEVICE void fused_tile_of(MEM const float *mem, uint x, uint w, uint lane, float *sums) {
    uint x_stride = NET(NET_X_STRIDE), w_stride = LAYER(0, LAYER_W_STRIDE), inputs4 = (NET(NET_INPUTS) + 3) / 4;
    float scale = NET_FLOAT(NET_SCALE), shift = NET_FLOAT(NET_SHIFT);
    if (NET(NET_PIXELS) == 0) {
        fused_tile(mem, x, x_stride, w, w_stride, inputs4, lane, false, false, scale, shift, sums);
    } else if (shift != 0.0f) {
        fused_tile(mem, x, x_stride, w, w_stride, inputs4, lane, true, true, scale, shift, sums);
    } else {
        fused_tile(mem, x, x_stride, w, w_stride, inputs4, lane, true, false, scale, shift, sums);
    }
}

/* The scale that fused_tile left out. */
DEVICE float fused_scale(MEM const float *mem) {
    return NET(NET_PIXELS) != 0 && NET_FLOAT(NET_SHIFT) == 0.0f ? NET_FLOAT(NET_SCALE) : 1.0f;
}

#ifdef WARPS_SHUFFLE
/* What is left of 2 `count` sums when each half of the lanes keeps the one half and gives the other. */
DEVICE void fused_halve(float *sums, const int count, uint lane) {
    bool upper = (lane & (2u * count)) != 0;
    UNROLL for (int i = 0; i < count; i++) {
        float given = upper ? sums[i] : sums[i + count], kept = upper ? sums[i + count] : sums[i];
        sums[i] = kept + __shfl_xor_sync(0xffffffffu, given, 2 * count);
    }
}

/* The sum over the warp of sums[lane / 2]. */
DEVICE float fused_tile_sum(float *sums, uint lane) {
    fused_halve(sums, 8, lane);
    fused_halve(sums, 4, lane);
    fused_halve(sums, 2, lane);
    fused_halve(sums, 1, lane);
    return sums[0] + __shfl_xor_sync(0xffffffffu, sums[0], 1);
}
#endif

/* Y of the first layer at row b and own column c from the sum z, and the way back's factor keep * act'. */
DEVICE float fused_first_output(MEM const float *mem, uint b, uint c0, uint c, float z, float *factor) {
    z += mem[LAYER(0, LAYER_B) + c];
    int activation = (int)LAYER(0, LAYER_ACTIVATION);
    float y = activate(activation, z), keep = 1.0f;
    if (LAYER(0, LAYER_THRESHOLD) != 0) {
        uint row = b * LAYER(0, LAYER_OUT) + c0;
        MEM const uint *kept = (MEM const uint *)mem + LAYER(0, LAYER_KEPT) + b * LAYER(0, LAYER_KEPT_ROW);
        keep = kept_factor(kept, row + c, row / 4 * 4, LAYER_FLOAT(0, LAYER_KEEP));
    }
    *factor = keep == 0.0f ? 0.0f : keep * slope(activation, y, z);
    return keep == 0.0f ? 0.0f : y * keep;
}

/* ---- the layers above -------------------------------------------------------------------------------------------- */

DEVICE uint fused_y(MEM const float *mem, uint l, uint slot) {
    return l == 0 ? NET(NET_H) + slot * NET(NET_BATCH) * NET(NET_H_STRIDE) : LAYER(l, LAYER_Y);
}

DEVICE uint fused_y_stride(MEM const float *mem, uint l) {
    return l == 0 ? NET(NET_H_STRIDE) : LAYER(l, LAYER_STRIDE);
}

DEVICE float pick(float4 v, uint q) { return q == 0 ? v.x : q == 1 ? v.y : q == 2 ? v.z : v.w; }

/* Y of a layer above the first: four columns of a row to a thread, or to several that share the inputs. */
DEVICE void fused_forward(MEM float *mem, uint l, uint slot, uint rows, uint t) {
    uint in = LAYER(l, LAYER_IN), out = LAYER(l, LAYER_OUT), w = LAYER(l, LAYER_W), w_stride = LAYER(l, LAYER_W_STRIDE);
    uint x = fused_y(mem, l - 1, slot), x_stride = fused_y_stride(mem, l - 1), stride = LAYER(l, LAYER_STRIDE);
    uint threshold = LAYER(l, LAYER_THRESHOLD);
    int activation = (int)LAYER(l, LAYER_ACTIVATION);
    MEM const uint *kept = (MEM const uint *)mem + LAYER(l, LAYER_KEPT);
    uint fours = (out + 3) / 4, units = rows * fours, splits = 1;
    while (splits < MOST_SPLITS && units * splits * 2 <= FUSED_THREADS) {
        splits *= 2;
    }
    uint part = t % splits;
    for (uint u0 = 0; u0 < units; u0 += FUSED_THREADS / splits) {
        uint u = u0 + t / splits, b = u / fours, j = u % fours * 4;
        float4 sum = MAKE4(0.0f, 0.0f, 0.0f, 0.0f);
        if (u < units) {
            for (uint k = part; k < in; k += splits) {
                float v = mem[x + b * x_stride + k];
                float4 row = LOAD4(mem + w + k * w_stride + j);
                sum = MAKE4(v * row.x + sum.x, v * row.y + sum.y, v * row.z + sum.z, v * row.w + sum.w);
            }
        }
        sum = MAKE4(GROUP_ADD(sum.x, splits), GROUP_ADD(sum.y, splits), GROUP_ADD(sum.z, splits),
                    GROUP_ADD(sum.w, splits));
        for (uint q = part; u < units && q < 4 && j + q < out; q += splits) {
            float z = pick(sum, q) + mem[LAYER(l, LAYER_B) + j + q], y = activate(activation, z), keep = 1.0f;
            if (threshold != 0) {
                keep = kept_factor(kept, b * out + j + q, 0, LAYER_FLOAT(l, LAYER_KEEP));
            }
            mem[LAYER(l, LAYER_S) + b * stride + j + q] = keep == 0.0f ? 0.0f : keep * slope(activation, y, z);
            mem[LAYER(l, LAYER_Y) + b * stride + j + q] = keep == 0.0f ? 0.0f : y * keep;
        }
    }
}

/* ---- the loss ------------------------------------------------------------------------------------------------------- */

/* Stores the gradient at column j of the last layer: if that is the first, only where the column is the block's own. */
DEVICE void fused_gradient(MEM float *mem, uint top, uint b, uint j, uint c0, uint own, float gradient) {
    uint column = top == 0 ? j - c0 : j; /* wraps left of c0 */
    if (top != 0 || column < own) {
        uint at = b * LAYER(top, LAYER_STRIDE) + column;
        mem[LAYER(top, LAYER_G) + at] = gradient * mem[LAYER(top, LAYER_S) + at];
    }
}

/* As cross_entropy_forward and squared_error_forward: loss.cl. ROW_LANES threads for a row. */
DEVICE void fused_loss(MEM float *mem, uint slot, uint rows, uint c0, uint own, uint t) {
    uint top = NET(NET_LAYERS) - 1, columns = LAYER(top, LAYER_OUT), lane = t % ROW_LANES;
    uint y = fused_y(mem, top, slot), y_stride = fused_y_stride(mem, top);
    MEM const float *targets = mem + NET(NET_TARGET) + slot * NET(NET_BATCH) * NET(NET_TARGETS);
    bool squared = NET(NET_SQUARED) != 0;
    for (uint b0 = 0; b0 < rows; b0 += FUSED_THREADS / ROW_LANES) {
        uint b = b0 + t / ROW_LANES;
        bool real = b < rows;
        MEM const float *z = mem + y + (real ? b : 0) * y_stride;
        float sum = 0.0f;
        if (squared) {
            float scale = 2.0f / ((float)rows * (float)columns);
            for (uint j = lane; real && j < columns; j += ROW_LANES) {
                float error = z[j] - targets[b * columns + j];
                sum += error * error;
                fused_gradient(mem, top, b, j, c0, own, error * scale);
            }
            sum = GROUP_ADD(sum, ROW_LANES);
            if (real && lane == 0) {
                mem[NET(NET_LOSS) + b] = sum / (float)columns;
                mem[NET(NET_HITS) + b] = 0.0f;
            }
            continue;
        }
        float largest = -INFINITY;
        uint best = 0xffffffffu;
        for (uint j = lane; real && j < columns; j += ROW_LANES) {
            if (beats(z[j], j, largest, best)) {
                largest = z[j];
                best = j;
            }
        }
#ifdef WARPS_SHUFFLE
        for (uint gap = ROW_LANES / 2; gap > 0; gap /= 2) {
            float other = __shfl_xor_sync(0xffffffffu, largest, gap);
            uint column = __shfl_xor_sync(0xffffffffu, best, gap);
            if (beats(other, column, largest, best)) {
                largest = other;
                best = column;
            }
        }
#endif
        for (uint j = lane; real && j < columns; j += ROW_LANES) {
            sum += exp(z[j] - largest);
        }
        sum = GROUP_ADD(sum, ROW_LANES);
        if (real) {
            uint target = (uint)targets[b];
            for (uint j = lane; j < columns; j += ROW_LANES) {
                float gradient = (exp(z[j] - largest) / sum - (j == target ? 1.0f : 0.0f)) / (float)rows;
                fused_gradient(mem, top, b, j, c0, own, gradient);
            }
            if (lane == 0) {
                mem[NET(NET_LOSS) + b] = log(sum) + (largest - z[target]);
                mem[NET(NET_HITS) + b] = best == target ? 1.0f : 0.0f;
            }
        }
    }
}

/* ---- the way back ----------------------------------------------------------------------------------------------------- */

/* The gradient before the activation of the layer below layer l; of the first layer, in the own columns. */
DEVICE void fused_backward(MEM float *mem, uint l, uint rows, uint c0, uint own, uint t) {
    uint fours = (LAYER(l, LAYER_OUT) + 3) / 4, g = LAYER(l, LAYER_G), g_stride = LAYER(l, LAYER_STRIDE);
    uint k0 = l == 1 ? c0 : 0, width = l == 1 ? own : LAYER(l, LAYER_IN);
    uint w = LAYER(l, LAYER_W), w_stride = LAYER(l, LAYER_W_STRIDE), stride = LAYER(l - 1, LAYER_STRIDE);
    for (uint u = t; u < rows * width; u += FUSED_THREADS) {
        uint b = u / width, k = u % width;
        float sum = 0.0f;
        for (uint j = 0; j < fours; j++) {
            sum = dot4(LOAD4(mem + g + b * g_stride + 4 * j), LOAD4(mem + w + (k0 + k) * w_stride + 4 * j), sum);
        }
        uint at = b * stride + k;
        mem[LAYER(l - 1, LAYER_G) + at] = sum * mem[LAYER(l - 1, LAYER_S) + at];
    }
}

/* One parameter at w with its moments behind it: update.cl. */
DEVICE float fused_update(MEM float *mem, uint optimizer, float w, float g, uint moment, uint size, float rate,
                          float decay, float form0, float form1, float form2) {
    if (optimizer == ADAM) {
        float m = mem[moment], v = mem[moment + size];
        m += (g - m) * form0;
        v += (g * g - v) * form1;
        mem[moment] = m;
        mem[moment + size] = v;
        return w * decay - FAST_DIVIDE(rate * m, FAST_SQRT(v) + form2);
    }
    float move = -rate * g;
    if (optimizer == SGD_MOMENTUM) {
        move += form0 * mem[moment];
        mem[moment] = move;
    }
    return w * decay + move;
}

/* Four parameters from `at` on, the first `count` of them real. */
DEVICE void fused_update_four(MEM float *mem, uint at, uint size, uint count, float4 g, float rate, float decay) {
    uint optimizer = NET(NET_OPTIMIZER);
    float form0 = NET_FLOAT(NET_FORM_0), form1 = NET_FLOAT(NET_FORM_1), form2 = NET_FLOAT(NET_FORM_2);
    if (count >= 4 && optimizer == ADAM) {
        float4 w = LOAD4(mem + at), m = LOAD4(mem + at + size), v = LOAD4(mem + at + 2 * size);
        m = MAKE4(m.x + (g.x - m.x) * form0, m.y + (g.y - m.y) * form0, m.z + (g.z - m.z) * form0,
                  m.w + (g.w - m.w) * form0);
        v = MAKE4(v.x + (g.x * g.x - v.x) * form1, v.y + (g.y * g.y - v.y) * form1, v.z + (g.z * g.z - v.z) * form1,
                  v.w + (g.w * g.w - v.w) * form1);
        w = MAKE4(w.x * decay - FAST_DIVIDE(rate * m.x, FAST_SQRT(v.x) + form2),
                  w.y * decay - FAST_DIVIDE(rate * m.y, FAST_SQRT(v.y) + form2),
                  w.z * decay - FAST_DIVIDE(rate * m.z, FAST_SQRT(v.z) + form2),
                  w.w * decay - FAST_DIVIDE(rate * m.w, FAST_SQRT(v.w) + form2));
        STORE4(w, mem + at);
        STORE4(m, mem + at + size);
        STORE4(v, mem + at + 2 * size);
        return;
    }
    for (uint q = 0; q < min(count, 4u); q++) {
        mem[at + q] = fused_update(mem, optimizer, mem[at + q], pick(g, q), at + size + q, size, rate, decay, form0,
                                   form1, form2);
    }
}

/* dW of the first layer in four columns from c on and four inputs from 4 q on, and the update of these weights. */
DEVICE void fused_first_weights(MEM float *mem, uint x, uint c, uint q, uint rows, float rate, float decay,
                                const bool bytes, const bool shifts) {
    float scale = NET_FLOAT(NET_SCALE), shift = NET_FLOAT(NET_SHIFT), left_out = fused_scale(mem);
    uint x_stride = NET(NET_X_STRIDE), g = LAYER(0, LAYER_G) + c, g_stride = LAYER(0, LAYER_STRIDE);
    float4 sum[4];
    UNROLL for (int i = 0; i < 4; i++) {
        sum[i] = MAKE4(0.0f, 0.0f, 0.0f, 0.0f);
    }
    uint at = x + (bytes ? q : 4 * q);
    for (uint b = 0; b < rows; b++) {
        float4 v = x_four(mem, at + b * x_stride, bytes, shifts, scale, shift);
        float4 d = LOAD4(mem + g + b * g_stride);
        sum[0] = MAKE4(v.x * d.x + sum[0].x, v.y * d.x + sum[0].y, v.z * d.x + sum[0].z, v.w * d.x + sum[0].w);
        sum[1] = MAKE4(v.x * d.y + sum[1].x, v.y * d.y + sum[1].y, v.z * d.y + sum[1].z, v.w * d.y + sum[1].w);
        sum[2] = MAKE4(v.x * d.z + sum[2].x, v.y * d.z + sum[2].y, v.z * d.z + sum[2].z, v.w * d.z + sum[2].w);
        sum[3] = MAKE4(v.x * d.w + sum[3].x, v.y * d.w + sum[3].y, v.z * d.w + sum[3].z, v.w * d.w + sum[3].w);
    }
    uint w = LAYER(0, LAYER_W), stride = LAYER(0, LAYER_W_STRIDE), size = LAYER(0, LAYER_W_SIZE);
    UNROLL for (int i = 0; i < 4; i++) {
        float4 s = MAKE4(sum[i].x * left_out, sum[i].y * left_out, sum[i].z * left_out, sum[i].w * left_out);
        fused_update_four(mem, w + (c + i) * stride + 4 * q, size, NET(NET_INPUTS) - 4 * q, s, rate, decay);
    }
}

/* Column sums of the gradient: the biases of a layer, one to a thread. */
DEVICE void fused_biases(MEM float *mem, uint l, uint rows, uint own, uint t, float rate, float decay) {
    uint width = l == 0 ? own : LAYER(l, LAYER_OUT), g = LAYER(l, LAYER_G), stride = LAYER(l, LAYER_STRIDE);
    uint bias = LAYER(l, LAYER_B), size = LAYER(l, LAYER_B_SIZE);
    for (uint j = t; j < width; j += FUSED_THREADS) {
        float sum = 0.0f;
        for (uint b = 0; b < rows; b++) {
            sum += mem[g + b * stride + j];
        }
        fused_update_four(mem, bias + j, size, 1, MAKE4(sum, 0.0f, 0.0f, 0.0f), rate, decay);
    }
}

/* dW of a layer above the first, one input and four outputs to a thread, and the update of these weights. */
DEVICE void fused_weights(MEM float *mem, uint l, uint slot, uint rows, uint t, float rate, float decay) {
    uint out = LAYER(l, LAYER_OUT), fours = (out + 3) / 4, units = LAYER(l, LAYER_IN) * fours;
    uint x = fused_y(mem, l - 1, slot), x_stride = fused_y_stride(mem, l - 1);
    uint g = LAYER(l, LAYER_G), g_stride = LAYER(l, LAYER_STRIDE);
    for (uint u = t; u < units; u += FUSED_THREADS) {
        uint k = u / fours, j = u % fours * 4;
        float4 sum = MAKE4(0.0f, 0.0f, 0.0f, 0.0f);
        for (uint b = 0; b < rows; b++) {
            float v = mem[x + b * x_stride + k];
            float4 d = LOAD4(mem + g + b * g_stride + j);
            sum = MAKE4(v * d.x + sum.x, v * d.y + sum.y, v * d.z + sum.z, v * d.w + sum.w);
        }
        fused_update_four(mem, LAYER(l, LAYER_W) + k * LAYER(l, LAYER_W_STRIDE) + j, LAYER(l, LAYER_W_SIZE), out - j,
                          sum, rate, decay);
    }
}

/* ---- state between arena and memory ------------------------------------------------------------------------------------ */

/* Where the moment `which` (0: the parameters) lies in the arena. */
DEVICE uint fused_arena(MEM const float *mem, uint which) {
    return which == 0 ? 0 : NET(which == 1 ? NET_M_ARENA : NET_V_ARENA);
}

/* Copies parameters and moments in, or back out: the own columns of the first layer, the others if `all`. */
DEVICE void fused_state(MEM float *mem, __global float *arena, bool in, uint c0, uint own, bool all, uint t) {
    uint moments = NET(NET_OPTIMIZER) == ADAM ? 2 : NET(NET_OPTIMIZER) == SGD ? 0 : 1;
    for (uint which = 0; which <= moments; which++) {
        __global float *from = arena + fused_arena(mem, which);
        for (uint l = 0; l < (all ? NET(NET_LAYERS) : 1); l++) {
            uint inputs = LAYER(l, LAYER_IN), out = LAYER(l, LAYER_OUT), stride = LAYER(l, LAYER_W_STRIDE);
            uint width = l == 0 ? own : out, first = l == 0 ? c0 : 0;
            MEM float *w = mem + LAYER(l, LAYER_W) + which * LAYER(l, LAYER_W_SIZE);
            MEM float *b = mem + LAYER(l, LAYER_B) + which * LAYER(l, LAYER_B_SIZE);
            for (uint i = t; i < inputs * width; i += FUSED_THREADS) {
                uint k = i / width, j = i % width;
                __global float *there = from + LAYER(l, LAYER_W_ARENA) + k * out + first + j;
                MEM float *here = w + (l == 0 ? j * stride + k : k * stride + j);
                if (in) {
                    *here = *there;
                } else {
                    *there = *here;
                }
            }
            for (uint j = t; j < width; j += FUSED_THREADS) {
                __global float *there = from + LAYER(l, LAYER_B_ARENA) + first + j;
                if (in) {
                    b[j] = *there;
                } else {
                    *there = b[j];
                }
            }
        }
    }
}

/* ---- what the host sees --------------------------------------------------------------------------------------------------- */

/* The step's entry in the log, by one thread; it counts them up now and then, since waiting for the host's memory takes long. */
DEVICE void fused_log(MEM const float *mem, __global volatile uint *log, uint index, uint rows, bool tell) {
    float loss = 0.0f, hits = 0.0f;
    for (uint b = 0; b < rows; b++) {
        loss += mem[NET(NET_LOSS) + b];
        hits += mem[NET(NET_HITS) + b];
    }
    log[1 + 2 * index] = as_uint(loss);
    log[2 + 2 * index] = (uint)hits;
    if (tell) {
        FENCE_HOST();
        log[0] = index + 1;
    }
}

/* Leaves the pass as metrics_forward would after the last step. */
DEVICE void fused_leave(__global uint *pass, Moment next) {
    pass[PASS_INDEX] = next.index;
    pass[PASS_ROWS] = next.rows;
    pass[PASS_FIRST] = next.first;
    pass[PASS_STEP_LOW] = next.step_low;
    pass[PASS_STEP_HIGH] = next.step_high;
    pass[PASS_EPOCH_LOW] = next.epoch_low;
    pass[PASS_EPOCH_HIGH] = next.epoch_high;
    if (next.index < pass[PASS_COUNT]) {
        pass[PASS_RATE] = pass[PASS_WORDS + next.index];
        pass[PASS_DECAY] = pass[PASS_WORDS + pass[PASS_COUNT] + next.index];
    }
}

#endif
