/*
 * The rules of the optimizers, for a parameter and for four:
 *
 *   Adam  w <- w decay;  m <- m + (g - m)(1 - beta1);  v <- v + (g^2 - v)(1 - beta2);
 *         w <- w - rate m / (sqrt v + epsilon)
 *   SGD   w <- w decay;  without momentum w <- w - rate g,
 *         with it m <- momentum m - rate g;  w <- w + m
 *   Lion  c = m + (g - m)(1 - beta1);  w <- w decay - rate sign(c);  m <- m + (g - m)(1 - beta2)
 *
 * Rate and decay are the step's.
 */
#ifndef QUERN_OPTIMIZER_H
#define QUERN_OPTIMIZER_H

#include "prelude.h"

/* Whoever has faster ones, and room for their errors, defines these before. */
#ifndef RULE_SQRT
#define RULE_SQRT(x) sqrt(x)
#define RULE_DIVIDE(a, b) ((a) / (b))
#endif

/* What a rule takes besides the parameter: the step's numbers and three of the optimizer's. */
typedef struct {
    float rate, decay, form0, form1, form2;
} Update;

/* The rules: a parameter w with gradient g and the moments that the rule has, to the new w. */

DEVICE float adam(Update u, float w, float g, float *m, float *v) {
    *m += (g - *m) * u.form0;                /* 1 - beta1 */
    *v += (g * g - *v) * u.form1;            /* 1 - beta2 */
    return w * u.decay - RULE_DIVIDE(u.rate * *m, RULE_SQRT(*v) + u.form2); /* epsilon */
}

DEVICE float sgd(Update u, float w, float g) {
    float move = -u.rate * g;
    return w * u.decay + move;
}

DEVICE float momentum(Update u, float w, float g, float *m) {
    float move = -u.rate * g;
    *m = u.form0 * *m + move;
    return w * u.decay + *m;
}

DEVICE float lion(Update u, float w, float g, float *m) {
    float c = *m + (g - *m) * u.form0; /* 1 - beta1 */
    *m += (g - *m) * u.form1;          /* 1 - beta2 */
    return w * u.decay - (c > 0.0f ? u.rate : c < 0.0f ? -u.rate : c); /* NaN stays */
}

/* Optimizer, moments, and the call of its rule. */
#define RULES(R)                     \
    R(ADAM, 2, adam(u, w, g, m, v))  \
    R(SGD, 0, sgd(u, w, g))          \
    R(SGD, 1, momentum(u, w, g, m))  \
    R(LION, 1, lion(u, w, g, m))

DEVICE float update_one(uint rule, Update u, float w, float g, float *m, float *v) {
    switch (rule) {
#define CASE(optimizer, moments, call)   \
    case RULE(optimizer, moments):       \
        return call;
        RULES(CASE)
#undef CASE
        default:
            return w;
    }
}

/*
 * A parameter and its moments, of which those that the rule does not have may lie anywhere; gives the new parameter. `rule`
 * is a constant after inlining.
 */
DEVICE float update_at_by(const uint rule, Update u, float g, __global float *w, __global float *m, __global float *v) {
    float m0 = MOMENTS(rule) > 0 ? *m : 0.0f, v0 = MOMENTS(rule) > 1 ? *v : 0.0f;
    float next = update_one(rule, u, *w, g, &m0, &v0);
    *w = next;
    if (MOMENTS(rule) > 0) {
        *m = m0;
    }
    if (MOMENTS(rule) > 1) {
        *v = v0;
    }
    return next;
}

/* Four new parameters of four, and their moments as far as the rule has them. */
DEVICE float4 update_values(const uint rule, Update u, float4 w, float4 g, float4 *m, float4 *v) {
    float m0 = m->x, m1 = m->y, m2 = m->z, m3 = m->w, v0 = v->x, v1 = v->y, v2 = v->z, v3 = v->w;
    w = MAKE4(update_one(rule, u, w.x, g.x, &m0, &v0), update_one(rule, u, w.y, g.y, &m1, &v1),
              update_one(rule, u, w.z, g.z, &m2, &v2), update_one(rule, u, w.w, g.w, &m3, &v3));
    *m = MAKE4(m0, m1, m2, m3);
    *v = MAKE4(v0, v1, v2, v3);
    return w;
}

/* The same for four parameters, from a multiple of four values on. */
DEVICE float4 update_four_by(const uint rule, Update u, float4 g, __global float *w, __global float *m, __global float *v) {
    float4 m4 = g, v4 = g;
    if (MOMENTS(rule) > 0) {
        m4 = LOAD4(m);
    }
    if (MOMENTS(rule) > 1) {
        v4 = LOAD4(v);
    }
    float4 next = update_values(rule, u, LOAD4(w), g, &m4, &v4);
    STORE4(next, w);
    if (MOMENTS(rule) > 0) {
        STORE4(m4, m);
    }
    if (MOMENTS(rule) > 1) {
        STORE4(v4, v);
    }
    return next;
}

DEVICE float update_at(uint rule, Update u, float g, __global float *w, __global float *m, __global float *v) {
    switch (rule) {
#define CASE(optimizer, moments, call)   \
    case RULE(optimizer, moments):       \
        return update_at_by(RULE(optimizer, moments), u, g, w, m, v);
        RULES(CASE)
#undef CASE
        default:
            return g;
    }
}

DEVICE float4 update_four(uint rule, Update u, float4 g, __global float *w, __global float *m, __global float *v) {
    switch (rule) {
#define CASE(optimizer, moments, call)   \
    case RULE(optimizer, moments):       \
        return update_four_by(RULE(optimizer, moments), u, g, w, m, v);
        RULES(CASE)
#undef CASE
        default:
            return g;
    }
}

#endif
