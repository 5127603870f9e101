/*
 * The three products of a dense layer for one shape of tile; see dense.cl. Kernels' arguments that end in _at are
 * offsets in the arena.
 */
#include "product.h"

TILE_KERNEL
TILE(dense_forward)(__global float *arena, __global const uint *pass, uint x_at, uint w_at, uint bias_at, uint z_at,
                    uint y_at, uint inputs, uint outputs, int activation, uint stream, uint threshold,
                    float keep_scale) {
    SHARED float a_tiles[2 * TILE_VALUES(TM)] ALIGNED;
    SHARED float b_tiles[2 * TILE_VALUES(TN)] ALIGNED;
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
    ROLLED for (uint r = 0; r < RM; r++) {
        uint row = row0 + SPREAD(THREAD_ROW, r, RM, TM), step = FOURS(outputs) ? 4 : 1;
        ROLLED for (uint c = 0; c < RN; c += step) {
            uint column = column0 + SPREAD(THREAD_COLUMN, c, RN, TN), position = row * outputs + column;
            if (THREAD_SLICE != 0 || row >= rows || column >= outputs) {
                continue;
            }
            if (FOURS(outputs)) {
                dense_forward_store_four(arena, pass, LOAD4(arena + bias_at + column), z_at, y_at, position, activation,
                                         drops, stream, threshold, keep_scale);
            } else {
                float z = (RM * RN <= 4 ? sums[r * RN + c] : arena[y_at + position]) + arena[bias_at + column];
                dense_forward_store(arena, pass, z, z_at, y_at, position, activation, drops, stream, threshold,
                                    keep_scale);
            }
        }
    }
}

TILE_KERNEL
TILE(dense_backward_input)(__global float *arena, __global const uint *pass, uint dy_at, uint w_at, uint x_at,
                           uint z_at, uint dx_at, uint inputs, uint outputs, int activation, uint stream,
                           uint threshold, float keep_scale) {
    SHARED float a_tiles[2 * TILE_VALUES(TM)] ALIGNED;
    SHARED float b_tiles[2 * TILE_VALUES(TN)] ALIGNED;
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
    ROLLED for (uint r = 0; r < RM; r++) {
        uint row = row0 + SPREAD(THREAD_ROW, r, RM, TM), step = FOURS(inputs) ? 4 : 1;
        ROLLED for (uint c = 0; c < RN; c += step) {
            uint column = column0 + SPREAD(THREAD_COLUMN, c, RN, TN), position = row * inputs + column;
            if (THREAD_SLICE != 0 || row >= rows || column >= inputs) {
                continue;
            }
            if (FOURS(inputs)) {
                dense_backward_store_four(arena, pass, x_at, z_at, dx_at, position, activation, stream, threshold,
                                          keep_scale);
            } else {
                float sum = RM * RN <= 4 ? sums[r * RN + c] : arena[dx_at + position];
                dense_backward_store(arena, pass, sum, x_at, z_at, dx_at, position, activation, stream, threshold,
                                     keep_scale);
            }
        }
    }
}

TILE_KERNEL
TILE(dense_backward_weights)(__global float *arena, __global uint *pass, __global const uint *layers, uint first,
                             uint count, uint w_at, uint g_at, uint m_at, uint v_at, uint rule, float form0,
                             float form1, float form2, __global volatile uint *log, uint loss_at, uint hits_at) {
    SHARED float a_tiles[2 * TILE_VALUES(TM)] ALIGNED;
    SHARED float b_tiles[2 * TILE_VALUES(TN)] ALIGNED;
    float sums[RM * RN];
    uint group = get_group_id(0), columns = 0;
    __global const uint *layer = layers + GRADIENT_WORDS * first;
    for (; count > 0; count--) {
        columns = (layer[GRADIENT_OUT] + TN - 1) / TN;
        uint tiles = columns * ((layer[GRADIENT_IN] + TM - 1) / TM);
        if (group < tiles) {
            break;
        }
        group -= tiles;
        layer += GRADIENT_WORDS;
    }
    if (count == 0) { /* a group more than there are tiles */
        log_step(arena, pass, log, loss_at, hits_at, a_tiles);
        return;
    }
    uint inputs = layer[GRADIENT_IN], outputs = layer[GRADIENT_OUT], row0 = group / columns * TM,
         column0 = group % columns * TN, dw_at = layer[GRADIENT_DW], db_at = layer[GRADIENT_DB];
    float bias = TILE(product)(a_tiles, b_tiles, arena + layer[GRADIENT_X], inputs, false, arena + layer[GRADIENT_DY],
                               outputs, false, inputs, outputs, pass[PASS_KEPT_ROWS], row0, column0, sums, row0 == 0);
    TILE(keep)(arena + dw_at, inputs, outputs, row0, column0, sums);
    uint j = column0 + get_local_id(0);
    bool with_bias = row0 == 0 && get_local_id(0) < TN && j < outputs;
    if (with_bias) {
        arena[db_at + j] = bias;
    }
    if (rule == NOWHERE) {
        return;
    }
    Update u = {as_float(pass[PASS_RATE]), as_float(pass[PASS_DECAY]), form0, form1, form2};
    __global float *w = arena + w_at, *g = arena + g_at, *m = arena + m_at, *v = arena + v_at;
    ROLLED for (uint r = 0; r < RM; r++) {
        uint row = row0 + SPREAD(THREAD_ROW, r, RM, TM), step = FOURS(outputs) ? 4 : 1;
        ROLLED for (uint c = 0; c < RN; c += step) {
            uint column = column0 + SPREAD(THREAD_COLUMN, c, RN, TN), i = dw_at - g_at + row * outputs + column;
            if (THREAD_SLICE != 0 || row >= inputs || column >= outputs) {
                continue;
            }
            if (FOURS(outputs)) {
                update_four(rule, u, LOAD4(g + i), w + i, m + i, v + i);
            } else {
                update_at(rule, u, g[i], w + i, m + i, v + i);
            }
        }
    }
    if (with_bias) {
        uint i = db_at - g_at + j;
        update_at(rule, u, bias, w + i, m + i, v + i);
    }
}

#undef K_STRIDE
#undef OUTER_STRIDE
#undef AT
#undef TILE_VALUES
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
