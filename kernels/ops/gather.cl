/*
 * gather_forward
 *
 *   X[b,i] = (raw[r,i] * scale + shift) * keep[b,i];  T[b,j] = target[r,j]  (T in training only)
 *
 * raw [N x I] bytes (pixels = 1) or floats, X [B x I], target [N x J], T [B x J]; r = the row at place first + b of
 * the epoch's order in training, first + b in inference.
 *
 * Launch: 256 threads; a group takes rows_per_group rows (at most GATHER_ROWS): a thread for each finds r, then all copy, four
 * values at a time where I is a multiple of 4. Deterministic: each output is written once.
 * Bytes: B (I (1 or 4) + 4 I + 8 J); flops: 2 B I.
 */
#include "../shared/philox.h"

enum { GATHER_THREADS = 256 };

/* Where the row at a place of the pass lies in the data buffer, which may hold just a chunk, in the order of use. */
DEVICE uint gather_row(__global const uint *pass, uint place) {
    if (pass[PASS_CHUNK] != 0) {
        return place % pass[PASS_CHUNK];
    }
    return pass[PASS_TRAINING] != 0 ? shuffled(pass, place) : place;
}

KERNEL(256)
gather_forward(__global float *arena, __global const uint *pass, __global const uchar *raw,
               __global const float *source, uint x, uint targets, uint columns, uint target_columns, int pixels,
               uint rows_per_group, float scale, float shift, uint stream, uint threshold, float keep_scale) {
    SHARED uint found[GATHER_ROWS];
    uint t = get_local_id(0);
    uint first = get_group_id(0) * rows_per_group;
    uint rows = pass[PASS_ROWS] > first ? min(pass[PASS_ROWS] - first, rows_per_group) : 0;
    if (t < rows) {
        found[t] = gather_row(pass, pass[PASS_FIRST] + first + t);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    bool training = pass[PASS_TRAINING] != 0;
    bool drops = threshold != 0 && training;
    __global const float *values = (__global const float *)raw;
    if (columns % 4 == 0) {
        uint vectors = columns / 4;
        for (uint k = t; k < rows * vectors; k += GATHER_THREADS) {
            uint b = k / vectors, i = k % vectors * 4;
            size_t from = (size_t)found[b] * columns + i;
            float4 v = pixels ? PIXELS4(raw + from) : LOAD4(values + from);
            v = MAKE4(v.x * scale + shift, v.y * scale + shift, v.z * scale + shift, v.w * scale + shift);
            uint position = (first + b) * columns + i;
            if (drops) {
                float4 keep = keep_four(pass, stream, position, threshold, keep_scale);
                v = MAKE4(v.x * keep.x, v.y * keep.y, v.z * keep.z, v.w * keep.w);
            }
            STORE4(v, arena + x + position);
        }
    } else {
        for (uint k = t; k < rows * columns; k += GATHER_THREADS) {
            uint b = k / columns, i = k % columns;
            size_t from = (size_t)found[b] * columns + i;
            float v = (pixels ? (float)raw[from] : values[from]) * scale + shift;
            uint position = (first + b) * columns + i;
            arena[x + position] = drops ? v * keep_one(pass, stream, position, threshold, keep_scale) : v;
        }
    }
    if (training) {
        for (uint k = t; k < rows * target_columns; k += GATHER_THREADS) {
            uint b = k / target_columns, j = k % target_columns;
            arena[targets + first * target_columns + k] = source[(size_t)found[b] * target_columns + j];
        }
    }
}
