/*
 * bfloat16_convert  to[b,j] = from[b,j] rounded to bfloat16, ties to even; NaN stays NaN
 * bfloat16_expand   to[b,j] = from[b,j] as float32
 *
 * What cuBLAS's products take and give beside the arena. [B x C] in float32 lies in the arena without gaps; in bfloat16
 * a row starts every `stride` values, a multiple of 8, and in bits every `words` words of 32, the least significant bit
 * first. B is `rows`, or the pass's rows if that is 0.
 *
 * Launch: 256 threads, eight columns of a row a thread. Deterministic: elementwise. Bytes: 6 B C.
 */
#ifndef QUERN_CONVERT_H
#define QUERN_CONVERT_H

#include "../shared/prelude.h"

#define WIDE 8

DEVICE uint bfloat16(float x) {
    uint u = as_uint(x);
    bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    return nan ? u >> 16 | 0x40u : (u + 0x7fffu + (u >> 16 & 1u)) >> 16;
}

/* `count` of eight values of a row of `columns`, zeros behind them. */
DEVICE void load_eight(__global const float *from, uint count, uint columns, float *x) {
    if (count == WIDE && columns % 4 == 0) {
        float4 low = LOAD4(from), high = LOAD4(from + 4);
        x[0] = low.x, x[1] = low.y, x[2] = low.z, x[3] = low.w;
        x[4] = high.x, x[5] = high.y, x[6] = high.z, x[7] = high.w;
    } else {
        UNROLL for (uint k = 0; k < WIDE; k++) {
            x[k] = k < count ? from[k] : 0.0f;
        }
    }
}

DEVICE void store_eight(const float *x, uint count, uint columns, __global float *to) {
    if (count == WIDE && columns % 4 == 0) {
        STORE4(MAKE4(x[0], x[1], x[2], x[3]), to);
        STORE4(MAKE4(x[4], x[5], x[6], x[7]), to + 4);
    } else {
        UNROLL for (uint k = 0; k < WIDE; k++) {
            if (k < count) {
                to[k] = x[k];
            }
        }
    }
}

/* Eight values of bfloat16 from a multiple of 8 on. */
DEVICE void load_rounded(__global const uint *rounded, uint at, float *x) {
    UNROLL for (uint k = 0; k < WIDE; k += 2) {
        uint pair = rounded[(at + k) / 2];
        x[k] = as_float(pair << 16);
        x[k + 1] = as_float(pair & 0xffff0000u);
    }
}

DEVICE void store_rounded(const float *x, __global uint *rounded, uint at) {
    UNROLL for (uint k = 0; k < WIDE; k += 2) {
        rounded[(at + k) / 2] = bfloat16(x[k]) | bfloat16(x[k + 1]) << 16;
    }
}

/* A thread's eight columns: threads_of_row threads for each row. */
DEVICE bool eight_columns(uint threads_of_row, uint rows, uint columns, uint *row, uint *column, uint *count) {
    uint t = get_group_id(0) * 256 + get_local_id(0);
    *row = t / threads_of_row;
    *column = t % threads_of_row * WIDE;
    *count = *column < columns ? min(columns - *column, (uint)WIDE) : 0;
    return *row < rows && *count != 0;
}

/* Writes what four threads say of eight columns each as one word; all threads of the group call it. */
DEVICE void store_bits(LOCAL uint *signs, uint eight, bool real, uint row, uint column, __global uint *bits, uint bits_at,
                       uint words) {
    uint t = get_local_id(0);
    signs[t] = eight;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (t % 4 == 0 && real) {
        bits[bits_at + row * words + column / 32] =
            signs[t] | signs[t + 1] << 8 | signs[t + 2] << 16 | signs[t + 3] << 24;
    }
}

KERNEL(256)
bfloat16_convert(__global const float *arena, __global uint *rounded, __global const uint *pass, uint at,
                 uint rounded_at, uint rows, uint columns, uint stride) {
    uint row, column, count;
    float x[WIDE];
    if (eight_columns((columns + WIDE - 1) / WIDE, rows != 0 ? rows : pass[PASS_ROWS], columns, &row, &column, &count)) {
        load_eight(arena + at + row * columns + column, count, columns, x);
        store_rounded(x, rounded, rounded_at + row * stride + column);
    }
}

KERNEL(256)
bfloat16_expand(__global float *arena, __global const uint *rounded, __global const uint *pass, uint at,
                uint rounded_at, uint columns, uint stride) {
    uint row, column, count;
    float x[WIDE];
    if (eight_columns((columns + WIDE - 1) / WIDE, pass[PASS_ROWS], columns, &row, &column, &count)) {
        load_rounded(rounded, rounded_at + row * stride + column, x);
        store_eight(x, count, columns, arena + at + row * columns + column);
    }
}

#endif
