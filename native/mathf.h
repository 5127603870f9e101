/*
 * Elementary functions in float32 that compilers can vectorise: no calls, no branches. NaN goes through each. The
 * error bounds are measured against float64 by bench/native/mathf.c.
 */
#ifndef QUERN_MATHF_H
#define QUERN_MATHF_H

#include <stdint.h>
#include <string.h>

#include "simd.h"

INLINE float bits_to_float(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/*
 * exp(x) within 2 ulp for -87.3 <= x <= 88.7; 0 below about -87.3 (where results would be subnormal), inf above 88.72.
 * x = n log 2 + r, |r| <= log 2 / 2; exp(r) by a polynomial of degree 6 (Cephes expf's coefficients).
 */
INLINE float exp_f(float x) {
    float y = x > 88.8f ? 88.8f : x;
    y = y < -87.4f ? -87.4f : y;
    float t = y * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: rounds to an integer */
    int32_t n;
    memcpy(&n, &t, sizeof n);
    float r = t - 12582912.0f;
    float f = y - r * 0.693359375f;
    f = f + r * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    p = p * (f * f) + f + 1.0f;
    /* 2^n in two factors, since n may be 128 */
    int32_t k = n - 0x4B400000;
    int32_t half = k >> 1;
    /* unsigned: of NaN k is anything */
    float scaled = p * bits_to_float((uint32_t)(half + 127) << 23) * bits_to_float((uint32_t)(k - half + 127) << 23);
    scaled = x < -87.33f ? 0.0f : scaled;
    return scaled;
}

/* tanh(x) within 3 ulp: an odd polynomial below 0.625 (Cephes tanhf), 1 - 2 / (exp(2x) + 1) above. */
INLINE float tanh_f(float x) {
    float a = x < 0 ? -x : x;
    float z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    float small = p * z * x + x;
    float e = exp_f(a + a);
    float large = 1.0f - 2.0f / (e + 1.0f);
    large = x < 0 ? -large : large;
    return a < 0.625f ? small : large;
}

/* 1 / (1 + exp(-x)) within 4 ulp where the result is a normal number. */
INLINE float sigmoid_f(float x) { return 1.0f / (1.0f + exp_f(-x)); }

/* log(1 + x) within 2 ulp for 0 <= x <= 1: 2 artanh(s) with s = x / (2 + x) <= 1/3, by its series to s^17. */
INLINE float log1p_f(float x) {
    float s = x / (2.0f + x), q = s * s;
    float p = 1.0f / 17;
    p = p * q + 1.0f / 15;
    p = p * q + 1.0f / 13;
    p = p * q + 1.0f / 11;
    p = p * q + 1.0f / 9;
    p = p * q + 1.0f / 7;
    p = p * q + 1.0f / 5;
    p = p * q + 1.0f / 3;
    float twice = s + s;
    return twice + twice * q * p;
}

/* log(x) within 2 ulp for 1 <= x < 2^24; not the C library's, whose last bit is another one on each system. */
INLINE float log_f(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t e = (int32_t)(bits >> 23) - 127;
    float m = x * bits_to_float((uint32_t)(127 - e) << 23);
    return (float)e * 0.693147181f + log1p_f(m - 1.0f);
}

/* exp(x) in float64 to about 1e-11, for -700 <= x <= 700. */
INLINE double exp_d(double x) {
    double y = x > 700.0 ? 700.0 : x;
    y = y < -700.0 ? -700.0 : y;
    double t = y * 1.4426950408889634 + 6755399441055744.0; /* 1.5 * 2^52 */
    int64_t n;
    memcpy(&n, &t, sizeof n);
    double r = t - 6755399441055744.0;
    double f = y - r * 0.693147180369123816490;
    f = f - r * 1.90821492927058770002e-10;
    double p = 1.0 / 362880;
    p = p * f + 1.0 / 40320;
    p = p * f + 1.0 / 5040;
    p = p * f + 1.0 / 720;
    p = p * f + 1.0 / 120;
    p = p * f + 1.0 / 24;
    p = p * f + 1.0 / 6;
    p = p * f + 0.5;
    p = p * f + 1.0;
    p = p * f + 1.0;
    uint64_t bits = (uint64_t)(n - 0x4338000000000000 + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/*
 * The standard normal distribution Phi(z) = erfc(-z / sqrt 2) / 2, relative error 1.2e-7 before rounding: erfc by the
 * Chebyshev fit of Press et al., Numerical Recipes, 2nd ed., 6.2; in float64, because it exponentiates z^2.
 */
INLINE double normal_cdf(double z) {
    double x = z * -0.70710678118654752440;
    double a = x < 0 ? -x : x;
    double t = 1.0 / (1.0 + 0.5 * a);
    double p = 0.17087277;
    p = p * t - 0.82215223;
    p = p * t + 1.48851587;
    p = p * t - 1.13520398;
    p = p * t + 0.27886807;
    p = p * t - 0.18628806;
    p = p * t + 0.09678418;
    p = p * t + 0.37409196;
    p = p * t + 1.00002368;
    p = p * t - 1.26551223;
    double r = t * exp_d(p - a * a);
    return 0.5 * (x < 0 ? 2.0 - r : r);
}

INLINE float gelu_f(float z) { return (float)(z * normal_cdf(z)); }

/* d gelu / dz = Phi(z) + z phi(z) */
INLINE float gelu_slope(float z) {
    double d = z, density = 0.3989422804014327 * exp_d(-0.5 * d * d), cdf = normal_cdf(d);
#if defined(__FMA__) || defined(__aarch64__)
    return (float)__builtin_fma(d, density, cdf); /* cdf is a product, too: see multiply_add */
#else
    return (float)(cdf + d * density);
#endif
}

#endif
