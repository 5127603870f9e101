/*
 * The two products with the rows of the batch, X W of the first layer and its gradient, by tensor cores. Included before
 * ../fused/fused_train.h, for rows of bytes without a shift.
 *
 * Integers: X is bytes as it is. The other factor becomes 32-bit integers, a column's by the power of 2 that its largest
 * value allows, and these are four planes of bytes, of which the topmost has the sign:
 *
 *   X V = 2^(e - 31) (X P0 + 2^8 X P1 + 2^16 X P2 + 2^24 X P3)      e: |v| < 2^e for each v of the column
 *
 * The products of bytes are exact and so are their sums, in any order; V is rounded to within 2^-31 of the column's largest
 * value (so that a value below 2^-8 of it has fewer bits than as a float), and what a warp has summed to floats. Three parts in bfloat16 would hold as many bits, for which each byte of X
 * would have to become a bfloat16 twice a step; and there are twice as many of these products to a cycle (H100: 1,979 to 989
 * 10^12 operations a second, NVIDIA's data sheet).
 *
 * A warp has the inputs 32 i to 32 i + 31, i = its number + 0, 8, 16, ..., forward and back, so that it knows the largest of
 * the weights that it reads when it has written them: NET_TOPS [warps][columns, a multiple of 8], bits of floats. What it
 * sums forward is in NET_PARTS [warps][rows, a multiple of 32][8]. In both, lane = 4 g + q.
 */
#ifndef QUERN_CUDA_FUSED_TENSOR_H
#define QUERN_CUDA_FUSED_TENSOR_H

enum { TENSOR_WORDS = 8 /* of 4 inputs, to a product */, PLANES = 4 };

/*
 * D [16][8] += A [16][32] B [32][8] by a warp; A bytes, B bytes or, with `sign`, signed ones. Of lane 4 g + q: a[0] is A[g][4q
 * to 4q + 3], a[1] A[g + 8] there, a[2] and a[3] the same 16 columns on; b0 is B[4q to 4q + 3][g], b1 16 rows on; d[0] and d[1]
 * are D[g][2q] and its right neighbour, d[2] and d[3] 8 rows on. PTX ISA, mma.m16n8k32.
 */
#ifdef __CUDACC__
DEVICE void tensor_product(int *d, const uint *a, uint b0, uint b1, const bool sign) {
    if (sign) {
        asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    } else {
        asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.u8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
}
#else
#define tensor_product(d, a, b0, b1, sign) cudasim_mma_m16n8k32(d, a, b0, b1, sign)
#endif

DEVICE uint tensor_word(const float *mem, uint at, bool real) { return real ? ((const uint *)mem)[at] : 0u; }

/* 2^(31 - e) for a column whose largest magnitude has these bits; below 2^-95 there is no difference. */
DEVICE float tensor_scale(uint top) { return as_float((284u - max(top >> 23, 32u)) << 23); }

/* 2^(e - 31), or what makes the column infinite or NaN where a value of it is. */
DEVICE float tensor_unit(uint top) { return top >= 0x7f800000u ? as_float(top) : as_float((max(top >> 23, 32u) - 30u) << 23); }

/* out[i] has byte i of each of four words. */
DEVICE void tensor_transpose(const uint *w, uint *out) {
    uint low = __byte_perm(w[0], w[1], 0x5140), high = __byte_perm(w[0], w[1], 0x7362);
    uint low2 = __byte_perm(w[2], w[3], 0x5140), high2 = __byte_perm(w[2], w[3], 0x7362);
    out[0] = __byte_perm(low, low2, 0x5410);
    out[1] = __byte_perm(low, low2, 0x7632);
    out[2] = __byte_perm(high, high2, 0x5410);
    out[3] = __byte_perm(high, high2, 0x7632);
}

/* The planes of four values. */
DEVICE void tensor_planes(float4 v, float scale, uint *planes) {
    uint fixed[4] = {(uint)__float2int_rn(v.x * scale), (uint)__float2int_rn(v.y * scale), (uint)__float2int_rn(v.z * scale),
                     (uint)__float2int_rn(v.w * scale)};
    tensor_transpose(fixed, planes);
}

/* What four planes' sums stand for, in units. */
DEVICE float tensor_sum(int (*d)[4], int i) {
    return (((float)d[3][i] * 256.0f + (float)d[2][i]) * 256.0f + (float)d[1][i]) * 256.0f + (float)d[0][i];
}

DEVICE uint tensor_tops(Description net, uint warp) {
    return NET(NET_TOPS) + warp * ((NET(NET_COLUMNS) + TENSOR_COLUMNS - 1) / TENSOR_COLUMNS * TENSOR_COLUMNS);
}

/* The largest weights, when they have come from the arena. */
DEVICE void tensor_begin(float *mem, Description net, uint own, uint t) {
    uint warp = t / FUSED_WARP, g = t % FUSED_WARP / 4, q = t % 4, inputs4 = (NET(NET_INPUTS) + 3) / 4;
    for (uint n = g; n < (own + 7) / 8 * 8; n += TENSOR_COLUMNS) {
        uint w = LAYER(0, LAYER_W) + n * LAYER(0, LAYER_W_STRIDE), top = 0;
        for (uint k = warp * TENSOR_WORDS + q; n < own && k < inputs4; k += FUSED_WARPS * TENSOR_WORDS) {
            top = larger4(top, LOAD4(mem + w + 4 * k));
            if (k + 4 < inputs4) {
                top = larger4(top, LOAD4(mem + w + 4 * k + 16));
            }
        }
        top = max(top, __shfl_xor_sync(0xffffffffu, top, 1));
        top = max(top, __shfl_xor_sync(0xffffffffu, top, 2));
        if (q == 0) {
            ((uint *)mem)[tensor_tops(net, warp) + n] = top;
        }
    }
}

/* This warp's part of X W in the own columns n0 to n0 + 7, into NET_PARTS. */
DEVICE void tensor_forward(float *mem, Description net, uint x, uint rows, uint own, uint n0, uint t) {
    uint warp = t / FUSED_WARP, g = t % FUSED_WARP / 4, q = t % 4, inputs4 = (NET(NET_INPUTS) + 3) / 4;
    uint x_stride = NET(NET_X_STRIDE), tops = tensor_tops(net, warp) + n0;
    uint parts = NET(NET_PARTS) + warp * ((NET(NET_BATCH) + TENSOR_ROWS - 1) / TENSOR_ROWS * TENSOR_ROWS) * TENSOR_COLUMNS;
    bool real = n0 + g < own;
    uint w = LAYER(0, LAYER_W) + (real ? n0 + g : 0) * LAYER(0, LAYER_W_STRIDE);
    float scale = tensor_scale(((const uint *)mem)[tops + g]);
    float unit0 = tensor_unit(((const uint *)mem)[tops + 2 * q]), unit1 = tensor_unit(((const uint *)mem)[tops + 2 * q + 1]);
    float4 zeros = MAKE4(0.0f, 0.0f, 0.0f, 0.0f);
    for (uint b0 = 0; b0 < rows; b0 += TENSOR_ROWS) {
        int d[2][PLANES][4] = {};
        for (uint k0 = warp * TENSOR_WORDS; k0 < inputs4; k0 += FUSED_WARPS * TENSOR_WORDS) {
            uint k = k0 + q, near[PLANES], far[PLANES];
            bool here = k < inputs4, there = k + 4 < inputs4;
            tensor_planes(real && here ? LOAD4(mem + w + 4 * k) : zeros, scale, near);
            tensor_planes(real && there ? LOAD4(mem + w + 4 * k + 16) : zeros, scale, far);
            UNROLL for (int tile = 0; tile < 2; tile++) {
                uint b = b0 + 16 * tile + g, row = x + b * x_stride + k, row8 = row + 8 * x_stride;
                uint a[4] = {tensor_word(mem, row, here && b < rows), tensor_word(mem, row8, here && b + 8 < rows),
                             tensor_word(mem, row + 4, there && b < rows), tensor_word(mem, row8 + 4, there && b + 8 < rows)};
                UNROLL for (int p = 0; p < PLANES; p++) {
                    tensor_product(d[tile][p], a, near[p], far[p], p == PLANES - 1);
                }
            }
        }
        UNROLL for (int tile = 0; tile < 2; tile++) {
            uint at = parts + (b0 + 16 * tile + g) * TENSOR_COLUMNS + 2 * q;
            mem[at] = tensor_sum(d[tile], 0) * unit0;
            mem[at + 1] = tensor_sum(d[tile], 1) * unit1;
            mem[at + 8 * TENSOR_COLUMNS] = tensor_sum(d[tile], 2) * unit0;
            mem[at + 8 * TENSOR_COLUMNS + 1] = tensor_sum(d[tile], 3) * unit1;
        }
    }
}

/* The sum over the warps of what they have for a row and one of eight columns. */
DEVICE float tensor_parts(const float *mem, Description net, uint b, uint column) {
    uint size = (NET(NET_BATCH) + TENSOR_ROWS - 1) / TENSOR_ROWS * TENSOR_ROWS * TENSOR_COLUMNS;
    float sum = 0.0f;
    for (uint warp = 0; warp < FUSED_WARPS; warp++) {
        sum += mem[NET(NET_PARTS) + warp * size + b * TENSOR_COLUMNS + column];
    }
    return sum;
}

/* Planes of the first layer's gradient in column n, in the rows that this lane has of each product; and its largest value. */
DEVICE uint tensor_gradient(const float *mem, Description net, uint rows, uint n, bool real, uint q, uint (*planes)[2][PLANES]) {
    uint g = LAYER(0, LAYER_G) + n, stride = LAYER(0, LAYER_STRIDE), top = 0;
    float v[4][2][4];
    UNROLL for (int i = 0; i < 32; i++) {
        uint b = i / 8 * TENSOR_ROWS + i / 4 % 2 * 16 + 2 * q + i % 2 + i / 2 % 2 * 8;
        v[i / 8][i / 4 % 2][i % 4] = real && b < rows ? mem[g + b * stride] : 0.0f;
        top = larger(top, v[i / 8][i / 4 % 2][i % 4]);
    }
    top = max(top, __shfl_xor_sync(0xffffffffu, top, 1));
    top = max(top, __shfl_xor_sync(0xffffffffu, top, 2));
    float scale = tensor_scale(top);
    UNROLL for (int i = 0; i < 8; i++) {
        const float *four = v[i / 2][i % 2];
        tensor_planes(MAKE4(four[0], four[1], four[2], four[3]), scale, planes[i / 2][i % 2]);
    }
    return top;
}

/* dW of four inputs to a lane, a column's at [column][input]: of the columns 2q and 2q + 1 of eight, in the gradient's units. */
DEVICE void tensor_weights(const float *mem, Description net, uint x, uint word, bool real, uint rows, uint q,
                           uint (*planes)[2][PLANES], float (*sums)[4]) {
    uint x_stride = NET(NET_X_STRIDE);
    int d[2][PLANES][4] = {};
    UNROLL for (int some = 0; some < 4; some++) {
        uint b0 = some * TENSOR_ROWS;
        if (b0 < rows) {
            uint in[2][4]; /* [half of the rows][input], four rows each */
            UNROLL for (int half = 0; half < 2; half++) {
                uint b = b0 + 16 * half + 2 * q, at = x + b * x_stride + word;
                uint four[4] = {tensor_word(mem, at, real && b < rows), tensor_word(mem, at + x_stride, real && b + 1 < rows),
                                tensor_word(mem, at + 8 * x_stride, real && b + 8 < rows),
                                tensor_word(mem, at + 9 * x_stride, real && b + 9 < rows)};
                tensor_transpose(four, in[half]);
            }
            UNROLL for (int tile = 0; tile < 2; tile++) {
                uint a[4] = {in[0][2 * tile], in[0][2 * tile + 1], in[1][2 * tile], in[1][2 * tile + 1]};
                UNROLL for (int p = 0; p < PLANES; p++) {
                    tensor_product(d[tile][p], a, planes[some][0][p], planes[some][1][p], p == PLANES - 1);
                }
            }
        }
    }
    UNROLL for (int i = 0; i < 8; i++) {
        sums[i % 2][i / 2] = tensor_sum(d[i / 4], i % 4);
    }
}

/* dW1 in the own columns with its update. */
DEVICE void tensor_first_update(float *mem, Description net, uint x, uint rows, uint own, uint t, float rate, float decay) {
    uint warp = t / FUSED_WARP, lane = t % FUSED_WARP, g = lane / 4, q = t % 4, inputs4 = (NET(NET_INPUTS) + 3) / 4;
    uint w = LAYER(0, LAYER_W), stride = LAYER(0, LAYER_W_STRIDE), size = LAYER(0, LAYER_W_SIZE);
    float left_out = fused_scale(net);
    for (uint n0 = 0; n0 < own; n0 += TENSOR_COLUMNS) {
        uint planes[4][2][PLANES];
        uint top = tensor_gradient(mem, net, rows, n0 + g, n0 + g < own, q, planes), tops[2] = {0, 0};
        float unit0 = tensor_unit(__shfl_sync(0xffffffffu, top, 8 * q)) * left_out;
        float unit1 = tensor_unit(__shfl_sync(0xffffffffu, top, 8 * q + 4)) * left_out;
        /* where only the lanes with q < 2 have columns, those with q >= 2 take the second ones */
        bool few = own - n0 <= 4;
        uint column0 = n0 + (!few || q < 2 ? 2 * q : 2 * q - 3), column1 = n0 + 2 * q + 1;
        for (uint k0 = warp * TENSOR_WORDS; k0 < inputs4; k0 += FUSED_WARPS * TENSOR_WORDS) {
            uint word = k0 + g;
            float s[2][4];
            tensor_weights(mem, net, x, word, word < inputs4, rows, q, planes, s);
            UNROLL for (int i = 0; i < 4; i++) {
                s[0][i] *= unit0;
                s[1][i] *= unit1;
                float second = __shfl_sync(0xffffffffu, s[1][i], lane & ~2u);
                s[0][i] = few && q >= 2 ? second : s[0][i];
            }
            if (word < inputs4 && column0 < own) {
                tops[0] = max(tops[0], fused_update_four(mem, net, w + column0 * stride + 4 * word, size,
                                                         MAKE4(s[0][0], s[0][1], s[0][2], s[0][3]), rate, decay));
            }
            if (word < inputs4 && !few && column1 < own) {
                tops[1] = max(tops[1], fused_update_four(mem, net, w + column1 * stride + 4 * word, size,
                                                         MAKE4(s[1][0], s[1][1], s[1][2], s[1][3]), rate, decay));
            }
        }
        UNROLL for (int i = 0; i < 2; i++) {
            tops[i] = max(tops[i], __shfl_xor_sync(0xffffffffu, tops[i], 4));
            tops[i] = max(tops[i], __shfl_xor_sync(0xffffffffu, tops[i], 8));
            tops[i] = max(tops[i], __shfl_xor_sync(0xffffffffu, tops[i], 16));
        }
        if (g == 0 && column0 < own) {
            ((uint *)mem)[tensor_tops(net, warp) + column0] = tops[0];
        }
        if (g == 0 && !few && column1 < own) {
            ((uint *)mem)[tensor_tops(net, warp) + column1] = tops[1];
        }
    }
}

#endif
