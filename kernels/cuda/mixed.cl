/*
 * dense_forward_finish         Z = S + b;  Y = act(Z) * keep, S = X W found where Y comes
 * dense_backward_input_finish  dX = S * keep * act', S = dY W' found where dX comes
 * relu_bits                    bit j of row b = Y[b,j] > 0 and keep[b,j]: what DRELU of cublasLt reads
 * column_sums_bfloat16         column_sums of rows in bfloat16
 * optimizer_update_bfloat16    optimizer_update, and the new parameters in bfloat16
 *
 * What comes after a library's products where what follows takes bfloat16, or ReLU's derivative as bits: each value is
 * read once and written once in each form that is wanted. Y goes to the arena (y_kept), to `rounded` and its signs to
 * `bits`, where these are not NOWHERE; dX goes to `rounded`. The layouts are those of convert.cl.
 *
 * Launch: 256 threads, eight columns of a row a thread, a row's threads a multiple of 4; column_sums_bfloat16 as
 * column_sums, the updates as theirs. Deterministic: elementwise, sums in a fixed order.
 * Bytes: B C (4 + 4 if kept + 2 if rounded); B C (4 + 4 or 2 + 2); 4 or 2 B C; 2 B C; 30 P and 14 P, with momentum 22 P.
 */
#include "convert.cl"
#include "../shared/philox.h"

/* Which of eight columns dropout keeps, as bits. */
DEVICE uint kept_of_eight(__global const uint *pass, uint stream, uint position, uint count, uint columns,
                          uint threshold) {
    uint kept = 0;
    if (threshold == 0 || pass[PASS_TRAINING] == 0) {
        return 0xff;
    }
    if (columns % 4 == 0) {
        UNROLL for (uint k = 0; k < WIDE; k += 4) {
            float4 four = keep_four(pass, stream, position + k, threshold, 1.0f);
            kept |= ((four.x != 0.0f ? 1u : 0u) | (four.y != 0.0f ? 2u : 0u) | (four.z != 0.0f ? 4u : 0u) |
                     (four.w != 0.0f ? 8u : 0u))
                    << k;
        }
    } else {
        ROLLED for (uint k = 0; k < count; k++) {
            kept |= keep_one(pass, stream, position + k, threshold, 1.0f) != 0.0f ? 1u << k : 0u;
        }
    }
    return kept;
}

KERNEL(256)
dense_forward_finish(__global float *arena, __global const uint *pass, __global uint *rounded, __global uint *bits,
                     uint bias_at, uint z_at, uint y_at, uint y_kept, uint rounded_at, uint bits_at, uint outputs,
                     uint stride, uint words, int activation, uint stream, uint threshold, float keep_scale) {
    SHARED uint signs[256];
    uint row, column, count, eight = 0;
    float y[WIDE], bias[WIDE];
    float scale = threshold != 0 && pass[PASS_TRAINING] != 0 ? keep_scale : 1.0f;
    bool real = eight_columns((outputs + 31) / 32 * 4, pass[PASS_ROWS], outputs, &row, &column, &count);
    if (real) {
        uint position = row * outputs + column;
        load_eight(arena + y_at + position, count, outputs, y);
        load_eight(arena + bias_at + column, count, outputs, bias);
        uint kept = kept_of_eight(pass, stream, position, count, outputs, threshold);
        UNROLL for (uint k = 0; k < WIDE; k++) {
            y[k] += bias[k];
        }
        if (z_at != NOWHERE) {
            store_eight(y, count, outputs, arena + z_at + position);
        }
        UNROLL for (uint k = 0; k < WIDE; k++) {
            y[k] = (kept >> k & 1u) == 0 ? 0.0f : activate(activation, y[k]) * scale;
            eight |= k < count && y[k] > 0.0f ? 1u << k : 0u;
        }
        if (y_kept != 0) {
            store_eight(y, count, outputs, arena + y_at + position);
        }
        if (rounded_at != NOWHERE) {
            store_rounded(y, rounded, rounded_at + row * stride + column);
        }
    }
    if (bits_at != NOWHERE) {
        store_bits(signs, eight, real, row, column, bits, bits_at, words);
    }
}

/* Y is in the arena if y_rounded_at is NOWHERE. */
KERNEL(256)
relu_bits(__global const float *arena, __global const uint *rounded, __global uint *bits, __global const uint *pass,
          uint y_at, uint y_rounded_at, uint bits_at, uint columns, uint stride, uint words, uint stream, uint threshold) {
    SHARED uint signs[256];
    uint row, column, count, eight = 0;
    float y[WIDE];
    bool real = eight_columns((columns + 31) / 32 * 4, pass[PASS_ROWS], columns, &row, &column, &count);
    if (real) {
        if (y_rounded_at == NOWHERE) {
            load_eight(arena + y_at + row * columns + column, count, columns, y);
        } else {
            load_rounded(rounded, y_rounded_at + row * stride + column, y);
        }
        UNROLL for (uint k = 0; k < WIDE; k++) {
            eight |= k < count && y[k] > 0.0f ? 1u << k : 0u;
        }
        eight &= kept_of_eight(pass, stream, row * columns + column, count, columns, threshold);
    }
    store_bits(signs, eight, real, row, column, bits, bits_at, words);
}

/* X is in the arena if x_rounded_at is NOWHERE. */
KERNEL(256)
dense_backward_input_finish(__global const float *arena, __global const uint *pass, __global uint *rounded, uint x_at,
                            uint x_rounded_at, uint z_at, uint dx_at, uint rounded_at, uint inputs, uint stride,
                            int activation, uint stream, uint threshold, float keep_scale) {
    uint row, column, count;
    float x[WIDE], z[WIDE] = {0.0f}, dx[WIDE];
    if (!eight_columns((inputs + 31) / 32 * 4, pass[PASS_ROWS], inputs, &row, &column, &count)) {
        return;
    }
    uint position = row * inputs + column;
    float scale = threshold != 0 && pass[PASS_TRAINING] != 0 ? keep_scale : 1.0f;
    load_eight(arena + dx_at + position, count, inputs, dx);
    if (x_rounded_at == NOWHERE) {
        load_eight(arena + x_at + position, count, inputs, x);
    } else {
        load_rounded(rounded, x_rounded_at + row * stride + column, x);
    }
    if (z_at != NOWHERE) {
        load_eight(arena + z_at + position, count, inputs, z);
    }
    uint kept = kept_of_eight(pass, stream, position, count, inputs, threshold);
    UNROLL for (uint k = 0; k < WIDE; k++) {
        dx[k] = (kept >> k & 1u) == 0 ? 0.0f : dx[k] * scale * slope(activation, x[k] / scale, z[k]);
    }
    store_rounded(dx, rounded, rounded_at + row * stride + column);
}

KERNEL(256)
column_sums_bfloat16(__global const uint *rounded, __global float *to, __global const uint *pass, uint rounded_at,
                     uint to_at, uint columns, uint stride, uint rows_per_group) {
    SHARED float sums[256];
    uint t = get_local_id(0);
    uint j = get_group_id(0) * 32 + t % 32;
    uint first = get_group_id(1) * rows_per_group;
    uint end = min(pass[PASS_ROWS], first + rows_per_group);
    float sum = 0.0f;
    if (j < columns) {
        for (uint b = first + t / 32; b < end; b += 8) {
            uint at = rounded_at + b * stride + j;
            uint pair = rounded[at / 2];
            sum += as_float(at % 2 == 0 ? pair << 16 : pair & 0xffff0000u);
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

KERNEL(256)
optimizer_update_bfloat16(__global float *arena, __global const uint *pass, __global uint *rounded, uint w_at, uint g_at,
                          uint m_at, uint v_at, uint count, uint rule, float form0, float form1, float form2) {
    uint i = (get_group_id(0) * 256 + get_local_id(0)) * 4;
    if (i < count) {
        float4 w = update_some(arena, pass, i, w_at, g_at, m_at, v_at, count, rule, form0, form1, form2);
        rounded[i / 2] = bfloat16(w.x) | bfloat16(w.y) << 16;
        rounded[i / 2 + 1] = bfloat16(w.z) | bfloat16(w.w) << 16;
    }
}
