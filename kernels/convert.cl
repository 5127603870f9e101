/*
 * bfloat16_convert  to[i] = from[i] rounded to bfloat16, ties to even; NaN stays NaN
 *
 * n values, for products whose factors are bfloat16; to has room for a multiple of 4.
 *
 * Launch: 256 threads, four values a thread. Deterministic: elementwise. Bytes: 6 n.
 */
#include "prelude.h"

DEVICE uint bfloat16(float x) {
    uint u = as_uint(x);
    bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    return nan ? u >> 16 | 0x40u : (u + 0x7fffu + (u >> 16 & 1u)) >> 16;
}

KERNEL(256)
bfloat16_convert(__global const float *from, __global uint *to, uint at, uint count) {
    uint i = (get_group_id(0) * 256 + get_local_id(0)) * 4;
    if (i >= count) {
        return;
    }
    float x[4];
    for (uint k = 0; k < 4; k++) {
        x[k] = i + k < count ? from[at + i + k] : 0.0f;
    }
    to[i / 2] = bfloat16(x[0]) | bfloat16(x[1]) << 16;
    to[i / 2 + 1] = bfloat16(x[2]) | bfloat16(x[3]) << 16;
}
