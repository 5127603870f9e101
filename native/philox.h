/*
 * Philox 4x32-10 (Salmon et al., SC 2011), one word and LANES blocks at a time, and what is drawn with it: dropout
 * masks and batch order. Bit for bit what org.quern.random computes.
 */
#ifndef QUERN_PHILOX_H
#define QUERN_PHILOX_H

#include "simd.h"

enum { PHILOX_ROUNDS = 10, FEISTEL_ROUNDS = 6, LEAST_BITS = 6 };
#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u
#define SHUFFLE_STREAM (3u << 16)

INLINE uint32_t philox_first_word(uint64_t seed, uint32_t c0, uint32_t stream, uint64_t step) {
    uint32_t x0 = c0, x1 = stream, x2 = (uint32_t)step, x3 = (uint32_t)(step >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int r = 0; r < PHILOX_ROUNDS; r++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * x0;
        uint64_t p1 = (uint64_t)PHILOX_M1 * x2;
        x0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
        x1 = (uint32_t)p1;
        x2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
        x3 = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    return x0;
}

/* The blocks with counters (c0[lane], stream, step): word w of lane l is x[w][l]. */
INLINE void philox_blocks(uint64_t seed, vuint c0, uint32_t stream, uint64_t step, vuint x[4]) {
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    vuint x0 = c0, x1 = all_u(stream), x2 = all_u((uint32_t)step), x3 = all_u((uint32_t)(step >> 32));
    for (int r = 0; r < PHILOX_ROUNDS; r++) {
        vuint h0, l0, h1, l1;
        multiply_wide(x0, PHILOX_M0, &h0, &l0);
        multiply_wide(x2, PHILOX_M1, &h1, &l1);
        x0 = h1 ^ x1 ^ k0;
        x1 = l1;
        x2 = h0 ^ x3 ^ k1;
        x3 = l0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    x[0] = x0;
    x[1] = x1;
    x[2] = x2;
    x[3] = x3;
}

INLINE vuint lane_numbers(void) {
    vuint v;
    for (int i = 0; i < LANES; i++) {
        v[i] = (uint32_t)i;
    }
    return v;
}

/*
 * The words of four vectors, each vector in blocks of four, block k of each after the other: what was word w of lane
 * 4 k + j comes to lane 4 k + w of vector j.
 */
INLINE void turn_blocks(vuint x[4]) {
#if defined(__AVX512F__)
    __m512i a = _mm512_unpacklo_epi32((__m512i)x[0], (__m512i)x[1]), b = _mm512_unpackhi_epi32((__m512i)x[0], (__m512i)x[1]),
            c = _mm512_unpacklo_epi32((__m512i)x[2], (__m512i)x[3]), d = _mm512_unpackhi_epi32((__m512i)x[2], (__m512i)x[3]);
    x[0] = (vuint)_mm512_unpacklo_epi64(a, c), x[1] = (vuint)_mm512_unpackhi_epi64(a, c);
    x[2] = (vuint)_mm512_unpacklo_epi64(b, d), x[3] = (vuint)_mm512_unpackhi_epi64(b, d);
#elif defined(__AVX2__)
    __m256i a = _mm256_unpacklo_epi32((__m256i)x[0], (__m256i)x[1]), b = _mm256_unpackhi_epi32((__m256i)x[0], (__m256i)x[1]),
            c = _mm256_unpacklo_epi32((__m256i)x[2], (__m256i)x[3]), d = _mm256_unpackhi_epi32((__m256i)x[2], (__m256i)x[3]);
    x[0] = (vuint)_mm256_unpacklo_epi64(a, c), x[1] = (vuint)_mm256_unpackhi_epi64(a, c);
    x[2] = (vuint)_mm256_unpacklo_epi64(b, d), x[3] = (vuint)_mm256_unpackhi_epi64(b, d);
#else
    vuint y[4];
    for (int j = 0; j < 4; j++) {
        for (int i = 0; i < LANES; i++) {
            y[j][i] = x[i % 4][i / 4 * 4 + j];
        }
    }
    memcpy(x, y, sizeof y);
#endif
}

/* keep[i] = scale where the word at position i is kept, else 0, for i in [from, to), from a multiple of 4 * LANES. */
INLINE void fill_keep(float *keep, int64_t from, int64_t to, uint64_t seed, uint32_t stream, uint64_t step,
                      uint32_t threshold, float scale) {
    /* counters so placed among the lanes that turned blocks of words lie in order */
    vuint lanes = lane_numbers();
    lanes = (lanes & 3) * (LANES / 4) + (lanes >> 2);
    for (int64_t at = from; at < to; at += 4 * LANES) {
        vuint x[4];
        philox_blocks(seed, lanes + (uint32_t)(at / 4), stream, step, x);
        turn_blocks(x);
        for (int w = 0; w < 4; w++) {
            vfloat kept = (vfloat)((vint)(x[w] >= threshold) & (vint)all(scale));
            int64_t left = to - at - w * LANES;
            if (left >= LANES) {
                store(keep + at + w * LANES, kept);
            } else if (left > 0) {
                store_first(keep + at + w * LANES, kept, (int)left);
            }
        }
    }
}

/* order[i] = the row of the data set at place first + i of the epoch, as org.quern.random.Permutation has it. */
static void fill_order(int *order, int count, int first, int n, uint64_t seed, uint64_t epoch) {
    int bits = n < 2 ? LEAST_BITS : 32 - __builtin_clz((unsigned)n - 1);
    bits = bits < LEAST_BITS ? LEAST_BITS : bits;
    int right_bits = bits - bits / 2;
    uint32_t right_mask = (1u << right_bits) - 1, left_mask = (1u << (bits / 2)) - 1;
    vuint lanes = lane_numbers();
    for (int at = 0; at < count; at += LANES) {
        vuint value = lanes + (uint32_t)(first + at);
        vuint left = value >> right_bits, right = value & right_mask;
        for (int r = 0; r < FEISTEL_ROUNDS; r += 2) {
            vuint x[4];
            philox_blocks(seed, left, SHUFFLE_STREAM + (uint32_t)r, epoch, x);
            right ^= x[0] & right_mask;
            philox_blocks(seed, right, SHUFFLE_STREAM + (uint32_t)r + 1, epoch, x);
            left ^= x[0] & left_mask;
        }
        value = left << right_bits | right;
        for (int i = 0; i < LANES && at + i < count; i++) {
            uint32_t v = value[i];
            while (v >= (uint32_t)n) { /* walks on, seldom */
                uint32_t l = v >> right_bits, rt = v & right_mask;
                for (int r = 0; r < FEISTEL_ROUNDS; r += 2) {
                    rt ^= philox_first_word(seed, l, SHUFFLE_STREAM + (uint32_t)r, epoch) & right_mask;
                    l ^= philox_first_word(seed, rt, SHUFFLE_STREAM + (uint32_t)r + 1, epoch) & left_mask;
                }
                v = l << right_bits | rt;
            }
            order[at + i] = (int)v;
        }
    }
}

#endif
