/*
 * C = A B in float32, row-major C [m x n], A and B with any strides, so that all transpositions are one kernel.
 *
 * Blocking as in Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): B in packed panels of
 * NR columns by at most KC rows, A in blocks of MC rows that stay in L2, a register tile of MR x NR. Each element
 * of C is summed over k in rising order, KC products to a partial sum, whatever the shape or the number of threads.
 * 2 m n k flops.
 */
#ifndef QUERN_GEMM_H
#define QUERN_GEMM_H

#include "simd.h"

#if LANES == 16
#define NV 3
#define MR 8
#elif LANES == 8
#define NV 2
#define MR 6
#else
#define NV 2
#define MR 4
#endif
#define NR (NV * LANES)
enum { KC = 384, MC = 240, NC = 85 * NR };

/* Floats of scratch that gemm needs for n columns: KC rows of B and a block of A. */
INLINE size_t gemm_pack(int n) {
    size_t columns = n < NC ? ((size_t)n + NR - 1) / NR * NR : NC;
    return KC * columns + (size_t)(MC + MR) * KC + 64;
}

/*
 * rows x (nv vectors, the last with `last` columns) of C: = or += the sum over k of a[i * ars + p * acs] * b[p * brs + j].
 * rows and nv are constants after inlining.
 */
INLINE void tile(const int rows, const int nv, int last, int k, const float *a, int64_t ars, int64_t acs,
                 const float *b, int64_t brs, float *c, int64_t ldc, int add) {
    vfloat sum[MR][NV];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            sum[i][v] = (vfloat){0};
        }
    }
    for (int p = 0; p < k; p++) {
        vfloat bv[NV];
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            /* AVX-512 masks a load for nothing, so rows of B need no padding there */
            bv[v] = LANES == 16 && v == nv - 1 ? load_first(b + v * LANES, last) : load(b + v * LANES);
        }
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            vfloat ai = all(a[i * ars]);
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++) {
                sum[i][v] += ai * bv[v];
            }
        }
        a += acs;
        b += brs;
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            float *to = c + i * ldc + v * LANES;
            if (v == nv - 1 && last < LANES) {
                store_first(to, add ? load_first(to, last) + sum[i][v] : sum[i][v], last);
            } else {
                store(to, add ? load(to) + sum[i][v] : sum[i][v]);
            }
        }
    }
}

typedef void (*Tile)(int last, int k, const float *a, int64_t ars, int64_t acs, const float *b, int64_t brs, float *c,
                     int64_t ldc, int add);

#define TILE(R, V)                                                                                              \
    static void tile_##R##_##V(int last, int k, const float *a, int64_t ars, int64_t acs, const float *b, int64_t brs, \
                               float *c, int64_t ldc, int add) {                                                 \
        tile(R, V, last, k, a, ars, acs, b, brs, c, ldc, add);                                                   \
    }
#if NV == 3
#define TILES(R) TILE(R, 1) TILE(R, 2) TILE(R, 3)
#define TILES_OF(R) {tile_##R##_1, tile_##R##_2, tile_##R##_3}
#else
#define TILES(R) TILE(R, 1) TILE(R, 2)
#define TILES_OF(R) {tile_##R##_1, tile_##R##_2}
#endif
TILES(1)
TILES(2)
TILES(3)
TILES(4)
#if MR > 4
TILES(5)
TILES(6)
#endif
#if MR > 6
TILES(7)
TILES(8)
#endif
static const Tile tiles[MR][NV] = {
    TILES_OF(1), TILES_OF(2), TILES_OF(3), TILES_OF(4),
#if MR > 4
    TILES_OF(5), TILES_OF(6),
#endif
#if MR > 6
    TILES_OF(7), TILES_OF(8),
#endif
};

/* panel[p * width + j] = b[p][j] for j < n, zeros up to whole vectors; width is a constant after inlining */
INLINE void pack_panel(float *panel, const int width, const float *b, int64_t brs, int64_t bcs, int k, int n) {
    int padded = (n + LANES - 1) / LANES * LANES;
    if (bcs == 1) {
        for (int p = 0; p < k; p++) {
            int j = 0;
            for (; j + LANES <= n; j += LANES) {
                store(panel + p * width + j, load(b + p * brs + j));
            }
            if (j < n) {
                store(panel + p * width + j, load_first(b + p * brs + j, n - j));
            }
        }
        return;
    }
    int j0 = 0, p0 = 0;
#if defined(__SSE2__)
    if (brs == 1) { /* columns lie together: turned in squares of 4 x 4 */
        for (p0 = 0; p0 + 4 <= k; p0 += 4) {
            for (j0 = 0; j0 + 4 <= n; j0 += 4) {
                const float *from = b + p0 + j0 * bcs;
                __m128 c0 = _mm_loadu_ps(from), c1 = _mm_loadu_ps(from + bcs), c2 = _mm_loadu_ps(from + 2 * bcs),
                       c3 = _mm_loadu_ps(from + 3 * bcs);
                _MM_TRANSPOSE4_PS(c0, c1, c2, c3);
                float *to = panel + p0 * width + j0;
                _mm_storeu_ps(to, c0), _mm_storeu_ps(to + width, c1), _mm_storeu_ps(to + 2 * width, c2),
                    _mm_storeu_ps(to + 3 * width, c3);
            }
        }
    }
#endif
    for (int p = 0; p < k; p++) {
        for (int j = p < p0 ? j0 : 0; j < padded; j++) {
            panel[p * width + j] = j < n ? b[p * brs + j * bcs] : 0;
        }
    }
}

/* block[(i / MR) * MR * k + p * MR + i % MR] = a[i][p] */
static void pack_a(float *block, const float *a, int64_t ars, int64_t acs, int m, int k) {
    for (int i0 = 0; i0 < m; i0 += MR) {
        int rows = m - i0 < MR ? m - i0 : MR;
        for (int p = 0; p < k; p++) {
            for (int i = 0; i < MR; i++) {
                block[p * MR + i] = i < rows ? a[(i0 + i) * ars + p * acs] : 0;
            }
        }
        block += (int64_t)MR * k;
    }
}

/* One block of A times the KC rows of B. */
static void block_times_panels(int mc, int n, int kc, const float *a, int64_t ars, int64_t acs, int64_t ablock,
                               const float *b, int64_t brs, int64_t bpanel, float *c, int64_t ldc, int add) {
    for (int j0 = 0; j0 < n; j0 += NR, b += bpanel) {
        int nc = n - j0 < NR ? n - j0 : NR;
        int vectors = (nc + LANES - 1) / LANES;
        for (int i = 0; i < mc; i += MR) {
            int rows = mc - i < MR ? mc - i : MR;
            tiles[rows - 1][vectors - 1](nc - (vectors - 1) * LANES, kc, a + i / MR * ablock, ars, acs, b, brs,
                                         c + i * ldc + j0, ldc, add);
        }
    }
}

/* C = A B; pack has room for gemm_pack(n) floats. */
static void gemm(int m, int n, int k, const float *a, int64_t ars, int64_t acs, const float *b, int64_t brs,
                 int64_t bcs, float *c, int64_t ldc, float *pack) {
    float *block = (float *)(((uintptr_t)pack + 63) & ~(uintptr_t)63);
    float *panels = block + (size_t)(MC + MR) * KC;
    if (k == 0) {
        for (int i = 0; i < m; i++) {
            memset(c + i * ldc, 0, (size_t)n * sizeof *c);
        }
    }
    /* What is used once or twice is not packed, if whole vectors can be read where it lies. */
    int b_lies_well = bcs == 1 && (n % LANES == 0 || LANES == 16) && (n <= NR || m <= MR);
    int a_lies_well = n <= 2 * NR;
    for (int j0 = 0; j0 < n; j0 += NC) {
        int nc = n - j0 < NC ? n - j0 : NC;
        for (int p0 = 0; p0 < k; p0 += KC) {
            int kc = k - p0 < KC ? k - p0 : KC;
            const float *bpart = b + p0 * brs + j0 * bcs;
            if (!b_lies_well) {
                for (int j = 0; j < nc; j += NR) {
                    pack_panel(panels + (int64_t)j * kc, NR, bpart + j * bcs, brs, bcs, kc, nc - j < NR ? nc - j : NR);
                }
            }
            for (int i0 = 0; i0 < m; i0 += MC) {
                int mc = m - i0 < MC ? m - i0 : MC;
                const float *apart = a + i0 * ars + p0 * acs;
                if (!a_lies_well) {
                    pack_a(block, apart, ars, acs, mc, kc);
                }
                block_times_panels(mc, nc, kc, a_lies_well ? apart : block, a_lies_well ? ars : 1,
                                   a_lies_well ? acs : MR, a_lies_well ? MR * ars : (int64_t)MR * kc,
                                   b_lies_well ? bpart : panels, b_lies_well ? brs : NR,
                                   b_lies_well ? NR : (int64_t)NR * kc, c + i0 * ldc + j0, ldc, p0 > 0);
            }
        }
    }
}

#endif
