/*
 * The three products of a dense layer for one shape of tile; see dense.cl. Kernels' arguments that end in _at are
 * offsets in the arena.
 */
#include "product.h"

#define TILE_A_VALUES (2 * TK * LDA)
#define TILE_B_VALUES (2 * TK * LDB)

KERNEL(256)
TILE(dense_forward)(__global float *arena, __global const uint *pass, uint x_at, uint w_at, uint bias_at, uint z_at,
                    uint y_at, uint inputs, uint outputs, int activation, uint stream, uint threshold,
                    float keep_scale) {
    SHARED float a_tiles[TILE_A_VALUES] ALIGNED;
    SHARED float b_tiles[TILE_B_VALUES] ALIGNED;
    float sums[RM * RN];
    uint rows = pass[PASS_ROWS], row0 = get_group_id(1) * TM, column0 = get_group_id(0) * TN;
    if (row0 >= rows) {
        return;
    }
    TILE(product)(a_tiles, b_tiles, arena + x_at, inputs, true, arena + w_at, outputs, false, rows, outputs, inputs,
                  row0, column0, sums, false);
    if (RM * RN > 4) {
        TILE(keep)(arena + y_at, rows, outputs, row0, column0, sums);
    }
    bool drops = threshold != 0 && pass[PASS_TRAINING] != 0;
    for (uint r = 0; r < RM; r++) {
        for (uint c = 0; c < RN; c++) {
            uint row = row0 + SPREAD(THREAD_ROW, r, RM, TM);
            uint column = column0 + SPREAD(THREAD_COLUMN, c, RN, TN);
            if (THREAD_SLICE == 0 && row < rows && column < outputs) {
                uint position = row * outputs + column;
                float z = (RM * RN <= 4 ? sums[r * RN + c] : arena[y_at + position]) + arena[bias_at + column];
                dense_forward_store(arena, pass, z, z_at, y_at, position, activation, drops, stream, threshold,
                                    keep_scale);
            }
        }
    }
}

KERNEL(256)
TILE(dense_backward_input)(__global float *arena, __global const uint *pass, uint dy_at, uint w_at, uint x_at,
                           uint z_at, uint dx_at, uint inputs, uint outputs, int activation, uint stream,
                           uint threshold, float keep_scale) {
    SHARED float a_tiles[TILE_A_VALUES] ALIGNED;
    SHARED float b_tiles[TILE_B_VALUES] ALIGNED;
    float sums[RM * RN];
    uint rows = pass[PASS_ROWS], row0 = get_group_id(1) * TM, column0 = get_group_id(0) * TN;
    if (row0 >= rows) {
        return;
    }
    TILE(product)(a_tiles, b_tiles, arena + dy_at, outputs, true, arena + w_at, outputs, true, rows, inputs, outputs,
                  row0, column0, sums, false);
    if (RM * RN > 4) {
        TILE(keep)(arena + dx_at, rows, inputs, row0, column0, sums);
    }
    for (uint r = 0; r < RM; r++) {
        for (uint c = 0; c < RN; c++) {
            uint row = row0 + SPREAD(THREAD_ROW, r, RM, TM);
            uint column = column0 + SPREAD(THREAD_COLUMN, c, RN, TN);
            if (THREAD_SLICE == 0 && row < rows && column < inputs) {
                uint position = row * inputs + column;
                float sum = RM * RN <= 4 ? sums[r * RN + c] : arena[dx_at + position];
                dense_backward_store(arena, pass, sum, x_at, z_at, dx_at, position, activation, stream, threshold,
                                     keep_scale);
            }
        }
    }
}

KERNEL(256)
TILE(dense_backward_weights)(__global float *arena, __global const uint *pass, uint x_at, uint dy_at, uint dw_at,
                             uint db_at, uint inputs, uint outputs) {
    SHARED float a_tiles[TILE_A_VALUES] ALIGNED;
    SHARED float b_tiles[TILE_B_VALUES] ALIGNED;
    float sums[RM * RN];
    uint rows = pass[PASS_ROWS], row0 = get_group_id(1) * TM, column0 = get_group_id(0) * TN;
    float bias = TILE(product)(a_tiles, b_tiles, arena + x_at, inputs, false, arena + dy_at, outputs, false, inputs,
                               outputs, rows, row0, column0, sums, row0 == 0);
    TILE(keep)(arena + dw_at, inputs, outputs, row0, column0, sums);
    uint j = column0 + get_local_id(0);
    if (row0 == 0 && get_local_id(0) < TN && j < outputs) {
        arena[db_at + j] = bias;
    }
}

#undef TILE_A_VALUES
#undef TILE_B_VALUES
#undef LDA
#undef LDB
#undef LOADS_A
#undef LOADS_B
#undef SPREAD
#undef THREAD_ROW
#undef THREAD_COLUMN
#undef THREAD_SLICE
#undef TILE
#undef TM
#undef TN
#undef TK
#undef RM
#undef RN
#undef SLICES
