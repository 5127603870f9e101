/*
 * Activations and their derivatives, numbered as org.quern.model.Activation. NaN goes through each, so that a
 * diverged run is seen.
 */
#ifndef QUERN_ACTIVATION_H
#define QUERN_ACTIVATION_H

#include "prelude.h"

enum { LINEAR, RELU, TANH, SIGMOID, GELU };

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

DEVICE float activate(int activation, float z) {
    switch (activation) {
        case RELU:
            return z < 0.0f ? 0.0f : z;
        case TANH:
            return tanh(z);
        case SIGMOID:
            return 1.0f / (1.0f + exp(-z));
        case GELU:
            return z * normal_cdf(z);
        default:
            return z;
    }
}

/* act' from the output y before dropout, or for GELU from z. */
DEVICE float slope(int activation, float y, float z) {
    switch (activation) {
        case RELU:
            return y > 0.0f ? 1.0f : 0.0f;
        case TANH:
            return 1.0f - y * y;
        case SIGMOID:
            return y * (1.0f - y);
        case GELU:
            return normal_cdf(z) + z * 0.39894228f * exp(-0.5f * z * z);
        default:
            return 1.0f;
    }
}

#endif
