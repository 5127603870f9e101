/* Forward through the layers, the loss, and the gradients on the way back. Included by fused.h. */
#ifndef QUERN_FUSED_LAYERS_H
#define QUERN_FUSED_LAYERS_H

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
    return l == 0 ? NET(NET_H) + slot * NET(NET_H_NEXT) : LAYER(l, LAYER_Y);
}

DEVICE uint fused_y_stride(MEM const float *mem, uint l) {
    return l == 0 ? NET(NET_H_STRIDE) : LAYER(l, LAYER_STRIDE);
}

DEVICE float pick(float4 v, uint q) { return q == 0 ? v.x : q == 1 ? v.y : q == 2 ? v.z : v.w; }

/* Y of a layer above the first: four columns of a row to a thread, or to several that share the inputs. */
PART void fused_forward(MEM float *mem, uint l, uint slot, uint rows, uint t) {
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
            mem[LAYER(l, LAYER_G) + b * stride + j + q] = keep == 0.0f ? 0.0f : keep * slope(activation, y, z);
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
        mem[LAYER(top, LAYER_G) + at] *= gradient;
    }
}

/* As cross_entropy_forward and elementwise_loss_forward: ../ops/loss.cl. ROW_LANES threads for a row. */
PART void fused_loss(MEM float *mem, uint slot, uint rows, uint c0, uint own, uint t) {
    uint top = NET(NET_LAYERS) - 1, columns = LAYER(top, LAYER_OUT), lane = t % ROW_LANES;
    uint y = fused_y(mem, top, slot), y_stride = fused_y_stride(mem, top);
    MEM const float *targets = mem + NET(NET_TARGET) + slot * NET(NET_BATCH) * NET(NET_TARGETS);
    int loss = (int)NET(NET_LOSS);
    float form = NET_FLOAT(NET_LOSS_FORM);
    for (uint b0 = 0; b0 < rows; b0 += FUSED_THREADS / ROW_LANES) {
        uint b = b0 + t / ROW_LANES;
        bool real = b < rows;
        MEM const float *z = mem + y + (real ? b : 0) * y_stride;
        float sum = 0.0f, hits = 0.0f;
        if (loss != LOSS_CROSS_ENTROPY) {
            float scale = 1.0f / ((float)rows * (float)columns);
            for (uint j = lane; real && j < columns; j += ROW_LANES) {
                float target = targets[b * columns + j];
                sum = add_loss(loss, form, z[j], target, sum);
                hits += decided_rightly(loss, z[j], target);
                fused_gradient(mem, top, b, j, c0, own, loss_slope(loss, form, z[j], target) * scale);
            }
            sum = GROUP_ADD(sum, ROW_LANES);
            hits = GROUP_ADD(hits, ROW_LANES);
            if (real && lane == 0) {
                mem[NET(NET_LOSSES) + b] = sum / (float)columns;
                mem[NET(NET_HITS) + b] = hits;
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
            uint at = b * NET(NET_TARGETS), target = (uint)targets[at];
            float weight = NET(NET_TARGETS) > 1 ? targets[at + 1] : 1.0f;
            for (uint j = lane; j < columns; j += ROW_LANES) {
                float gradient = (exp(z[j] - largest) / sum - (j == target ? 1.0f : 0.0f)) / (float)rows;
                fused_gradient(mem, top, b, j, c0, own, gradient * weight);
            }
            if (lane == 0) {
                mem[NET(NET_LOSSES) + b] = (log(sum) + (largest - z[target])) * weight;
                mem[NET(NET_HITS) + b] = best == target ? 1.0f : 0.0f;
            }
        }
    }
}

/* ---- the way back ----------------------------------------------------------------------------------------------------- */

/* The gradient before the activation of the layer below layer l; of the first layer, in the own columns. */
PART void fused_backward(MEM float *mem, uint l, uint rows, uint c0, uint own, uint t) {
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
        mem[LAYER(l - 1, LAYER_G) + at] *= sum;
    }
}

#endif
