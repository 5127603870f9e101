/* Forward through the layers, the loss, and the gradients on the way back. Included by fused.h. */
#ifndef QUERN_FUSED_LAYERS_H
#define QUERN_FUSED_LAYERS_H

/* ---- the first layer --------------------------------------------------------------------------------------------- */

/* Byte i of a word. CUDA: as the low bits of 2^23 + byte, since a GPU converts at an eighth of the rate at which it adds. */
DEVICE float byte_of(uint word, const int i) {
#ifdef __OPENCL_VERSION__
    return (float)(word >> 8 * i & 255u);
#else
    return as_float(__byte_perm(word, 0x4b000000u, 0x7540u + i)) - 8388608.0f;
#endif
}

/* Four values of a row of X. `bytes` and `shifts` are constants after inlining. */
DEVICE float4 x_four(MEM const float *mem, uint x, const bool bytes, const bool shifts, float scale, float shift) {
    if (!bytes) {
        return LOAD4(mem + x);
    }
    uint word = ((MEM const uint *)mem)[x];
    float4 v = MAKE4(byte_of(word, 0), byte_of(word, 1), byte_of(word, 2), byte_of(word, 3));
    return shifts ? MAKE4(v.x * scale + shift, v.y * scale + shift, v.z * scale + shift, v.w * scale + shift) : v;
}

DEVICE float dot4(float4 a, float4 b, float sum) { return a.w * b.w + (a.z * b.z + (a.y * b.y + (a.x * b.x + sum))); }

/*
 * sums[4 r + c] = this lane's part of row r0 + r of X times column c of W, for 4 rows and 4 columns: inputs 4 lane,
 * 4 lane + 128, ... to 3 further. Without `shifts` the scale of bytes is left to whoever takes the sums.
 */
DEVICE void fused_tile(MEM const float *mem, uint x, uint x_stride, uint w, uint w_stride, uint inputs4, uint lane,
                       const bool bytes, const bool shifts, float scale, float shift, float *sums) {
    UNROLL for (int i = 0; i < 16; i++) { sums[i] = 0.0f; }
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

DEVICE void fused_tile_of(MEM const float *mem, Description net, uint x, uint w, uint lane, float *sums) {
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
DEVICE float fused_scale(Description net) {
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

/* act(z) and act'. What needs no function is chosen without a branch. */
DEVICE float fused_activate(int activation, float z, float *derivative) {
    float y;
    if (activation == ACTIVATION_LINEAR || activation == ACTIVATION_RELU) {
        bool relu = activation == ACTIVATION_RELU;
        y = relu && z < 0.0f ? 0.0f : z;
        *derivative = relu && !(y > 0.0f) ? 0.0f : 1.0f;
    } else {
        y = activate(activation, z);
        *derivative = slope(activation, y, z);
    }
    return y;
}

/* Y of the first layer at row b and own column c from the sum z, and the way back's factor keep * act'. */
DEVICE float fused_first_output(MEM const float *mem, Description net, uint b, uint c0, uint c, float z,
                                float *factor) {
    float keep = 1.0f, bias = mem[LAYER(0, LAYER_B) + c];
    if (LAYER(0, LAYER_THRESHOLD) != 0) {
        uint row = b * LAYER(0, LAYER_OUT) + c0;
        MEM const uint *kept = (MEM const uint *)mem + LAYER(0, LAYER_KEPT) + b * LAYER(0, LAYER_KEPT_ROW);
        keep = kept_factor(kept, row + c, row / 4 * 4, LAYER_FLOAT(0, LAYER_KEEP));
    }
    float derivative, y = fused_activate((int)LAYER(0, LAYER_ACTIVATION), z + bias, &derivative);
    *factor = keep == 0.0f ? 0.0f : keep * derivative;
    return keep == 0.0f ? 0.0f : y * keep;
}

/* ---- the layers above -------------------------------------------------------------------------------------------- */

DEVICE uint fused_y(Description net, uint l, uint slot) {
    return l == 0 ? NET(NET_H) + slot * NET(NET_H_NEXT) : LAYER(l, LAYER_Y);
}

DEVICE uint fused_y_stride(Description net, uint l) { return l == 0 ? NET(NET_H_STRIDE) : LAYER(l, LAYER_STRIDE); }

DEVICE float4 times4(float v, float4 by, float4 sum) {
    return MAKE4(v * by.x + sum.x, v * by.y + sum.y, v * by.z + sum.z, v * by.w + sum.w);
}

/* The same for four values; what needs a function takes one after the other. */
DEVICE float4 fused_activate4(int activation, float4 z, float4 *derivative) {
    float y[4] = {z.x, z.y, z.z, z.w}, d[4];
    if (activation == ACTIVATION_LINEAR || activation == ACTIVATION_RELU) {
        UNROLL for (int q = 0; q < 4; q++) {
            y[q] = fused_activate(activation == ACTIVATION_RELU ? ACTIVATION_RELU : ACTIVATION_LINEAR, y[q], &d[q]);
        }
        *derivative = MAKE4(d[0], d[1], d[2], d[3]);
        return MAKE4(y[0], y[1], y[2], y[3]);
    }
    *derivative = z;
    ROLLED for (int q = 0; q < 4; q++) { /* always the first one, so that no index is unknown */
        float one = fused_activate(activation, z.x, &d[0]);
        z = MAKE4(z.y, z.z, z.w, one);
        *derivative = MAKE4(derivative->y, derivative->z, derivative->w, d[0]);
    }
    return z;
}

DEVICE float kept_times(uint kept, const int q, float scale, float v) {
    return (kept >> q & 1u) != 0 ? scale * v : 0.0f;
}

DEVICE float4 kept_times4(uint kept, float scale, float4 v) {
    return MAKE4(kept_times(kept, 0, scale, v.x), kept_times(kept, 1, scale, v.y), kept_times(kept, 2, scale, v.z),
                 kept_times(kept, 3, scale, v.w));
}

/*
 * Rows [b0, b1) of a layer above the first, by a warp: four columns of a row to a thread, or to several that take four inputs
 * in turn.
 */
PART void fused_forward(MEM float *mem, Description net, uint l, uint slot, uint b0, uint b1, uint lane) {
    uint in = LAYER(l, LAYER_IN), out = LAYER(l, LAYER_OUT), w_stride = LAYER(l, LAYER_W_STRIDE);
    uint x_stride = fused_y_stride(net, l - 1), stride = LAYER(l, LAYER_STRIDE);
    uint threshold = LAYER(l, LAYER_THRESHOLD), fours = LAYER(l, LAYER_FOURS), doublings = LAYER(l, LAYER_DOUBLINGS);
    uint splits = 1u << doublings, part = lane & (splits - 1);
    Share share = share_of(lane >> doublings, FUSED_WARP >> doublings, fours, LAYER(l, LAYER_FOURS_INVERSE));
    uint j = share.item * 4;
    for (uint first = b0; first < b1; first += share.rows) {
        uint b = first + share.row;
        bool real = b < b1 && share.item < fours;
        float4 sum = MAKE4(0.0f, 0.0f, 0.0f, 0.0f);
        if (real) {
            MEM const float *x = mem + fused_y(net, l - 1, slot) + b * x_stride, *w = mem + LAYER(l, LAYER_W) + j;
            for (uint k = 4 * part; k < in; k += 4 * splits) { /* there are zeros from `in` on */
                float4 v = LOAD4(x + k);
                MEM const float *row = w + k * w_stride;
                float4 w0 = LOAD4(row), w1 = LOAD4(row + w_stride), w2 = LOAD4(row + 2 * w_stride);
                float4 w3 = LOAD4(row + 3 * w_stride);
                sum = times4(v.w, w3, times4(v.z, w2, times4(v.y, w1, times4(v.x, w0, sum))));
            }
        }
        sum = GROUP_ADD4(sum, splits);
        if (real && part == 0) {
            float4 bias = LOAD4(mem + LAYER(l, LAYER_B) + j);
            uint kept = 15, position = b * out + j, at = b * stride + j;
            float keep = LAYER_FLOAT(l, LAYER_KEEP);
            if (threshold != 0) {
                MEM const uint *words = (MEM const uint *)mem + LAYER(l, LAYER_KEPT) + position / 4;
                kept = (words[0] | words[1] << 4) >> (position & 3u);
            }
            kept &= (1u << min(out - j, 4u)) - 1; /* zeros in the gaps */
            float4 derivative, y = MAKE4(sum.x + bias.x, sum.y + bias.y, sum.z + bias.z, sum.w + bias.w);
            y = fused_activate4((int)LAYER(l, LAYER_ACTIVATION), y, &derivative);
            STORE4(kept_times4(kept, keep, derivative), mem + LAYER(l, LAYER_G) + at);
            STORE4(kept_times4(kept, keep, y), mem + LAYER(l, LAYER_Y) + at);
        }
    }
}

/* ---- the loss ------------------------------------------------------------------------------------------------------- */

/* Stores the gradient at column j of the last layer: if that is the first, only where the column is the block's own. */
DEVICE void fused_gradient(MEM float *mem, Description net, uint top, uint b, uint j, uint c0, uint own,
                           float gradient) {
    uint column = top == 0 ? j - c0 : j; /* wraps left of c0 */
    if (top != 0 || column < own) {
        uint at = b * LAYER(top, LAYER_STRIDE) + column;
        mem[LAYER(top, LAYER_G) + at] *= gradient;
    }
}

/* Numbers in the order of the values, above 0: equal values are equal, NaN is above all; what beats() says of two of a row. */
DEVICE uint order_key(float v) {
    uint bits = as_uint(v + 0.0f); /* -0 is 0 */
    return v != v ? 0xffffffffu : (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

/*
 * The loss of rows [b0, b1) by a warp, ROW_LANES threads for a row; as cross_entropy_forward and elementwise_loss_forward:
 * ../ops/loss.cl. Leaves what exp gave where the logits were.
 */
PART void fused_loss(MEM float *mem, Description net, uint slot, uint rows, uint b0, uint b1, uint c0, uint own,
                     uint t) {
    uint top = NET(NET_LAYERS) - 1, columns = LAYER(top, LAYER_OUT), lane = t % ROW_LANES;
    uint y = fused_y(net, top, slot), y_stride = fused_y_stride(net, top);
    MEM const float *targets = mem + NET(NET_TARGET) + slot * NET(NET_BATCH) * NET(NET_TARGETS);
    int loss = (int)NET(NET_LOSS);
    float form = NET_FLOAT(NET_LOSS_FORM);
    for (uint first = b0; first < b1; first += FUSED_WARP / ROW_LANES) {
        uint b = first + t / ROW_LANES;
        bool real = b < b1;
        MEM float *z = mem + y + (real ? b : 0) * y_stride;
        float sum = 0.0f, hits = 0.0f;
        if (loss != LOSS_CROSS_ENTROPY) {
            float scale = 1.0f / ((float)rows * (float)columns);
            for (uint j = lane; real && j < columns; j += ROW_LANES) {
                float target = targets[b * columns + j];
                sum = add_loss(loss, form, z[j], target, sum);
                hits += decided_rightly(loss, z[j], target);
                fused_gradient(mem, net, top, b, j, c0, own, loss_slope(loss, form, z[j], target) * scale);
            }
            sum = GROUP_ADD(sum, ROW_LANES);
            hits = GROUP_ADD(hits, ROW_LANES);
            if (real && lane == 0) {
                mem[NET(NET_LOSSES) + b] = sum / (float)columns;
                mem[NET(NET_HITS) + b] = hits;
            }
            continue;
        }
        uint target = real ? (uint)targets[b * NET(NET_TARGETS)] : 0;
        float weight = real && NET(NET_TARGETS) > 1 ? targets[b * NET(NET_TARGETS) + 1] : 1.0f;
        float logit = real ? z[target] : 0.0f;
        uint top_key = 0, best = 0xffffffffu;
        for (uint j = lane; real && j < columns; j += ROW_LANES) {
            uint key = order_key(z[j]);
            best = key > top_key ? j : best;
            top_key = max(key, top_key);
        }
#ifdef WARPS_SHUFFLE
        UNROLL for (uint gap = ROW_LANES / 2; gap > 0; gap /= 2) {
            uint key = __shfl_xor_sync(0xffffffffu, top_key, gap), column = __shfl_xor_sync(0xffffffffu, best, gap);
            best = key > top_key || (key == top_key && column < best) ? column : best;
            top_key = max(key, top_key);
        }
#endif
        float largest = as_float((top_key & 0x80000000u) != 0 ? top_key ^ 0x80000000u : ~top_key);
        for (uint j = lane; real && j < columns; j += ROW_LANES) {
            float e = exp(z[j] - largest);
            z[j] = e;
            sum += e;
        }
        sum = GROUP_ADD(sum, ROW_LANES);
        if (real) {
            float inverse = 1.0f / sum, share = weight / (float)rows;
            for (uint j = lane; j < columns; j += ROW_LANES) {
                float gradient = z[j] * inverse - (j == target ? 1.0f : 0.0f);
                fused_gradient(mem, net, top, b, j, c0, own, gradient * share);
            }
            if (lane == 0) {
                mem[NET(NET_LOSSES) + b] = (log(sum) + (largest - logit)) * weight;
                mem[NET(NET_HITS) + b] = best == target ? 1.0f : 0.0f;
            }
        }
    }
}

/* ---- the way back ----------------------------------------------------------------------------------------------------- */

/* The gradient before the activation of the layer below layer l in rows [b0, b1), by a warp; of the first, in the own columns. */
PART void fused_backward(MEM float *mem, Description net, uint l, uint b0, uint b1, uint c0, uint own, uint lane) {
    uint fours = LAYER(l, LAYER_FOURS), g = LAYER(l, LAYER_G), g_stride = LAYER(l, LAYER_STRIDE);
    uint width = LAYER(l, LAYER_BELOW), w = LAYER(l, LAYER_W), w_stride = LAYER(l, LAYER_W_STRIDE);
    uint below = LAYER(l - 1, LAYER_G), stride = LAYER(l - 1, LAYER_STRIDE);
    Share share = share_of(lane, FUSED_WARP, width, LAYER(l, LAYER_BELOW_INVERSE));
    if (l == 1) {
        w += c0 * w_stride;
        width = min(width, own);
    }
    for (uint b = b0 + share.row; b < b1; b += share.rows) {
        for (uint k = share.item; k < width; k += FUSED_WARP) {
            float sum = 0.0f;
            UNROLL_4 for (uint j = 0; j < fours; j++) {
                sum = dot4(LOAD4(mem + g + b * g_stride + 4 * j), LOAD4(mem + w + k * w_stride + 4 * j), sum);
            }
            mem[below + b * stride + k] *= sum;
        }
    }
}

#endif
