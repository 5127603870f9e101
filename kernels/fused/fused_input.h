/*
 * What is prepared for a step before it begins: the order of the rows, masks, rows that need more than a copy. Included by
 * fused.h.
 */
#ifndef QUERN_FUSED_INPUT_H
#define QUERN_FUSED_INPUT_H

/* The rows of a step's batch, by `threads` threads. */
PART void fused_order(MEM float *mem, Description net, uint slot, __global const uint *pass, Moment at, uint t,
                      uint threads) {
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

/* Which units of the first layer a step's dropout keeps, in the own columns. */
PART void fused_first_mask(MEM float *mem, Description net, __global const uint *pass, Moment at, uint c0, uint t,
                           uint threads) {
    uint threshold = LAYER(0, LAYER_THRESHOLD), row = LAYER(0, LAYER_KEPT_ROW), out = LAYER(0, LAYER_OUT);
    for (uint i = t; threshold != 0 && i < at.rows * row; i += threads) {
        ((MEM uint *)mem)[LAYER(0, LAYER_KEPT) + i] =
            kept_four(pass, at, LAYER(0, LAYER_STREAM), (i / row * out + c0) / 4 + i % row, threshold);
    }
}

/* Those of the layers above. */
PART void fused_masks(MEM float *mem, Description net, __global const uint *pass, Moment at, uint t, uint threads) {
    for (uint l = 1; l < NET(NET_LAYERS); l++) {
        uint threshold = LAYER(l, LAYER_THRESHOLD), fours = (at.rows * LAYER(l, LAYER_OUT) + 3) / 4;
        for (uint i = t; threshold != 0 && i < fours; i += threads) {
            ((MEM uint *)mem)[LAYER(l, LAYER_KEPT) + i] = kept_four(pass, at, LAYER(l, LAYER_STREAM), i, threshold);
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
PART void fused_values(MEM float *mem, Description net, uint slot, __global const uint *pass, Moment at,
                       __global const uchar *raw, bool bytes, uint t) {
    uint inputs = NET(NET_INPUTS), stride = NET(NET_X_STRIDE), threshold = NET(NET_INPUT_THRESHOLD);
    float scale = NET_FLOAT(NET_SCALE), shift = NET_FLOAT(NET_SHIFT), keep_scale = NET_FLOAT(NET_INPUT_KEEP);
    MEM const uint *order = (MEM const uint *)mem + NET(NET_ORDER) + slot * NET(NET_BATCH);
    uint together = inputs % 4 == 0 ? 4 : 1, pieces = inputs / together;
    Share share = share_of(t, FUSED_THREADS, pieces, NET(NET_PIECES_INVERSE));
    for (uint b = share.row; b < at.rows; b += share.rows) {
        for (uint p = share.item; p < pieces; p += FUSED_THREADS) {
            uint i = p * together, position = b * inputs + i, four = 15;
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
}

/* Drops rows of bytes out where they lie: what is kept has keep_scale in NET_SCALE. The inputs are a multiple of 4. */
PART void fused_drop(MEM float *mem, Description net, uint x, __global const uint *pass, Moment at, uint t) {
    uint words = NET(NET_INPUTS) / 4, stride = NET(NET_X_STRIDE), threshold = NET(NET_INPUT_THRESHOLD);
    Share share = share_of(t, FUSED_THREADS, words, NET(NET_PIECES_INVERSE));
    for (uint b = share.row; b < at.rows; b += share.rows) {
        for (uint i = share.item; i < words; i += FUSED_THREADS) {
            uint four = kept_four(pass, at, NET(NET_INPUT_STREAM), b * words + i, threshold);
            uint kept = ((four & 1u) | (four & 2u) << 7 | (four & 4u) << 14 | (four & 8u) << 21) * 255u;
            ((MEM uint *)mem)[x + b * stride + i] &= kept;
        }
    }
}

/* Four bytes from any address on, zeros from `left` on, as a word whose low byte is the first. */
DEVICE uint bytes4(__global const uchar *from, uint left) {
    uint word = from[0];
    word |= left > 1 ? (uint)from[1] << 8 : 0u;
    word |= left > 2 ? (uint)from[2] << 16 : 0u;
    return word | (left > 3 ? (uint)from[3] << 24 : 0u);
}

#endif
