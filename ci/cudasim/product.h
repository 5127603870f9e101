/* The product that the simulator's cuBLAS and cublasLt compute: column-major, the sums over k in order. */
#ifndef CUDASIM_PRODUCT_H
#define CUDASIM_PRODUCT_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

/* what the simulated driver exports for this */
extern "C" int cudasim_enqueue(void *stream, int (*work)(const void *), const void *data, size_t bytes);
extern "C" int cudasim_check(const void *pointer, size_t bytes);
extern "C" int cudasim_ready();

enum { SUCCESS = 0, NOT_INITIALIZED = 1, INVALID_VALUE = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15 };
enum { R_32F = 0, R_16BF = 14, COMPUTE_32F = 68, COMPUTE_32F_FAST_TF32 = 77 };

namespace cudasim {

struct Gemm {
    int transpose_a, transpose_b, m, n, k, lda, ldb, ldc;
    bool tf32, bf16, bf16_c;
    float alpha, beta;
    const void *a, *b;
    void *c;
};

/* TensorFloat-32: 10 bits of the fraction, ties to even. */
inline float tf32(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    if ((u & 0x7f800000u) != 0x7f800000u) {
        u += 0xfff + ((u >> 13) & 1);
        u &= ~0x1fffu;
    }
    memcpy(&x, &u, sizeof x);
    return x;
}

inline uint16_t to_bf16(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    if (x != x) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

inline float from_bf16(uint16_t bits) {
    float x;
    uint32_t u = (uint32_t)bits << 16;
    memcpy(&x, &u, sizeof x);
    return x;
}

inline float value(bool bf16, const void *values, size_t i) {
    return bf16 ? from_bf16(((const uint16_t *)values)[i]) : ((const float *)values)[i];
}

/* A factor as the product takes it. */
inline float factor(const Gemm &g, const void *values, size_t i) {
    float x = value(g.bf16, values, i);
    return g.tf32 ? tf32(x) : x;
}

/* Bytes from the first to the last value of a column-major matrix. */
inline size_t extent(size_t size, int rows, int columns, int ld) {
    return size * ((size_t)(columns - 1) * (size_t)ld + (size_t)rows);
}

/* C = alpha A B + beta C; `finish` sees each column j of it, in float32, before it is stored. The driver's result. */
template <class Finish>
int multiply(const Gemm &g, Finish finish) {
    size_t size = g.bf16 ? 2 : 4;
    bool fine = !cudasim_check(g.a, g.transpose_a ? extent(size, g.k, g.m, g.lda) : extent(size, g.m, g.k, g.lda)) &&
                !cudasim_check(g.b, g.transpose_b ? extent(size, g.n, g.k, g.ldb) : extent(size, g.k, g.n, g.ldb)) &&
                !cudasim_check(g.c, extent(g.bf16_c ? 2 : 4, g.m, g.n, g.ldc));
    if (!fine) return 700; /* CUDA_ERROR_ILLEGAL_ADDRESS */
    std::vector<float> a((size_t)g.m * (size_t)g.k), sums((size_t)g.m);
    for (int l = 0; l < g.k; l++) {
        for (int i = 0; i < g.m; i++) {
            a[(size_t)l * g.m + i] = factor(g, g.a, g.transpose_a ? (size_t)i * g.lda + l : (size_t)l * g.lda + i);
        }
    }
    for (int j = 0; j < g.n; j++) {
        for (int i = 0; i < g.m; i++) sums[i] = 0;
        for (int l = 0; l < g.k; l++) {
            float v = factor(g, g.b, g.transpose_b ? (size_t)l * g.ldb + j : (size_t)j * g.ldb + l);
            const float *column = &a[(size_t)l * g.m];
            for (int i = 0; i < g.m; i++) sums[i] += column[i] * v;
        }
        size_t first = (size_t)j * g.ldc;
        for (int i = 0; i < g.m; i++) {
            sums[i] *= g.alpha;
            if (g.beta != 0) sums[i] += g.beta * value(g.bf16_c, g.c, first + i);
        }
        finish(j, sums.data());
        for (int i = 0; i < g.m; i++) {
            if (g.bf16_c) {
                ((uint16_t *)g.c)[first + i] = to_bf16(sums[i]);
            } else {
                ((float *)g.c)[first + i] = sums[i];
            }
        }
    }
    return 0;
}

}  // namespace cudasim

#endif
