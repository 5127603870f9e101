/*
 * A cuBLAS of a few functions for the simulator: products in float32, or with factors rounded as tensor cores do. The
 * sums run over k in order. Work goes into the simulated driver's streams, so it is captured in graphs as kernels are.
 */
#include <cstdint>
#include <cstring>
#include <vector>

/* what the simulated driver exports for this */
extern "C" int cudasim_enqueue(void *stream, int (*work)(const void *), const void *data, size_t bytes);
extern "C" int cudasim_check(const void *pointer, size_t bytes);
extern "C" int cudasim_ready();

#define API(name) extern "C" __attribute__((visibility("default"))) int name

namespace {

enum { SUCCESS = 0, NOT_INITIALIZED = 1, INVALID_VALUE = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15 };
enum { R_32F = 0, R_16BF = 14, COMPUTE_32F = 68, TF32_TENSOR_OP_MATH = 3 };

struct Handle {
    void *stream = nullptr;
    int math_mode = 0;
};

struct Gemm {
    int transpose_a, transpose_b, m, n, k, lda, ldb, ldc;
    bool tf32, bf16;
    float alpha, beta;
    const void *a, *b;
    float *c;
};

/* TensorFloat-32: 10 bits of the fraction, ties to even. */
float tf32(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    if ((u & 0x7f800000u) != 0x7f800000u) {
        u += 0xfff + ((u >> 13) & 1);
        u &= ~0x1fffu;
    }
    memcpy(&x, &u, sizeof x);
    return x;
}

/* A factor as the product takes it. */
float factor(const Gemm &g, const void *values, size_t i) {
    float x;
    if (g.bf16) {
        uint32_t u = (uint32_t)((const uint16_t *)values)[i] << 16;
        memcpy(&x, &u, sizeof x);
        return x;
    }
    x = ((const float *)values)[i];
    return g.tf32 ? tf32(x) : x;
}

/* Bytes from the first to the last value of a column-major matrix. */
size_t extent(size_t size, int rows, int columns, int ld) {
    return size * ((size_t)(columns - 1) * (size_t)ld + (size_t)rows);
}

int run(const void *data) {
    Gemm g;
    memcpy(&g, data, sizeof g);
    size_t size = g.bf16 ? 2 : 4;
    bool fine = !cudasim_check(g.a, g.transpose_a ? extent(size, g.k, g.m, g.lda) : extent(size, g.m, g.k, g.lda)) &&
                !cudasim_check(g.b, g.transpose_b ? extent(size, g.n, g.k, g.ldb) : extent(size, g.k, g.n, g.ldb)) &&
                !cudasim_check(g.c, extent(4, g.m, g.n, g.ldc));
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
        float *c = g.c + (size_t)j * g.ldc;
        for (int i = 0; i < g.m; i++) c[i] = g.beta == 0 ? g.alpha * sums[i] : g.alpha * sums[i] + g.beta * c[i];
    }
    return 0;
}

}  // namespace

API(cublasCreate_v2)(Handle **handle) {
    if (cudasim_ready()) return NOT_INITIALIZED;
    *handle = new Handle;
    return SUCCESS;
}

API(cublasDestroy_v2)(Handle *handle) {
    delete handle;
    return SUCCESS;
}

API(cublasSetStream_v2)(Handle *handle, void *stream) {
    handle->stream = stream;
    return SUCCESS;
}

API(cublasSetWorkspace_v2)(Handle *, void *workspace, size_t bytes) {
    return cudasim_check(workspace, bytes) ? INVALID_VALUE : SUCCESS;
}

API(cublasGetVersion_v2)(Handle *, int *version) {
    *version = 120600;
    return SUCCESS;
}

API(cublasGemmEx)(Handle *handle, int transpose_a, int transpose_b, int m, int n, int k, const float *alpha,
                  const void *a, int type_a, int lda, const void *b, int type_b, int ldb, const float *beta, float *c,
                  int type_c, int ldc, int compute, int) {
    if (type_a != type_b || (type_a != R_32F && type_a != R_16BF) || type_c != R_32F) return NOT_SUPPORTED;
    if (compute != COMPUTE_32F) return NOT_SUPPORTED;
    if (m < 0 || n < 0 || k < 0 || lda < (transpose_a ? k : m) || ldb < (transpose_b ? n : k) || ldc < m) {
        return INVALID_VALUE;
    }
    bool bf16 = type_a == R_16BF;
    bool tf32 = !bf16 && handle->math_mode == TF32_TENSOR_OP_MATH;
    Gemm g = {transpose_a, transpose_b, m, n, k, lda, ldb, ldc, tf32, bf16, *alpha, *beta, a, b, c};
    return cudasim_enqueue(handle->stream, run, &g, sizeof g) ? EXECUTION_FAILED : SUCCESS;
}

API(cublasSetMathMode)(Handle *handle, int mode) {
    handle->math_mode = mode;
    return SUCCESS;
}

API(cublasGetMathMode)(Handle *handle, int *mode) {
    *mode = handle->math_mode;
    return SUCCESS;
}
