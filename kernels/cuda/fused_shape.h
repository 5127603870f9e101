/*
 * The fused training step for a network whose shape the compiler knows: 784 bytes a row, batches of up to 32, a first layer of
 * 4 columns for each block of a cluster, at most one hidden layer above it, up to 15 units each there; softmax cross-entropy;
 * linear or ReLU; dropout above the input. What the host puts and finds is as with ../fused/fused_train.h.
 *
 * Jobs of the twelve warps:
 *
 *   warps   X W1          sums, to all blocks   meanwhile              chain of 8 rows             update
 *   0..6    112 inputs    4 rows each           masks, next rows; 6:   fragments of X^T            96 inputs x 4 columns
 *                                               the order, ended
 *   7       targets       4 rows                the order, begun       fragments of X^T            96 inputs x 4 columns
 *   8..11   -             -                     weights to registers   layers 2 and 3, loss,       8..10: dW2, 16 inputs a warp;
 *                                                                      gradients to the columns    11: dW3; 10: the last 16 inputs
 *
 * Three block barriers a step; warps 8..11 alone wait for what other blocks put (mbarrier). Every block computes the layers
 * above the first alike, to the same bits.
 *
 * Tensor cores, and how the values become halves or TF32:
 *   X       a byte b is the subnormal half b 2^-24
 *   W1      2^11 W1 = high + low, two planes of halves: N = 8 is 4 columns x 2 planes; kept in registers, w, m, v of 12 a thread
 *   h       h_scale y = high + low, split by the sender; 16 bytes a row and block
 *   W2      2^8 W2 = high + low where it meets h; TF32 on the way back
 *   dW1     the gradient in two planes, scaled by the power of 2 that 16 rows' largest magnitude allows
 *   others  TF32 in three products: high high + low high + high low
 * A product of two halves' planes holds 22 bits. Past |W1| < 32, |W2| < 255, |h| < 65504 / h_scale a half is infinite: every
 * block then finds a gradient that is none, leaves the step undone, and the kernel ends there. The host goes on with another.
 */
#ifndef QUERN_CUDA_FUSED_SHAPE_H
#define QUERN_CUDA_FUSED_SHAPE_H

#include "fused.h"
#include "ptx.h"

namespace shape {

constexpr uint IN = 784, B = SHAPE_BATCH, WARPS = SHAPE_THREADS / 32, ALL = 0xffffffffu;
constexpr uint GROUPS = 24;                     /* of 32 inputs; 16 are left */
constexpr uint XS = IN, PS = 808, HS = 52;      /* strides: bytes, halves, words */
constexpr uint W2S = 56, W3S = 24, TS = 40;     /* halves, floats, floats */
constexpr float W1_UNIT = 2048.0f, W2_UNIT = 256.0f, BYTE_UNIT = 16777216.0f, LOG2E = 1.4426950408889634f;

/* What masks and order are drawn by. */
struct Draws {
    uint seed_low, seed_high, step_low, step_high, rows;
    int bits;
};

struct __attribute__((aligned(16))) Memory {
    uchar x[2][B * XS + 32];    /* the rows, and those of the next step */
    unsigned short w1[8 * PS];  /* [high, low][column][input] */
    float parts[7 * 8 * B];     /* of X W1, by warp */
    uint h[2][B * HS];          /* of 4 columns 4 words: high, high, low, low */
    unsigned short w2[2][16 * W2S]; /* [j][k] */
    float w2_own[2][16 * 4];    /* [j][own column] */
    float w3_t[2][16 * W3S];    /* [c][j]; at j = J the bias */
    float w3[2][16 * W3S];      /* [j][c] */
    float y2_t[16 * TS], g3_t[16 * TS], g2_t[16 * TS], g1_t[4 * TS]; /* [column][row] */
    float slope1[B * 4];        /* keep * act' of the own columns */
    float b1[4], b2[16];
    float loss[4 * B];
    uint best[4 * B];           /* the first largest logit, if a lane has it */
    uint4 g1[2][4][4];          /* [16 rows][column][t]: high of rows 2t, 2t+1 and 2t+8, 2t+9, low of these */
    float g1_unit[2];
    uint zero[2];
    uint top[4], worst[4];      /* bits of the largest magnitude of a warp's 8 rows: of g1; of what all blocks have alike */
    uint kept1[2][4], kept2[2][16 + 4]; /* and a word of what is never kept */
    uint order[2][B], label[2][B];
    float weight[2][B];
    float rate[2], decay[2];
    uint rows[2];
    Draws draws;
    Moment at[8];               /* of step i: i % 8 */
    uint place[2][B];           /* of the order that is being drawn, where one pass has sent it */
    uint log[2 * 64];           /* entries that the host has not been told of */
    mbarrier arrived[2];
};
static_assert(sizeof(Memory) <= SHAPE_MEMORY, "a block has more than the host knows");

/* The network's description, a parameter of the kernel: what it says costs no register. */
struct Net {
    uint words[NET_BLOCK_WORDS + 3 * LAYER_BLOCK_WORDS];

    __device__ uint word(uint i) const { return words[i]; }
    __device__ float number(uint i) const { return as_float(words[i]); }
    __device__ uint layer(uint l, uint i) const { return words[NET_BLOCK_WORDS + l * LAYER_BLOCK_WORDS + i]; }
    __device__ float keep(uint l) const { return as_float(layer(l, LAYER_KEEP)); }
    __device__ bool stops(uint l, float z) const { return layer(l, LAYER_ACTIVATION) == ACTIVATION_RELU && !(z > 0.0f); }
    /* what is left of the moments before a gradient comes in */
    template <bool ADAM>
    __device__ float keep_m() const {
        float form = MOMENTS(word(NET_RULE)) > 0 ? number(NET_FORM_0) : 0.0f;
        return ADAM ? 1.0f - form : form;
    }
    template <bool ADAM>
    __device__ float keep_v() const {
        return ADAM ? 1.0f - number(NET_FORM_1) : 1.0f;
    }
    /* 16 where inputs are up to 1, a power of 2 less where they may be larger */
    __device__ float h_scale() const {
        return as_float((258u - ((as_uint(fmaxf(255.0f * number(NET_SCALE), 1.0f)) + 0x7fffffu) >> 23)) << 23);
    }
};

/* To TF32; where much depends on it, to the nearest: what is left then has a bit less to lose. */
DEVICE float cut(float x) { return as_float(as_uint(x) & 0xffffe000u); }
DEVICE float nearest(float x) { return cut(as_float(as_uint(x) + 0x1000u)); }
DEVICE void split(const float *x, float *high, float *low, const int n) {
    UNROLL for (int i = 0; i < n; i++) {
        high[i] = cut(x[i]);
        low[i] = x[i] - high[i];
    }
}

template <class T>
DEVICE T load(const void *from) {
    return *(const T *)from;
}

/* A parameter in units of `unit`, whose moments have been decayed. */
template <bool ADAM>
DEVICE void update(const Net &net, float &w, float &m, float &v, float g, float rate, float unit) {
    if (ADAM) {
        m = fmaf(g, net.number(NET_FORM_0), m); /* 1 - beta1, 1 - beta2, epsilon */
        v = fmaf(g * net.number(NET_FORM_1), g, v);
        w = fmaf(-(rate * unit * m), fast_rcp(approximate_sqrt(v) + net.number(NET_FORM_2)), w);
    } else {
        m -= rate * g;
        w = fmaf(unit, m, w);
    }
}

/* ---- rows, order, masks ------------------------------------------------------------------------------------------------- */

/* Four rows from b on, eight lanes each: 49 pieces of 16 bytes. */
DEVICE void fetch(Memory &s, uint slot, const uchar *raw, uint b, uint lane) {
    uint row = b + lane / 8, first = 16 * (lane % 8);
    const uchar *from = raw + (size_t)s.order[slot][row] * IN + first;
    uchar *to = s.x[slot] + row * XS + first;
    UNROLL for (uint k = 0; k < 6; k++) {
        copy16_async((float *)(to + 128 * k), from + 128 * k);
    }
    if (lane % 8 == 0) {
        copy16_async((float *)(to + 768), from + 768);
    }
}

/* The place of a row of the batch that is there; the others show the last. */
DEVICE uint place_of(Moment at, uint lane) { return at.first + min(lane, at.rows - 1); }
DEVICE uint moved(const Draws &d, Moment at, uint place) {
    return shuffled_once(d.bits, d.seed_low, d.seed_high, at.epoch_low, at.epoch_high, place);
}
DEVICE uint row_of(const Draws &d, Moment at, uint place) {
    while (place >= d.rows) {
        place = moved(d, at, place);
    }
    return place;
}

/* Bit b of word i: whether lane b's block of Philox keeps its value i; for the step so many after the first. */
DEVICE void kept_words(const Draws &d, uint after, const Net &net, uint l, uint block, uint *kept, uint lane) {
    uint threshold = net.layer(l, LAYER_THRESHOLD), low = d.step_low + after;
    words4 v = philox_block(d.seed_low, d.seed_high, net.layer(l, LAYER_STREAM), low, d.step_high + (low < after ? 1u : 0u), block);
    uint x = __ballot_sync(ALL, v.x >= threshold), y = __ballot_sync(ALL, v.y >= threshold);
    uint z = __ballot_sync(ALL, v.z >= threshold), w = __ballot_sync(ALL, v.w >= threshold);
    if (lane == 0) {
        *(uint4 *)kept = make_uint4(x, y, z, w);
    }
}

/* ---- X W1: a warp's 112 inputs ------------------------------------------------------------------------------------------- */

DEVICE void first(Memory &s, uint slot, uint warp, uint lane) {
    uint g = lane / 4, t = lane % 4, k0 = 112 * warp;
    float c[2][2][4] = {};
    uint b[14], v[4][7];
    const unsigned short *p = s.w1 + g * PS + k0;
    *(uint4 *)b = load<uint4>(p + 16 * t);
    *(uint4 *)(b + 4) = load<uint4>(p + 16 * t + 8);
    *(uint4 *)(b + 8) = load<uint4>(p + 64 + 8 * t);
    *(uint2 *)(b + 12) = load<uint2>(p + 96 + 4 * t);
    UNROLL for (uint r = 0; r < 4; r++) {
        const uchar *q = s.x[slot] + (8 * r + g) * XS + k0;
        *(uint4 *)v[r] = load<uint4>(q + 16 * t);
        *(uint2 *)(v[r] + 4) = load<uint2>(q + 64 + 8 * t);
        v[r][6] = load<uint>(q + 96 + 4 * t);
    }
    UNROLL for (uint k = 0; k < 7; k++) {
        UNROLL for (uint m = 0; m < 2; m++) {
            uint a[4] = {__byte_perm(v[2 * m][k], 0, 0x4140), __byte_perm(v[2 * m + 1][k], 0, 0x4140),
                         __byte_perm(v[2 * m][k], 0, 0x4342), __byte_perm(v[2 * m + 1][k], 0, 0x4342)};
            mma_half(c[k % 2][m], a, b[2 * k], b[2 * k + 1]);
        }
    }
    UNROLL for (uint m = 0; m < 2; m++) {
        UNROLL for (uint i = 0; i < 2; i++) {
            *(float2 *)(s.parts + 8 * B * warp + (16 * m + 8 * i + g) * 8 + 2 * t) =
                make_float2(c[0][m][2 * i] + c[1][m][2 * i], c[0][m][2 * i + 1] + c[1][m][2 * i + 1]);
        }
    }
}

/* The sums of four rows and the own columns, bias, activation, mask; to all blocks. */
template <uint BLOCKS>
DEVICE void put_first(Memory &s, const Net &net, uint slot, uint rank, uint warp, uint lane) {
    uint row = 4 * warp + lane / 8, q = lane % 8, column = lane % 4;
    const float *p = s.parts + 32 * warp + lane;
    float b1 = s.b1[column];
    uint kept = s.kept1[slot][column];
    float z = ((p[0] + p[256]) + (p[512] + p[768])) + ((p[1024] + p[1280]) + p[1536]);
    z += __shfl_xor_sync(ALL, z, 4); /* high + low */
    z = fmaf(z, net.number(NET_SCALE) * (BYTE_UNIT / W1_UNIT), b1);
    float slope = net.stops(0, z) || (kept >> row & 1u) == 0 ? 0.0f : net.keep(0), y = z * slope * net.h_scale();
    if (q < 4) {
        s.slope1[row * 4 + q] = slope;
    }
    uint high = pack_half2(y, 0.0f), both = pack_half2(y, y - unpack_half2(high).x);
    uint y0 = __shfl_sync(ALL, both, lane & 24u), y1 = __shfl_sync(ALL, both, (lane & 24u) + 1);
    uint y2 = __shfl_sync(ALL, both, (lane & 24u) + 2), y3 = __shfl_sync(ALL, both, (lane & 24u) + 3);
    uint4 four = make_uint4(__byte_perm(y0, y1, 0x5410), __byte_perm(y2, y3, 0x5410), __byte_perm(y0, y1, 0x7632),
                            __byte_perm(y2, y3, 0x7632));
    UNROLL for (uint k = 0; k < (BLOCKS + 7) / 8; k++) {
        if (8 * k + q < BLOCKS) {
            put_async16(&s.h[slot][row * HS + 4 * rank], 8 * k + q, four, &s.arrived[slot]);
        }
    }
}

/* ---- dW1 and its update: 32 inputs x 4 columns a warp ----------------------------------------------------------------------- */

struct Fragments {
    uint a[2][2][4]; /* [inputs that are even, odd][16 rows] of X^T */
};
DEVICE void fragments(const Memory &s, uint slot, uint group, uint lane, Fragments &f) {
    uint g = lane / 4, t = lane % 4;
    const uchar *q = s.x[slot] + 2 * t * XS + 32 * group + 4 * g;
    UNROLL for (uint k = 0; k < 2; k++) {
        UNROLL for (uint half = 0; half < 2; half++) {
            uint w0 = load<uint>(q + (16 * k + 8 * half) * XS), w1 = load<uint>(q + (16 * k + 8 * half + 1) * XS);
            uint even = w0 & 0x00ff00ffu, odd = w0 & 0xff00ff00u;
            f.a[0][k][2 * half] = byte_perm(even, w1, 0x1410);
            f.a[0][k][2 * half + 1] = byte_perm(even, w1, 0x1612);
            f.a[1][k][2 * half] = byte_perm(odd, w1, 0x0501);
            f.a[1][k][2 * half + 1] = byte_perm(odd, w1, 0x0703);
        }
    }
}

DEVICE uint input_of(uint group, uint lane) { return 32 * group + lane / 4 * 4 + (lane % 4 < 2 ? 0 : 2); }

/* Two inputs' and two columns' weights to their planes. */
DEVICE void put1(Memory &s, uint group, uint lane, const float *w) {
    uint at = input_of(group, lane);
    if (group < GROUPS || at < IN) {
        UNROLL for (uint c = 0; c < 2; c++) {
            unsigned short *p = s.w1 + (2 * (lane % 2) + c) * PS + at;
            uint high = pack_half2(w[c], w[2 + c]);
            float2 of = unpack_half2(high);
            *(uint *)p = high;
            *(uint *)(p + 4 * PS) = pack_half2(w[c] - of.x, w[2 + c] - of.y);
        }
    }
}

template <bool ADAM>
DEVICE void update1(Memory &s, const Net &net, uint group, uint lane, const Fragments &f, const uint4 *g1, float2 unit,
                    float *w, float *m, float *v, float rate) {
    float d[2][2][4] = {};
    UNROLL for (uint i = 0; i < 2; i++) {
        UNROLL for (uint k = 0; k < 2; k++) {
            mma_half(d[i][k], f.a[i][k], g1[k].x, g1[k].y);
            mma_half(d[i][k], f.a[i][k], g1[k].z, g1[k].w);
        }
    }
    bool low = lane % 4 < 2; /* B has the columns twice: of the rows g and g + 8 a lane takes one */
    UNROLL for (uint i = 0; i < 2; i++) {
        UNROLL for (uint c = 0; c < 2; c++) {
            float g = fmaf(low ? d[i][0][c] : d[i][0][2 + c], unit.x, (low ? d[i][1][c] : d[i][1][2 + c]) * unit.y);
            update<ADAM>(net, w[2 * i + c], m[2 * i + c], v[2 * i + c], g, rate, W1_UNIT);
        }
    }
    put1(s, group, lane, w);
}

/* ---- the layers above ------------------------------------------------------------------------------------------------------- */

struct Upper {
    uint2 w2[2][2][3];
    float w3[2][2][4];
    float b2[4];
};
template <bool DEEP>
DEVICE void weights(const Memory &s, uint lane, Upper &u) {
    uint g = lane / 4, t = lane % 4;
    UNROLL for (uint n = 0; n < 2; n++) {
        UNROLL for (uint p = 0; p < 2; p++) {
            UNROLL for (uint k = 0; k < 3; k++) {
                u.w2[p][n][k] = load<uint2>(s.w2[p] + (8 * n + g) * W2S + 16 * k + 4 * t);
            }
            UNROLL for (uint k = 0; DEEP && k < 2; k++) {
                *(float2 *)(u.w3[p][n] + 2 * k) = load<float2>(s.w3_t[p] + (8 * n + g) * W3S + 8 * k + 2 * t);
            }
        }
        *(float2 *)(u.b2 + 2 * n) = load<float2>(s.b2 + 8 * n + 2 * t);
    }
}

/* out [8 rows][16] = v [8][16] by planes of B, each [n][4]; what a lane has of v is what it has of out. */
DEVICE void three_products(const float (*v)[2], const float (*b)[2][4], float (*out)[2]) {
    float d[2][3][4] = {};
    UNROLL for (uint n = 0; n < 2; n++) {
        float high[4] = {nearest(v[n][0]), 0.0f, nearest(v[n][1]), 0.0f}, low[4] = {v[n][0] - high[0], 0.0f, v[n][1] - high[2], 0.0f};
        UNROLL for (uint q = 0; q < 2; q++) {
            mma_tf32(d[q][0], high, b[0][q][2 * n], b[0][q][2 * n + 1]);
            mma_tf32(d[q][1], low, b[0][q][2 * n], b[0][q][2 * n + 1]);
            mma_tf32(d[q][2], high, b[1][q][2 * n], b[1][q][2 * n + 1]);
        }
    }
    UNROLL for (uint q = 0; q < 2; q++) {
        UNROLL for (uint i = 0; i < 2; i++) {
            out[q][i] = d[q][0][i] + (d[q][1][i] + d[q][2][i]);
        }
    }
}

/*
 * Eight rows in a warp's registers: a lane has row g and the columns 8 n + 2 t + i of each layer. J units above the first
 * layer, and C outputs above these, or none: then the J are the outputs.
 */
template <uint J, uint C>
DEVICE void upper(Memory &s, const Net &net, uint slot, uint job, uint lane, Upper &u, const uint *kept, uint label) {
    constexpr bool DEEP = C > 0;
    constexpr uint OUT = DEEP ? C : J;
    uint g = lane / 4, t = lane % 4, row = 8 * job + g;
    float d[2][3][4] = {};
    UNROLL for (uint k = 0; k < 3; k++) {
        uint4 x = load<uint4>(s.h[slot] + row * HS + 16 * k + 4 * t);
        uint high[4] = {x.x, 0, x.y, 0}, low[4] = {x.z, 0, x.w, 0};
        UNROLL for (uint n = 0; n < 2; n++) {
            mma_half(d[n][0], high, u.w2[0][n][k].x, u.w2[0][n][k].y);
            mma_half(d[n][1], low, u.w2[0][n][k].x, u.w2[0][n][k].y);
            mma_half(d[n][2], high, u.w2[1][n][k].x, u.w2[1][n][k].y);
        }
    }
    float y[2][2], slope[2][2], logits[2][2];
    float unit = 1.0f / (W2_UNIT * net.h_scale());
    UNROLL for (uint n = 0; n < 2; n++) {
        UNROLL for (uint i = 0; i < 2; i++) {
            float z = fmaf(d[n][0][i] + (d[n][1][i] + d[n][2][i]), unit, u.b2[2 * n + i]);
            /* what is not finite stays so, that it be seen */
            slope[n][i] = DEEP ? (kept[2 * n + i] == 0 || net.stops(1, z) ? 0.0f : net.keep(1)) : 1.0f;
            y[n][i] = z * slope[n][i];
            if (DEEP && 8 * n + 2 * t + i == J) {
                y[n][i] = 1.0f; /* the bias of the layer above */
            }
        }
    }
    float back[2][2][4]; /* W3 for the way back */
    if (DEEP) {
        three_products(y, u.w3, logits);
        UNROLL for (uint p = 0; p < 2; p++) {
            UNROLL for (uint n = 0; n < 2; n++) {
                UNROLL for (uint k = 0; k < 2; k++) {
                    *(float2 *)(back[p][n] + 2 * k) = load<float2>(s.w3[p] + (8 * n + g) * W3S + 8 * k + 2 * t);
                }
            }
        }
    }
    float own[2][4];
    UNROLL for (uint p = 0; p < 2; p++) {
        UNROLL for (uint i = 0; i < 4; i++) {
            own[p][i] = s.w2_own[p][(8 * (i / 2) + 2 * t + i % 2) * 4 + g % 4];
        }
    }
    const float(*o)[2] = DEEP ? logits : y;

    /* softmax */
    float top = -INFINITY, e[2][2], sum = 0.0f, at = 0.0f;
    UNROLL for (uint n = 0; n < 2; n++) {
        UNROLL for (uint i = 0; i < 2; i++) {
            top = 8 * n + 2 * t + i < OUT ? fmaxf(top, o[n][i]) : top;
        }
    }
    top = fmaxf(top, __shfl_xor_sync(ALL, top, 1));
    top = fmaxf(top, __shfl_xor_sync(ALL, top, 2));
    uint best = 99;
    UNROLL for (uint n = 0; n < 2; n++) {
        UNROLL for (uint i = 0; i < 2; i++) {
            uint column = 8 * n + 2 * t + i;
            e[n][i] = column < OUT ? fast_exp2((o[n][i] - top) * LOG2E) : 0.0f;
            sum += e[n][i];
        }
    }
    sum += __shfl_xor_sync(ALL, sum, 1);
    sum += __shfl_xor_sync(ALL, sum, 2);
    uint rows = s.rows[slot];
    bool real = row < rows;
    float share = fast_rcp((float)rows) * s.weight[slot][row], part = fast_rcp(sum) * share;
    float p[2][2], v[2][2];
    UNROLL for (uint n = 0; n < 2; n++) {
        UNROLL for (uint i = 0; i < 2; i++) {
            p[n][i] = real ? fmaf(e[n][i], part, 8 * n + 2 * t + i == label ? -share : 0.0f) : 0.0f;
        }
    }
    if (DEEP) {
        three_products(p, back, v);
        UNROLL for (uint n = 0; n < 2; n++) {
            UNROLL for (uint i = 0; i < 2; i++) {
                v[n][i] *= slope[n][i];
            }
        }
    } else {
        UNROLL for (uint i = 0; i < 4; i++) {
            v[i / 2][i % 2] = p[i / 2][i % 2];
        }
    }
    float2 slope1 = load<float2>(s.slope1 + row * 4 + 2 * (t % 2));
    float g1[3][4] = {};
    uint worst = 0;
    UNROLL for (uint n = 0; n < 2; n++) {
        float high[4] = {nearest(v[n][0]), 0.0f, nearest(v[n][1]), 0.0f}, low[4] = {v[n][0] - high[0], 0.0f, v[n][1] - high[2], 0.0f};
        mma_tf32(g1[0], high, own[0][2 * n], own[0][2 * n + 1]);
        mma_tf32(g1[1], low, own[0][2 * n], own[0][2 * n + 1]);
        mma_tf32(g1[2], high, own[1][2 * n], own[1][2 * n + 1]);
        worst = larger(larger(worst, v[n][0]), v[n][1]);
    }
    /* beside the products: what the loss and the other gradients need */
    UNROLL for (int i = 3; i >= 0; i--) {
        uint column = 8 * (i / 2) + 2 * t + i % 2;
        float z = o[i / 2][i % 2];
        best = column < OUT && z == top ? column : best;
        at = column == label ? z : at;
    }
    s.loss[4 * row + t] = (t == 0 ? fmaf(fast_log2(sum), 0.6931471805599453f, top) : 0.0f) - at;
    s.best[4 * row + t] = best;
    UNROLL for (uint n = 0; n < 2; n++) {
        UNROLL for (uint i = 0; i < 2; i++) {
            uint to = (8 * n + 2 * t + i) * TS + row;
            s.g2_t[to] = v[n][i];
            if (DEEP) {
                s.y2_t[to] = y[n][i];
                s.g3_t[to] = p[n][i];
            }
        }
    }
    float gx = (g1[0][0] + (g1[1][0] + g1[2][0])) * (slope1.x * (1.0f / W2_UNIT));
    float gy = (g1[0][1] + (g1[1][1] + g1[2][1])) * (slope1.y * (1.0f / W2_UNIT));
    uint largest = reduce_max(larger(larger(0, gx), gy));
    worst = reduce_max(worst);
    if (lane == 0) {
        s.top[job] = largest;
        s.worst[job] = worst;
    }
    named_barrier(1 + job / 2, 64);
    uint2 both = load<uint2>(s.top + (job & 2u));
    uint exponent = max(max(both.x, both.y) >> 23, 40u);
    float scale = as_float((268u - exponent) << 23);
    if (lane == 0 && job % 2 == 0) {
        s.g1_unit[job / 2] = as_float((exponent - 14u) << 23) * (BYTE_UNIT * net.number(NET_SCALE));
    }
    uint high = pack_half2(gx * scale, gy * scale);
    float2 of = unpack_half2(high);
    uint low = pack_half2(gx * scale - of.x, gy * scale - of.y);
    if (t < 2) {
        s.g1_t[2 * t * TS + row] = gx;
        s.g1_t[(2 * t + 1) * TS + row] = gy;
        unsigned short *to = (unsigned short *)&s.g1[job / 2][2 * t][g / 2] + 2 * (job & 1u) + (g & 1u);
        to[0] = (unsigned short)high;
        to[4] = (unsigned short)low;
        to[32] = (unsigned short)(high >> 16);
        to[36] = (unsigned short)(low >> 16);
    }
}

/* Sums over the batch, 16 x 16 and 8 a lane: A in TF32 planes [pairs of rows][4], b [16][TS]. */
DEVICE void gradient(const float (*high)[4], const float (*low)[4], const float *b, uint lane, float (*d)[4]) {
    uint g = lane / 4, t = lane % 4;
    float sums[2][3][4] = {};
    UNROLL for (uint k = 0; k < 2; k++) {
        float bh[2][4], bl[2][4];
        UNROLL for (uint n = 0; n < 2; n++) {
            float4 v = load<float4>(b + (8 * n + g) * TS + 16 * k + 4 * t);
            float four[4] = {v.x, v.y, v.z, v.w};
            split(four, bh[n], bl[n], 4);
        }
        UNROLL for (uint p = 0; p < 2; p++) {
            UNROLL for (uint n = 0; n < 2; n++) {
                mma_tf32(sums[n][0], high[2 * k + p], bh[n][2 * p], bh[n][2 * p + 1]);
                mma_tf32(sums[n][1], low[2 * k + p], bh[n][2 * p], bh[n][2 * p + 1]);
                mma_tf32(sums[n][2], high[2 * k + p], bl[n][2 * p], bl[n][2 * p + 1]);
            }
        }
    }
    UNROLL for (uint n = 0; n < 2; n++) {
        UNROLL for (uint i = 0; i < 4; i++) {
            d[n][i] = sums[n][0][i] + (sums[n][1][i] + sums[n][2][i]);
        }
    }
}
/* 16 units of the first layer from 16 u on, all rows: of fragment rows g, g + 8 the units 2 g, 2 g + 1. */
DEVICE void units_of_first(const Memory &s, uint slot, uint u, uint lane, float (*high)[4], float (*low)[4]) {
    uint g = lane / 4, t = lane % 4;
    UNROLL for (uint k = 0; k < 4; k++) {
        UNROLL for (uint i = 0; i < 2; i++) {
            const uint *x = s.h[slot] + (16 * (k / 2) + 4 * t + 2 * (k % 2) + i) * HS + 16 * u + g / 2 * 4 + g % 2;
            float2 h = unpack_half2(x[0]), l = unpack_half2(x[2]);
            high[k][2 * i] = h.x;
            high[k][2 * i + 1] = h.y;
            low[k][2 * i] = l.x;
            low[k][2 * i + 1] = l.y;
        }
    }
}
DEVICE void units_of_second(const Memory &s, uint lane, float (*high)[4], float (*low)[4]) {
    uint g = lane / 4, t = lane % 4;
    UNROLL for (uint k = 0; k < 2; k++) {
        float4 x = load<float4>(s.y2_t + g * TS + 16 * k + 4 * t), y = load<float4>(s.y2_t + (g + 8) * TS + 16 * k + 4 * t);
        float a[2][4] = {{x.x, y.x, x.y, y.y}, {x.z, y.z, x.w, y.w}};
        split(a[0], high[2 * k], low[2 * k], 4);
        split(a[1], high[2 * k + 1], low[2 * k + 1], 4);
    }
}

/* A warp's 8 weights a lane of W2 and of W3 to where they are multiplied. */
DEVICE void put2(Memory &s, uint u, uint rank, uint lane, const float *w) {
    uint g = lane / 4, t = lane % 4;
    UNROLL for (uint n = 0; n < 2; n++) {
        UNROLL for (uint c = 0; c < 2; c++) {
            uint j = 8 * n + 2 * t + c;
            float x = w[4 * n + c], y = w[4 * n + 2 + c];
            uint high = pack_half2(x, y);
            float2 of = unpack_half2(high);
            *(uint *)(s.w2[0] + j * W2S + 16 * u + 2 * g) = high;
            *(uint *)(s.w2[1] + j * W2S + 16 * u + 2 * g) = pack_half2(x - of.x, y - of.y);
            if (4 * u + g / 2 == rank) {
                uint at = j * 4 + 2 * (g & 1u);
                *(float2 *)(s.w2_own[0] + at) = make_float2(nearest(x), nearest(y));
                *(float2 *)(s.w2_own[1] + at) = make_float2(x - nearest(x), y - nearest(y));
            }
        }
    }
}
DEVICE void put3(Memory &s, uint lane, const float *w) {
    uint g = lane / 4, t = lane % 4;
    UNROLL for (uint n = 0; n < 2; n++) {
        UNROLL for (uint i = 0; i < 4; i++) {
            uint j = g + 8 * (i / 2), c = 8 * n + 2 * t + i % 2;
            float high = nearest(w[4 * n + i]), low = w[4 * n + i] - high;
            s.w3_t[0][c * W3S + j] = high;
            s.w3_t[1][c * W3S + j] = low;
            s.w3[0][j * W3S + c] = high;
            s.w3[1][j * W3S + c] = low;
        }
    }
}

/* ---- all of it ----------------------------------------------------------------------------------------------------------------- */

struct Arguments {
    float *arena;
    uint *pass;
    volatile uint *log;
    const uchar *raw;
    const float *targets;
};

/* H units in the first layer, J and C as `upper` has them. ROLE 0: warps 0..7; 1: 8 and 9; 2: 10; 3: 11. */
template <uint H, uint J, uint C, bool ADAM, int ROLE>
DEVICE void role(Memory &s, const Net &net, const Arguments &a, uint warp, uint lane, uint rank, uint index, uint steps) {
    constexpr bool DEEP = C > 0, CHAIN = ROLE > 0;
    constexpr uint BLOCKS = H / 4;
    constexpr int OWN = ROLE == 0 ? 3 : ROLE == 2 ? 1 : 0; /* groups of inputs */
    constexpr int W = 4 * OWN, N = W + (CHAIN && (DEEP || ROLE < 3) ? 8 : 0);
    constexpr uint ARRIVALS = 9, TOTAL = BLOCKS * B * 16;
    const uint job = warp - 8;
    uint g = lane / 4, t = lane % 4;
    const uint *pass = a.pass;
    auto group = [&](int i) { return CHAIN ? GROUPS : 3 * warp + i; };
    float w[N > 0 ? N : 1], m[N > 0 ? N : 1], v[N > 0 ? N : 1], bw[2] = {}, bm[2] = {}, bv[2] = {};

    /* a weight's place in the arena, or none for what fills up */
    auto offset = [&](int i) {
        if (i < W) {
            uint at = input_of(group(i / 4), lane) + i % 4 / 2;
            return at < IN ? net.layer(0, LAYER_W_ARENA) + at * H + 4 * rank + 2 * (lane % 2) + i % 2 : NOWHERE;
        }
        uint n = i - W, column = 8 * (n / 4) + 2 * t + n % 2;
        if (ROLE < 3) {
            uint k = 16 * job + 2 * g + n / 2 % 2;
            return column < J && k < H ? net.layer(1, LAYER_W_ARENA) + k * J + column : NOWHERE;
        }
        uint j = g + 8 * (n / 2 % 2);
        return (int)column >= (int)C || j > J ? NOWHERE : j < J ? net.layer(2, LAYER_W_ARENA) + j * C + column : net.layer(2, LAYER_B_ARENA) + column;
    };
    auto bias = [&](uint n) {
        uint j = 8 * n + g;
        return warp == 8 ? (j < J ? net.layer(1, LAYER_B_ARENA) + j : NOWHERE) : warp == 4 && n == 0 ? net.layer(0, LAYER_B_ARENA) + 4 * rank + g % 4 : NOWHERE;
    };
    /* of the lanes that have the same, one */
    auto puts_bias = [&]() { return lane % 4 == 0 && (warp != 4 || lane < 16); };
    auto state = [&](bool in) {
        float *from = a.arena;
        UNROLL for (uint which = 0; which < 3; which++) {
            float *x = which == 0 ? w : which == 1 ? m : v, *bx = which == 0 ? bw : which == 1 ? bm : bv;
            bool there = which <= MOMENTS(net.word(NET_RULE));
            from = a.arena + (which == 0 ? 0 : net.word(which == 1 ? NET_M_ARENA : NET_V_ARENA));
            UNROLL for (int i = 0; i < N; i++) {
                uint at = there ? offset(i) : NOWHERE;
                float unit = which > 0 ? 1.0f : i < W ? W1_UNIT : ROLE < 3 ? W2_UNIT : 1.0f;
                if (in) {
                    x[i] = at != NOWHERE ? from[at] * unit : 0.0f;
                } else if (at != NOWHERE && (i < W || rank == 0)) {
                    from[at] = x[i] / unit;
                }
            }
            UNROLL for (uint n = 0; n < 2; n++) {
                uint at = there ? bias(n) : NOWHERE;
                if (in) {
                    bx[n] = at != NOWHERE ? from[at] : 0.0f;
                } else if (at != NOWHERE && puts_bias() && (warp == 4 || rank == 0)) {
                    from[at] = bx[n];
                }
            }
        }
    };
    /* what a step's update multiplies first; by 1 / these it is taken back */
    auto decay = [&](float of_w, float of_m, float of_v) {
        UNROLL for (int i = 0; i < N; i++) {
            w[i] *= of_w;
            m[i] *= of_m;
            v[i] *= of_v;
        }
        UNROLL for (uint n = 0; n < 2; n++) {
            bw[n] *= of_w;
            bm[n] *= of_m;
            bv[n] *= of_v;
        }
    };
    auto put_biases = [&]() {
        if (warp == 4 && puts_bias()) {
            s.b1[g] = bw[0];
        } else if (warp == 8 && puts_bias()) {
            s.b2[g] = bw[0];
            s.b2[8 + g] = bw[1];
        }
    };
    auto put_weights = [&]() {
        UNROLL for (int i = 0; i < OWN; i++) {
            put1(s, group(i), lane, w + 4 * i);
        }
        if (CHAIN && ROLE < 3) {
            put2(s, job, rank, lane, w + W);
        } else if (CHAIN && DEEP) {
            put3(s, lane, w + W);
        }
        put_biases();
    };
    /* masks of a step: warps 0..3 the second layer's, 32 blocks of Philox each, warp 4 the own columns' */
    auto masks = [&](uint step) {
        if (warp < 4 && DEEP) {
            kept_words(s.draws, step, net, 1, 32 * warp + lane, s.kept2[step & 1u] + 4 * warp, lane);
        } else if (warp == 4) {
            kept_words(s.draws, step, net, 0, lane * (H / 4) + rank, s.kept1[step & 1u], lane);
        }
    };
    struct Coming {
        float label, weight, rate, decay;
    };
    auto coming = [&](uint slot, uint at) {
        const float *target = a.targets + (size_t)s.order[slot][lane] * net.word(NET_TARGETS);
        return Coming{target[0], net.word(NET_TARGETS) > 1 ? target[1] : 1.0f, as_float(pass[PASS_WORDS + at]),
                      as_float(pass[PASS_WORDS + pass[PASS_COUNT] + at])};
    };
    auto came = [&](uint step, const Coming &c) {
        uint slot = step & 1u;
        s.label[slot][lane] = (uint)c.label;
        s.weight[slot][lane] = c.weight;
        if (lane == 0) {
            s.rate[slot] = c.rate;
            s.decay[slot] = c.decay;
            s.rows[slot] = s.at[step % 8].rows;
        }
    };

    state(true);
    put_weights();
    if (warp == 11 && lane == 0) {
        barrier_init(&s.arrived[0], ARRIVALS);
        barrier_init(&s.arrived[1], ARRIVALS);
        barrier_init_fence();
    }
    if (warp == 7) {
        for (uint i = 0; i < 2; i++) {
            Moment at = s.at[i];
            s.order[i][lane] = row_of(s.draws, at, moved(s.draws, at, place_of(at, lane)));
        }
        s.place[0][lane] = moved(s.draws, s.at[2], place_of(s.at[2], lane));
        __syncwarp();
        came(0, coming(0, index));
    } else if (ROLE == 0) {
        masks(0);
    }
    __syncthreads();
    if (warp >= 10) {
        for (uint k = 0; k < 4; k++) {
            fetch(s, 0, a.raw, 16 * (warp - 10) + 4 * k, lane);
        }
    }
    copies_wait();
    cluster_arrive();
    cluster_wait();
    /* where a lane's four bits of the second layer's mask are */
    uint kept_at[4] = {};
    UNROLL for (uint i = 0; CHAIN && DEEP && i < 4; i++) {
        uint column = 8 * (i / 2) + 2 * t + i % 2, e = (8 * job + g) * J + column;
        kept_at[i] = column < J ? (e / 128 * 4 + e % 4) << 5 | e / 4 % 32 : 16 << 5;
    }

    uint step = 0;
    bool undone = false;
    for (; step < steps; step++) {
        const uint slot = step & 1u;
        bool more = step + 1 < steps;
        Coming c = {};
        if (ROLE == 0 && warp < 7) {
            first(s, slot, warp, lane);
        } else if (ROLE == 0 && more) {
            c = coming(1 - slot, index + step + 1);
        }
        float rate = s.rate[slot], of_w = s.decay[slot];
        __syncthreads(); /* 1: the parts of X W1 */
        if (ROLE == 0) {
            put_first<BLOCKS>(s, net, slot, rank, warp, lane);
            __syncwarp(); /* what this block's chain reads besides */
            if (lane == 0) {
                barrier_arrive(&s.arrived[slot]);
            }
        }
        if (ROLE == 2 && lane == 0) {
            barrier_expect(&s.arrived[slot], TOTAL);
        }
        Upper u;
        uint kept[4] = {}, label = 0;
        if (CHAIN) {
            weights<DEEP>(s, lane, u);
            UNROLL for (uint i = 0; i < 4; i++) {
                kept[i] = s.kept2[slot][kept_at[i] >> 5] >> (kept_at[i] & 31u) & 1u;
            }
            label = s.label[slot][8 * job + g];
        }
        Fragments f[OWN > 0 ? OWN : 1];
        float high[4][4], low[4][4];
        UNROLL for (int i = 0; i < OWN; i++) {
            fragments(s, slot, group(i), lane, f[i]);
        }
        decay(of_w, net.keep_m<ADAM>(), net.keep_v<ADAM>());
        while (OWN > 0 && *(volatile uint *)s.zero != 0) {
            /* never: it ends the compiler's block, so that the fragments are made before the wait */
        }
        if (ROLE == 0 && more) {
            fetch(s, 1 - slot, a.raw, 4 * warp, lane);
            masks(step + 1);
        }
        /* A pass of the order's network takes long, two would not be done in time: the order of step + 3 gets its first here. */
        if (ROLE == 0 && warp == 6) {
            s.order[slot][lane] = row_of(s.draws, s.at[(step + 2) % 8], s.place[slot][lane]);
        } else if (ROLE == 0 && warp == 7) {
            Moment later = s.at[(step + 3) % 8];
            s.place[1 - slot][lane] = moved(s.draws, later, place_of(later, lane));
            if (lane == 0) {
                s.at[(step + 4) % 8] = moment_after(later, s.draws.rows, B);
            }
        }
        if (CHAIN) {
            barrier_wait(&s.arrived[slot], step >> 1 & 1u);
            upper<J, C>(s, net, slot, job, lane, u, kept, label);
            if (ROLE < 3) {
                units_of_first(s, slot, job, lane, high, low);
            }
        }
        __syncthreads(); /* 2: the gradients */
        uint4 g1[2], worst = load<uint4>(s.worst);
        float2 g1_unit = load<float2>(s.g1_unit);
        UNROLL for (int k = 0; OWN > 0 && k < 2; k++) {
            g1[k] = s.g1[k][g % 4][t];
        }
        undone = max(max(worst.x, worst.y), max(worst.z, worst.w)) >= 0x7f000000u;
        if (undone) {
            decay(1.0f / of_w, 1.0f / net.keep_m<ADAM>(), 1.0f / net.keep_v<ADAM>());
            break;
        }
        UNROLL for (int i = 0; i < OWN; i++) {
            update1<ADAM>(s, net, group(i), lane, f[i], g1, g1_unit, w + 4 * i, m + 4 * i, v + 4 * i, rate);
        }
        if (CHAIN && (DEEP || ROLE < 3)) {
            float d[2][4];
            if (ROLE == 3) {
                units_of_second(s, lane, high, low);
            }
            gradient(high, low, ROLE < 3 ? s.g2_t : s.g3_t, lane, d);
            float of_h = ROLE < 3 ? 1.0f / net.h_scale() : 1.0f;
            UNROLL for (uint i = 0; i < 8; i++) {
                update<ADAM>(net, w[W + i], m[W + i], v[W + i], d[i / 4][i % 4] * of_h, rate, ROLE < 3 ? W2_UNIT : 1.0f);
            }
            if (ROLE < 3) {
                put2(s, job, rank, lane, w + W);
            } else {
                put3(s, lane, w + W);
            }
        }
        if (ROLE == 1 && warp == 8) {
            UNROLL for (uint n = 0; n < 2; n++) {
                const float *from = s.g2_t + (8 * n + g) * TS + 8 * t;
                float4 x = load<float4>(from), y = load<float4>(from + 4);
                float sum = ((x.x + x.y) + (x.z + x.w)) + ((y.x + y.y) + (y.z + y.w));
                sum += __shfl_xor_sync(ALL, sum, 1);
                sum += __shfl_xor_sync(ALL, sum, 2);
                update<ADAM>(net, bw[n], bm[n], bv[n], sum, rate, 1.0f);
            }
            put_biases();
        } else if (ROLE == 0 && warp == 4) {
            float sum = 0.0f;
            UNROLL for (uint k = 0; k < 2; k++) {
                float4 x = load<float4>(s.g1_t + g % 4 * TS + 16 * k + 4 * t);
                sum += (x.x + x.y) + (x.z + x.w);
            }
            sum += __shfl_xor_sync(ALL, sum, 1);
            sum += __shfl_xor_sync(ALL, sum, 2);
            update<ADAM>(net, bw[0], bm[0], bv[0], sum, rate, 1.0f);
            put_biases();
        } else if (ROLE == 0 && warp == 7 && more) {
            came(step + 1, c);
        } else if (ROLE == 1 && warp == 9 && rank == 0) {
            float4 parts = load<float4>(s.loss + 4 * lane);
            uint4 best = load<uint4>(s.best + 4 * lane);
            uint first = min(min(best.x, best.y), min(best.z, best.w));
            bool real = lane < s.rows[slot];
            float loss = real ? ((parts.x + parts.y) + (parts.z + parts.w)) * s.weight[slot][lane] : 0.0f;
            uint hits = reduce_add(real && first == s.label[slot][lane] ? 1u : 0u);
            UNROLL for (uint gap = 16; gap > 0; gap /= 2) {
                loss += __shfl_xor_sync(ALL, loss, gap);
            }
            uint entry = step % 64;
            if (lane == 0) {
                s.log[2 * entry] = as_uint(loss);
                s.log[2 * entry + 1] = hits;
            }
            if (entry == 63 || !more) {
                /* now and then: waiting for the host's memory takes long */
                __syncwarp();
                for (uint i = lane; i < 2 * (entry + 1); i += 32) {
                    a.log[1 + 2 * (index + step - entry) + i] = s.log[i];
                }
                FENCE_HOST();
                __syncwarp();
                if (lane == 0) {
                    a.log[0] = index + step + 1;
                }
            }
        }
        if (ROLE == 0) {
            copies_wait();
        }
        __syncthreads(); /* 3: the weights */
    }
    if (ROLE == 0) {
        copies_wait();
    }
    anew(g); /* no place is kept from the start on: registers are short */
    anew(t);
    state(false);
    if (ROLE == 1 && warp == 9 && rank == 0) {
        uint entries = undone ? step % 64 : 0; /* that the host does not have yet */
        for (uint i = lane; i < 2 * entries; i += 32) {
            a.log[1 + 2 * (index + step - entries) + i] = s.log[i];
        }
        FENCE_HOST();
        __syncwarp();
        if (lane == 0 && entries > 0) {
            a.log[0] = index + step;
        }
    }
    cluster_arrive();
    cluster_wait(); /* all have read the pass */
    if (warp == 7 && rank == 0 && lane == 0) {
        moment_store(a.pass, s.at[step % 8]);
    }
}

template <uint H, uint J, uint C, bool ADAM>
DEVICE void train(const Net &net, const Arguments &a, uint limit) {
    Memory &s = *(Memory *)fused_memory;
    uint thread = threadIdx.x, warp = __shfl_sync(ALL, thread / 32, 0), lane = thread % 32;
    uint rank = cooperative_groups::this_cluster().block_rank();
    for (uint i = thread; i < sizeof(Memory) / 4; i += SHAPE_THREADS) {
        ((uint *)fused_memory)[i] = 0;
    }
    __syncthreads();
    const uint *pass = a.pass;
    Moment now = moment_of(pass);
    uint left = pass[PASS_COUNT] - now.index, steps = min(left, limit);
    if (steps == 0) { /* in all blocks alike */
        return;
    }
    if (thread == 0) {
        uint rows = pass[PASS_DATA_ROWS];
        s.at[0] = now;
        for (uint i = 0; i < 3; i++) {
            s.at[i + 1] = moment_after(s.at[i], rows, B);
        }
        s.draws = Draws{pass[PASS_SEED_LOW], pass[PASS_SEED_HIGH], now.step_low, now.step_high, rows, shuffle_bits(rows)};
    }
    __syncthreads();
    if (warp < 8) {
        role<H, J, C, ADAM, 0>(s, net, a, warp, lane, rank, now.index, steps);
    } else if (warp < 10) {
        role<H, J, C, ADAM, 1>(s, net, a, warp, lane, rank, now.index, steps);
    } else if (warp == 10) {
        role<H, J, C, ADAM, 2>(s, net, a, warp, lane, rank, now.index, steps);
    } else {
        role<H, J, C, ADAM, 3>(s, net, a, warp, lane, rank, now.index, steps);
    }
}

} // namespace shape

/*
 * fused_train_I_H_J_C_adam, ..._sgd (or I_H_C: J = C, C = 0)   up to `limit` training steps by a cluster of `blocks` blocks.
 * Each is a translation unit of its own, which includes this and says SHAPE.
 *
 * Launch: a block for 4 units of the first layer, SHAPE_THREADS threads, SHAPE_MEMORY bytes of dynamic shared memory.
 * Deterministic. Bytes: I a row and step, and the state once in and out; flops: 2 B (2 I H + 3 (the weights above)) + 14 P.
 */
#define SHAPE(name, blocks, h, j, c, adam)                                                                                       \
    extern "C" __global__ void __cluster_dims__(blocks, 1, 1) __launch_bounds__(SHAPE_THREADS, 1) fused_train_##name(            \
        float *arena, uint *pass, volatile uint *log, const uchar *raw, const float *targets, uint limit,                        \
        const __grid_constant__ shape::Net net) {                                                                                \
        shape::train<h, j, c, adam>(net, shape::Arguments{arena, pass, log, raw, targets}, limit);                               \
    }

#endif
