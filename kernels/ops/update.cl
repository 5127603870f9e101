/*
 * adam_update  w <- w decay;  m <- m + (g - m)(1 - beta1);  v <- v + (g^2 - v)(1 - beta2);
 *              w <- w - rate m / (sqrt v + epsilon)
 * sgd_update   w <- w decay;  without momentum w <- w - rate g,
 *              with it u <- momentum u - rate g;  w <- w + u
 *
 * over all parameters at once, [P] each; rate and decay are the step's.
 *
 * Launch: 256 threads, four values a thread, a tail of P % 4 values one a thread. Deterministic: elementwise.
 * Bytes: Adam 28 P, SGD 12 P, with momentum 20 P; flops: Adam 14 P, SGD 5 P.
 */
#include "../shared/pass.h"

DEVICE float adam_one(float w, float g, float *m, float *v, float rate, float decay, float one_minus_beta1,
                      float one_minus_beta2, float epsilon) {
    *m += (g - *m) * one_minus_beta1;
    *v += (g * g - *v) * one_minus_beta2;
    return w * decay - rate * *m / (sqrt(*v) + epsilon);
}

/* Four parameters from i < count on, and what they become: all four, or what is left. */
DEVICE float4 adam_four(__global float *arena, __global const uint *pass, uint i, uint w_at, uint g_at, uint m_at,
                        uint v_at, uint count, float one_minus_beta1, float one_minus_beta2, float epsilon) {
    float rate = as_float(pass[PASS_RATE]), decay = as_float(pass[PASS_DECAY]);
    if (i + 4 <= count) {
        float4 w = LOAD4(arena + w_at + i), g = LOAD4(arena + g_at + i);
        float4 m = LOAD4(arena + m_at + i), v = LOAD4(arena + v_at + i);
        float m0 = m.x, m1 = m.y, m2 = m.z, m3 = m.w, v0 = v.x, v1 = v.y, v2 = v.z, v3 = v.w;
        w.x = adam_one(w.x, g.x, &m0, &v0, rate, decay, one_minus_beta1, one_minus_beta2, epsilon);
        w.y = adam_one(w.y, g.y, &m1, &v1, rate, decay, one_minus_beta1, one_minus_beta2, epsilon);
        w.z = adam_one(w.z, g.z, &m2, &v2, rate, decay, one_minus_beta1, one_minus_beta2, epsilon);
        w.w = adam_one(w.w, g.w, &m3, &v3, rate, decay, one_minus_beta1, one_minus_beta2, epsilon);
        STORE4(w, arena + w_at + i);
        STORE4(MAKE4(m0, m1, m2, m3), arena + m_at + i);
        STORE4(MAKE4(v0, v1, v2, v3), arena + v_at + i);
        return w;
    }
    float left[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    UNROLL for (uint k = 0; k < 3; k++) {
        if (i + k < count) {
            float m = arena[m_at + i + k], v = arena[v_at + i + k];
            left[k] = adam_one(arena[w_at + i + k], arena[g_at + i + k], &m, &v, rate, decay, one_minus_beta1,
                               one_minus_beta2, epsilon);
            arena[w_at + i + k] = left[k];
            arena[m_at + i + k] = m;
            arena[v_at + i + k] = v;
        }
    }
    return MAKE4(left[0], left[1], left[2], left[3]);
}

KERNEL(256)
adam_update(__global float *arena, __global const uint *pass, uint w_at, uint g_at, uint m_at, uint v_at, uint count,
            float one_minus_beta1, float one_minus_beta2, float epsilon) {
    uint i = (get_group_id(0) * 256 + get_local_id(0)) * 4;
    if (i < count) {
        adam_four(arena, pass, i, w_at, g_at, m_at, v_at, count, one_minus_beta1, one_minus_beta2, epsilon);
    }
}

/* Without momentum, u_at is 0xffffffff. */
DEVICE float4 sgd_four(__global float *arena, __global const uint *pass, uint i, uint w_at, uint g_at, uint u_at,
                       uint count, float momentum) {
    float rate = as_float(pass[PASS_RATE]), decay = as_float(pass[PASS_DECAY]);
    bool heavy = u_at != 0xffffffffu;
    if (i + 4 <= count) {
        float4 w = LOAD4(arena + w_at + i), g = LOAD4(arena + g_at + i);
        float4 move = MAKE4(-rate * g.x, -rate * g.y, -rate * g.z, -rate * g.w);
        if (heavy) {
            float4 u = LOAD4(arena + u_at + i);
            move = MAKE4(momentum * u.x + move.x, momentum * u.y + move.y, momentum * u.z + move.z,
                         momentum * u.w + move.w);
            STORE4(move, arena + u_at + i);
        }
        w = MAKE4(w.x * decay + move.x, w.y * decay + move.y, w.z * decay + move.z, w.w * decay + move.w);
        STORE4(w, arena + w_at + i);
        return w;
    }
    float left[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    UNROLL for (uint k = 0; k < 3; k++) {
        if (i + k < count) {
            float move = -rate * arena[g_at + i + k];
            if (heavy) {
                move += momentum * arena[u_at + i + k];
                arena[u_at + i + k] = move;
            }
            left[k] = arena[w_at + i + k] * decay + move;
            arena[w_at + i + k] = left[k];
        }
    }
    return MAKE4(left[0], left[1], left[2], left[3]);
}

KERNEL(256)
sgd_update(__global float *arena, __global const uint *pass, uint w_at, uint g_at, uint u_at, uint count,
           float momentum) {
    uint i = (get_group_id(0) * 256 + get_local_id(0)) * 4;
    if (i < count) {
        sgd_four(arena, pass, i, w_at, g_at, u_at, count, momentum);
    }
}
