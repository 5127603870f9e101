/*
 * PTX's instructions as functions of C++, under the names that kernels/cuda/ptx.h gives them: products of tensor cores, mbarriers
 * and puts into other blocks' shared memory, named barriers, halves, approximations. Included by cudasim.h.
 *
 * Fragments are those of PTX ISA 9.7.14.5, lane = 4 g + t. What tensor cores add they add in an order that nothing may depend
 * on: QUERN_CUDASIM_SUMS has three ways. "exact" rounds the exact sum once (to double's 53 bits); "backward" adds floats from
 * the last product to the first; "hopper" does what was measured on an H100 (Microsoft's MMA-Sim): products and C cut to 25 bits
 * below the largest one's exponent, the sum cut to a float. TF32 drops the low 13 bits in each: that is what was measured, PTX
 * leaves these bits open.
 */
#ifndef CUDASIM_PTX_H
#define CUDASIM_PTX_H

#include <cfloat>

/* ---- warps together ------------------------------------------------------------------------------------------ */

static inline unsigned cudasim_lane() {
    return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32;
}
static inline unsigned __reduce_add_sync(unsigned mask, unsigned v) {
    return (unsigned)cudasim_runtime->warp(cudasim::Warp::sum, mask, v, 0);
}
static inline unsigned __reduce_max_sync(unsigned mask, unsigned v) {
    return (unsigned)cudasim_runtime->warp(cudasim::Warp::most, mask, v, 0);
}
static inline unsigned reduce_add(unsigned v) { return __reduce_add_sync(0xffffffffu, v); }
static inline unsigned reduce_max(unsigned v) { return __reduce_max_sync(0xffffffffu, v); }

/* ---- halves -------------------------------------------------------------------------------------------------- */

/* To the nearest, halves to even; NaN is 0x7fff, as cvt has it. */
static inline unsigned cudasim_half(float v) {
    unsigned bits = __float_as_uint(v), sign = bits >> 16 & 0x8000u;
    bits &= 0x7fffffffu;
    if (bits > 0x7f800000u) return 0x7fffu;
    if (bits >= 0x477ff000u) return sign | 0x7c00u;                            /* 65520 and above */
    if (bits < 0x38800000u) return sign | (unsigned)lrintf(fabsf(v) * 0x1p24f); /* below 2^-14 */
    return sign | ((bits + 0xfffu + (bits >> 13 & 1u) - 0x38000000u) >> 13);
}
static inline float cudasim_from_half(unsigned h) {
    unsigned bits = (h & 0x7fffu) << 13;
    float v = bits >= 0x0f800000u ? __uint_as_float(bits | 0x7f800000u) : __uint_as_float(bits) * 0x1p112f;
    return h & 0x8000u ? -v : v;
}
static inline unsigned pack_half2(float low, float high) { return cudasim_half(low) | cudasim_half(high) << 16; }
static inline float2 unpack_half2(unsigned v) { return {cudasim_from_half(v & 0xffffu), cudasim_from_half(v >> 16)}; }
static inline unsigned byte_perm(unsigned a, unsigned b, unsigned selector) { return __byte_perm(a, b, selector); }

/* ---- approximations (.approx.ftz) ----------------------------------------------------------------------------- */

static inline float cudasim_flushed(float v) { return fabsf(v) < FLT_MIN ? copysignf(0.0f, v) : v; }
/* Where sums are not exact these are not, either: one unit of the last place too large. */
static inline float cudasim_near(float v) {
    bool off = cudasim_runtime->sums != cudasim::Sums::exact && v != 0.0f && fabsf(v) < FLT_MAX;
    return cudasim_flushed(off ? nextafterf(v, FLT_MAX) : v);
}
static inline float fast_sqrt(float v) { return cudasim_near(sqrtf(cudasim_flushed(v))); }
static inline float fast_rcp(float v) { return cudasim_near(1.0f / cudasim_flushed(v)); }
static inline float fast_exp2(float v) { return cudasim_near(exp2f(cudasim_flushed(v))); }
static inline float fast_log2(float v) { return cudasim_near(log2f(cudasim_flushed(v))); }

/* ---- products of tensor cores -------------------------------------------------------------------------------- */

/* What a lane has of D [16][8] += A [16][depth] B [depth][8]. */
template <class Sum, class Left>
struct cudasim_fragment {
    Sum *d;
    const Left *a;
    Left b[2];
};

/* One value of D, as QUERN_CUDASIM_SUMS has it. */
template <int depth>
CUDASIM_UNCHECKED static float cudasim_sum(float c, const float *row, const float (*b)[8], int column) {
    if (cudasim_runtime->sums == cudasim::Sums::backward) {
        float sum = row[depth - 1] * b[depth - 1][column];
        for (int k = depth - 2; k >= 0; k--) sum += row[k] * b[k][column];
        return sum + c;
    }
    double whole = c;
    int largest = -1000;
    constexpr int least = depth == 16 ? -14 : -126; /* exponent: subnormals have that of the smallest normal number */
    auto exponent = [](float v, int low) CUDASIM_UNCHECKED { return ilogbf(v) < low ? low : ilogbf(v); };
    for (int k = 0; k < depth; k++) {
        float v = b[k][column];
        whole += (double)row[k] * v;
        if (row[k] == 0.0f || v == 0.0f) continue;
        int e = exponent(row[k], least) + exponent(v, least);
        largest = e > largest ? e : largest;
    }
    if (cudasim_runtime->sums == cudasim::Sums::exact || !(fabs(whole) <= DBL_MAX)) return (float)whole;
    if (exponent(c, -126) > largest) largest = exponent(c, -126);
    double sum = trunc(ldexp(c, 25 - largest));
    for (int k = 0; k < depth; k++) sum += trunc(ldexp((double)row[k] * b[k][column], 25 - largest));
    double made = ldexp(sum, largest - 25);
    float rounded = (float)made;
    return fabs(rounded) > fabs(made) ? nextafterf(rounded, 0.0f) : rounded;
}

template <int depth>
CUDASIM_UNCHECKED static void cudasim_multiply(float (*d)[8], const float (*a)[depth], const float (*b)[8]) {
    if (cudasim_runtime->sums != cudasim::Sums::exact) {
        for (int i = 0; i < 16; i++) {
            for (int j = 0; j < 8; j++) d[i][j] = cudasim_sum<depth>(d[i][j], a[i], b, j);
        }
        return;
    }
    for (int i = 0; i < 16; i++) {
        double sum[8] = {};
        for (int k = 0; k < depth; k++) {
            for (int j = 0; j < 8; j++) sum[j] += (double)a[i][k] * b[k][j];
        }
        for (int j = 0; j < 8; j++) d[i][j] = (float)(d[i][j] + sum[j]);
    }
}

/* The words of A and B that the lanes have to matrices, the product, and D back to the lanes. */
template <int depth, class Left, class Place>
CUDASIM_UNCHECKED static void cudasim_mma(void *const *lanes, Place place) {
    float a[16][depth], b[depth][8], d[16][8];
    for (int lane = 0; lane < 32; lane++) {
        auto *of = (cudasim_fragment<float, Left> *)lanes[lane];
        int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; i++) {
            place(of->a[i], [&](int k, float v) CUDASIM_UNCHECKED { a[g + i % 2 * 8][k + i / 2 * (depth / 2)] = v; }, t);
            d[g + i / 2 * 8][2 * t + i % 2] = of->d[i];
        }
        for (int i = 0; i < 2; i++) {
            place(of->b[i], [&](int k, float v) CUDASIM_UNCHECKED { b[k + i * (depth / 2)][g] = v; }, t);
        }
    }
    cudasim_multiply<depth>(d, a, b);
    for (int lane = 0; lane < 32; lane++) {
        auto *of = (cudasim_fragment<float, Left> *)lanes[lane];
        for (int i = 0; i < 4; i++) of->d[i] = d[lane / 4 + i / 2 * 8][2 * (lane % 4) + i % 2];
    }
}

CUDASIM_UNCHECKED static void cudasim_mma_half(void *const *lanes) {
    cudasim_mma<16, unsigned>(lanes, [](unsigned word, auto to, int t) CUDASIM_UNCHECKED {
        to(2 * t, cudasim_from_half(word & 0xffffu));
        to(2 * t + 1, cudasim_from_half(word >> 16));
    });
}
CUDASIM_UNCHECKED static void cudasim_mma_tf32(void *const *lanes) {
    cudasim_mma<8, float>(lanes, [](float v, auto to, int t) CUDASIM_UNCHECKED {
        to(t, __uint_as_float(__float_as_uint(v) & 0xffffe000u));
    });
}
/* mma.m16n8k16, halves, and m16n8k8, TF32: c += A B. */
static inline void mma_half(float *c, const unsigned *a, unsigned b0, unsigned b1) {
    cudasim_fragment<float, unsigned> mine{c, a, {b0, b1}};
    cudasim_runtime->together(cudasim_mma_half, &mine);
}
static inline void mma_tf32(float *c, const float *a, float b0, float b1) {
    cudasim_fragment<float, float> mine{c, a, {b0, b1}};
    cudasim_runtime->together(cudasim_mma_tf32, &mine);
}

/* mma.m16n8k32: A unsigned bytes, B these or signed ones. */
template <class Right>
CUDASIM_UNCHECKED static void cudasim_mma_bytes(void *const *lanes) {
    unsigned char a[16][32];
    Right b[8][32]; /* transposed */
    using Fragment = cudasim_fragment<int, unsigned>;
    for (int lane = 0; lane < 32; lane++) {
        auto *of = (Fragment *)lanes[lane];
        int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; i++) memcpy(&a[g + i % 2 * 8][4 * t + i / 2 * 16], &of->a[i], 4);
        for (int i = 0; i < 2; i++) memcpy(&b[g][4 * t + i * 16], &of->b[i], 4);
    }
    for (int lane = 0; lane < 32; lane++) {
        for (int i = 0; i < 4; i++) {
            int sum = 0;
            for (int k = 0; k < 32; k++) sum += (int)a[lane / 4 + i / 2 * 8][k] * (int)b[2 * (lane % 4) + i % 2][k];
            ((Fragment *)lanes[lane])->d[i] += sum;
        }
    }
}
static inline void cudasim_mma_m16n8k32(int *d, const unsigned *a, unsigned b0, unsigned b1, bool is_signed) {
    cudasim_fragment<int, unsigned> mine{d, a, {b0, b1}};
    cudasim_runtime->together(is_signed ? cudasim_mma_bytes<signed char> : cudasim_mma_bytes<unsigned char>, &mine);
}

/* ---- mbarriers, puts, named barriers -------------------------------------------------------------------------- */

static inline void barrier_init(void *barrier, unsigned arrivals) { cudasim_runtime->mbarrier_init(barrier, arrivals); }
static inline void barrier_init_fence() { cudasim_runtime->mbarrier_fence(); }
static inline void barrier_arrive(void *barrier) { cudasim_runtime->mbarrier_signal(barrier, 1, 0); }
/* An arrival that says how many bytes are to come. */
static inline void barrier_expect(void *barrier, unsigned bytes) { cudasim_runtime->mbarrier_signal(barrier, 1, bytes); }
static inline void barrier_wait(void *barrier, unsigned parity) { cudasim_runtime->mbarrier_wait(barrier, parity); }
static inline void put_async16(void *own, unsigned rank, uint4 v, void *barrier) {
    cudasim_runtime->put(own, rank, &v, sizeof v, barrier);
}
static inline void named_barrier(unsigned id, unsigned threads) { cudasim_runtime->named_barrier(id, threads); }
static inline void cluster_arrive() { cudasim_runtime->team_arrive(); }
static inline void cluster_wait() { cudasim_runtime->team_wait(); }

#endif
