/*
 * Philox 4x32-10 (Salmon et al., SC 2011) and what is drawn with it: dropout masks and the batch order. Bit for bit
 * what org.quern.random computes.
 */
#ifndef QUERN_PHILOX_H
#define QUERN_PHILOX_H

#include "prelude.h"

#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u
#define SHUFFLE_STREAM (3u << 16)
#define LEAST_BITS 6

typedef struct {
    uint x, y, z, w;
} words4;

/* The four words of the block with counter (block, stream, step low, step high). */
DEVICE words4 philox_block(uint seed_low, uint seed_high, uint stream, uint step_low, uint step_high, uint block) {
    uint x0 = block, x1 = stream, x2 = step_low, x3 = step_high;
    uint k0 = seed_low, k1 = seed_high;
    UNROLL for (int r = 0; r < 10; r++) {
        uint h0 = mul_hi(PHILOX_M0, x0), l0 = PHILOX_M0 * x0;
        uint h1 = mul_hi(PHILOX_M1, x2), l1 = PHILOX_M1 * x2;
        x0 = h1 ^ x1 ^ k0;
        x1 = l1;
        x2 = h0 ^ x3 ^ k1;
        x3 = l0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    words4 result = {x0, x1, x2, x3};
    return result;
}

/* What the value at a position of a step's mask is multiplied by. */
DEVICE float keep_one(__global const uint *pass, uint stream, uint position, uint threshold, float scale) {
    words4 v = philox_block(pass[PASS_SEED_LOW], pass[PASS_SEED_HIGH], stream, pass[PASS_STEP_LOW],
                            pass[PASS_STEP_HIGH], position >> 2);
    uint even = (position & 2u) != 0 ? v.z : v.x, odd = (position & 2u) != 0 ? v.w : v.y;
    uint word = (position & 1u) != 0 ? odd : even;
    return word >= threshold ? scale : 0.0f;
}

/* The factors of four positions from a multiple of 4 on. */
DEVICE float4 keep_four(__global const uint *pass, uint stream, uint position, uint threshold, float scale) {
    words4 v = philox_block(pass[PASS_SEED_LOW], pass[PASS_SEED_HIGH], stream, pass[PASS_STEP_LOW],
                            pass[PASS_STEP_HIGH], position >> 2);
    return MAKE4(v.x >= threshold ? scale : 0.0f, v.y >= threshold ? scale : 0.0f, v.z >= threshold ? scale : 0.0f,
                 v.w >= threshold ? scale : 0.0f);
}

/* The least number of bits that hold n values, and LEAST_BITS at least. */
DEVICE int shuffle_bits(uint n) {
    int bits = LEAST_BITS;
    while (bits < 32 && ((n - 1) >> bits) != 0) {
        bits++;
    }
    return bits;
}

/* Where a Feistel network over 2^bits values sends one of them. */
DEVICE uint shuffled_once(int bits, uint seed_low, uint seed_high, uint epoch_low, uint epoch_high, uint value) {
    int right_bits = bits - bits / 2;
    uint right_mask = (1u << right_bits) - 1, left_mask = (1u << (bits / 2)) - 1;
    uint left = value >> right_bits, right = value & right_mask;
    for (uint round = 0; round < 6; round += 2) {
        right ^= philox_block(seed_low, seed_high, SHUFFLE_STREAM + round, epoch_low, epoch_high, left).x & right_mask;
        left ^= philox_block(seed_low, seed_high, SHUFFLE_STREAM + round + 1, epoch_low, epoch_high, right).x & left_mask;
    }
    return left << right_bits | right;
}

/* The row at a place of an epoch's order over n rows: walked until below n. */
DEVICE uint shuffled_row(uint n, uint seed_low, uint seed_high, uint epoch_low, uint epoch_high, uint place) {
    int bits = shuffle_bits(n);
    uint value = place;
    do {
        value = shuffled_once(bits, seed_low, seed_high, epoch_low, epoch_high, value);
    } while (value >= n);
    return value;
}

/* The same for the pass's epoch. */
DEVICE uint shuffled(__global const uint *pass, uint place) {
    return shuffled_row(pass[PASS_DATA_ROWS], pass[PASS_SEED_LOW], pass[PASS_SEED_HIGH], pass[PASS_EPOCH_LOW],
                        pass[PASS_EPOCH_HIGH], place);
}

#endif
