/*
 * Activations and their derivatives. NaN goes through each, so that a diverged run is seen.
 */
#ifndef QUERN_ACTIVATION_H
#define QUERN_ACTIVATION_H

#include "prelude.h"

/*
 * The standard normal distribution, Phi(z) = erfc(-z / sqrt 2) / 2: erfc by the Chebyshev fit of Press et al.,
 * Numerical Recipes, 2nd ed., 6.2, relative error 1.2e-7 before rounding. (OpenCL lets erfc be off by 16 ulp.)
 */
DEVICE float normal_cdf(float z) {
    float x = z * -0.70710678f;
    float a = x < 0.0f ? -x : x;
    float t = 1.0f / (1.0f + 0.5f * a);
    float p = 0.17087277f;
    p = p * t - 0.82215223f;
    p = p * t + 1.48851587f;
    p = p * t - 1.13520398f;
    p = p * t + 0.27886807f;
    p = p * t - 0.18628806f;
    p = p * t + 0.09678418f;
    p = p * t + 0.37409196f;
    p = p * t + 1.00002368f;
    p = p * t - 1.26551223f;
    float r = t * exp(p - a * a);
    return 0.5f * (x < 0.0f ? 2.0f - r : r);
}

/*
 * All but linear: name, value of z, and act' from the output y before dropout, or from z where the plan keeps it
 * (Activation.needsPreactivation).
 */
#define ACTIVATIONS_HERE(A)                                          \
    A(RELU, z < 0.0f ? 0.0f : z, y > 0.0f ? 1.0f : 0.0f)             \
    A(TANH, tanh(z), 1.0f - y * y)                                   \
    A(SIGMOID, 1.0f / (1.0f + exp(-z)), y * (1.0f - y))              \
    A(GELU, z * normal_cdf(z), normal_cdf(z) + z * 0.39894228f * exp(-0.5f * z * z)) \
    A(SILU, z / (1.0f + exp(-z)), (1.0f + z / (1.0f + exp(z))) / (1.0f + exp(-z)))

COMPLETE(ACTIVATIONS_HERE, ACTIVATIONS - 1 /* linear */, activations_are_complete);

DEVICE float activate(int activation, float z) {
    switch (activation) {
#define CASE(name, value, slope)  \
    case ACTIVATION_##name:       \
        return value;
        ACTIVATIONS_HERE(CASE)
#undef CASE
        default:
            return z;
    }
}

DEVICE float slope(int activation, float y, float z) {
    switch (activation) {
#define CASE(name, value, slope)  \
    case ACTIVATION_##name:       \
        return slope;
        ACTIVATIONS_HERE(CASE)
#undef CASE
        default:
            return 1.0f;
    }
}

DEVICE float4 activate_four(int activation, float4 z) {
    switch (activation) {
#define ONE(name, v) activate(ACTIVATION_##name, v)
#define CASE(name, value, slope) \
    case ACTIVATION_##name:      \
        return MAKE4(ONE(name, z.x), ONE(name, z.y), ONE(name, z.z), ONE(name, z.w));
        ACTIVATIONS_HERE(CASE)
#undef CASE
#undef ONE
        default:
            return z;
    }
}

DEVICE float4 slope_four(int activation, float4 y, float4 z) {
    switch (activation) {
#define ONE(name, i) slope(ACTIVATION_##name, y.i, z.i)
#define CASE(name, value, by) \
    case ACTIVATION_##name:   \
        return MAKE4(ONE(name, x), ONE(name, y), ONE(name, z), ONE(name, w));
        ACTIVATIONS_HERE(CASE)
#undef CASE
#undef ONE
        default:
            return MAKE4(1.0f, 1.0f, 1.0f, 1.0f);
    }
}

#endif
