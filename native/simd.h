/*
 * Vectors of LANES float32 through GCC's and clang's vector extensions, so that a kernel is written once; the width
 * follows from the flags that a file is compiled with. a * b + c on them becomes one fused multiply-add where the
 * instruction set has it.
 */
#ifndef QUERN_SIMD_H
#define QUERN_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

typedef float vfloat __attribute__((vector_size(LANES * 4)));
typedef int32_t vint __attribute__((vector_size(LANES * 4)));
typedef uint32_t vuint __attribute__((vector_size(LANES * 4)));

/* Vectors of columns that are worked on side by side, beside four rows: as many as the registers hold. */
#define PANEL (LANES == 16 ? 4 : 2)

#define INLINE static inline __attribute__((always_inline))

INLINE vfloat load(const float *p) {
    vfloat v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(float *p, vfloat v) { memcpy(p, &v, sizeof v); }

INLINE vfloat all(float f) { return f - (vfloat){0}; }

/* all(f), in a register: compilers would rather read f from memory again for each use, and loads are what is scarce. */
INLINE vfloat all_kept(float f) {
    vfloat v = all(f);
#if defined(__AVX512F__)
    __asm__("" : "+v"(v));
#elif defined(__SSE2__)
    __asm__("" : "+x"(v));
#endif
    return v;
}

/*
 * x * y + sum, in one operation wherever there is one: compilers split some chains of them, and where the sum is a product,
 * too, they choose which of the two is rounded, each processor's in its own way.
 */
INLINE vfloat multiply_add(vfloat x, vfloat y, vfloat sum) {
#if defined(__AVX512F__)
    return (vfloat)_mm512_fmadd_ps((__m512)x, (__m512)y, (__m512)sum);
#elif defined(__AVX2__)
    return (vfloat)_mm256_fmadd_ps((__m256)x, (__m256)y, (__m256)sum);
#elif defined(__aarch64__)
    return (vfloat)vfmaq_f32((float32x4_t)sum, (float32x4_t)x, (float32x4_t)y);
#else
    return x * y + sum;
#endif
}

INLINE vuint all_u(uint32_t u) { return u - (vuint){0}; }

/* LANES bytes as numbers. */
INLINE vfloat load_bytes(const uint8_t *p) {
#if defined(__AVX512F__)
    return (vfloat)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
#elif defined(__AVX2__)
    return (vfloat)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
#else
    vfloat v;
    for (int i = 0; i < LANES; i++) {
        v[i] = p[i];
    }
    return v;
#endif
}

/* Whether any bit is set. */
INLINE int any(vuint v) {
#if defined(__AVX512F__)
    return _mm512_test_epi32_mask((__m512i)v, (__m512i)v) != 0;
#elif defined(__AVX2__)
    return !_mm256_testz_si256((__m256i)v, (__m256i)v);
#else
    uint64_t two[LANES / 2];
    memcpy(two, &v, sizeof v);
    return (two[0] | two[1]) != 0;
#endif
}

#if defined(__AVX2__)
INLINE __m256i first_lanes(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif

/* The first n values; the lanes behind are 0, and memory behind is not touched. */
INLINE vfloat load_first(const float *p, int n) {
#if defined(__AVX512F__)
    return (vfloat)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif defined(__AVX2__)
    return (vfloat)_mm256_maskload_ps(p, first_lanes(n));
#else
    vfloat v = {0};
    for (int i = 0; i < n; i++) {
        v[i] = p[i];
    }
    return v;
#endif
}

INLINE void store_first(float *p, vfloat v, int n) {
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif defined(__AVX2__)
    _mm256_maskstore_ps(p, first_lanes(n), (__m256)v);
#else
    for (int i = 0; i < n; i++) {
        p[i] = v[i];
    }
#endif
}

/* Square root, correctly rounded. */
INLINE vfloat root(vfloat v) {
#if defined(__AVX512F__)
    return (vfloat)_mm512_sqrt_ps((__m512)v);
#elif defined(__AVX2__)
    return (vfloat)_mm256_sqrt_ps((__m256)v);
#else
    for (int i = 0; i < LANES; i++) {
        v[i] = __builtin_sqrtf(v[i]);
    }
    return v;
#endif
}

/* High and low halves of the 64-bit products of each lane with m. */
INLINE void multiply_wide(vuint v, uint32_t m, vuint *high, vuint *low) {
#if defined(__AVX512F__)
    __m512i x = (__m512i)v;
    __m512i y = _mm512_set1_epi32((int)m);
    __m512i even = _mm512_mul_epu32(x, y);
    __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), y);
    *low = (vuint)_mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
    *high = (vuint)_mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
#elif defined(__AVX2__)
    __m256i x = (__m256i)v;
    __m256i y = _mm256_set1_epi32((int)m);
    __m256i even = _mm256_mul_epu32(x, y);
    __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), y);
    *low = (vuint)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
    *high = (vuint)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
#else
    for (int i = 0; i < LANES; i++) {
        uint64_t p = (uint64_t)v[i] * m;
        (*high)[i] = (uint32_t)(p >> 32);
        (*low)[i] = (uint32_t)p;
    }
#endif
}

#endif
