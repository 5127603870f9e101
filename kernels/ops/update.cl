/*
 * optimizer_update  the rule of an optimizer (../shared/optimizer.h) over all parameters at once, [P] each
 *
 * Moments that the rule does not have are NOWHERE.
 *
 * Launch: 256 threads, four values a thread, a tail of P % 4 values one a thread. Deterministic: elementwise.
 * Bytes: Adam 28 P, SGD 12 P, with momentum 20 P; flops: Adam 14 P, SGD 5 P.
 */
#include "../shared/optimizer.h"

/* Four parameters from i < count on, and what they become: all four, or what is left. */
DEVICE float4 update_some(__global float *arena, __global const uint *pass, uint i, uint w_at, uint g_at, uint m_at,
                          uint v_at, uint count, uint rule, float form0, float form1, float form2) {
    Update u = {as_float(pass[PASS_RATE]), as_float(pass[PASS_DECAY]), form0, form1, form2};
    __global float *w = arena + w_at + i, *m = arena + m_at + i, *v = arena + v_at + i;
    __global const float *g = arena + g_at + i;
    if (i + 4 <= count) {
        return update_four(rule, u, LOAD4(g), w, m, v);
    }
    float left[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    UNROLL for (uint k = 0; k < 3; k++) {
        if (i + k < count) {
            left[k] = update_at(rule, u, g[k], w + k, m + k, v + k);
        }
    }
    return MAKE4(left[0], left[1], left[2], left[3]);
}

KERNEL(256)
optimizer_update(__global float *arena, __global const uint *pass, uint w_at, uint g_at, uint m_at, uint v_at,
                 uint count, uint rule, float form0, float form1, float form2) {
    uint i = (get_group_id(0) * 256 + get_local_id(0)) * 4;
    if (i < count) {
        update_some(arena, pass, i, w_at, g_at, m_at, v_at, count, rule, form0, form1, form2);
    }
}
