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
enum { R_32F = 0, COMPUTE_32F = 68, FAST_16BF = 75, FAST_TF32 = 77 };

struct Handle {
    void *stream = nullptr;
    int math_mode = 0;
};

struct Gemm {
    int transpose_a, transpose_b, m, n, k, lda, ldb, ldc, kept_bits;
    float alpha, beta;
    const float *a, *b;
    float *c;
};

/* To so many bits of the fraction, ties to even. */
float rounded(float x, int bits) {
    if (bits >= 23) return x;
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    if ((u & 0x7f800000u) != 0x7f800000u) {
        int drop = 23 - bits;
        u += ((1u << (drop - 1)) - 1) + ((u >> drop) & 1);
        u &= ~((1u << drop) - 1);
    }
    memcpy(&x, &u, sizeof x);
    return x;
}

size_t extent(int rows, int columns, int ld) { return 4 * ((size_t)(columns - 1) * (size_t)ld + (size_t)rows); }

int run(const void *data) {
    Gemm g;
    memcpy(&g, data, sizeof g);
    bool fine = g.transpose_a ? !cudasim_check(g.a, extent(g.k, g.m, g.lda)) : !cudasim_check(g.a, extent(g.m, g.k, g.lda));
    fine &= g.transpose_b ? !cudasim_check(g.b, extent(g.n, g.k, g.ldb)) : !cudasim_check(g.b, extent(g.k, g.n, g.ldb));
    fine &= !cudasim_check(g.c, extent(g.m, g.n, g.ldc));
    if (!fine) return 700; /* CUDA_ERROR_ILLEGAL_ADDRESS */
    std::vector<float> a((size_t)g.m * (size_t)g.k), sums((size_t)g.m);
    for (int l = 0; l < g.k; l++) {
        for (int i = 0; i < g.m; i++) {
            float v = g.transpose_a ? g.a[(size_t)i * g.lda + l] : g.a[(size_t)l * g.lda + i];
            a[(size_t)l * g.m + i] = rounded(v, g.kept_bits);
        }
    }
    for (int j = 0; j < g.n; j++) {
        for (int i = 0; i < g.m; i++) sums[i] = 0;
        for (int l = 0; l < g.k; l++) {
            float v = rounded(g.transpose_b ? g.b[(size_t)l * g.ldb + j] : g.b[(size_t)j * g.ldb + l], g.kept_bits);
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
                  const float *a, int type_a, int lda, const float *b, int type_b, int ldb, const float *beta, float *c,
                  int type_c, int ldc, int compute, int) {
    if (type_a != R_32F || type_b != R_32F || type_c != R_32F) return NOT_SUPPORTED;
    if (compute != COMPUTE_32F && compute != FAST_16BF && compute != FAST_TF32) return NOT_SUPPORTED;
    if (m < 0 || n < 0 || k < 0 || lda < (transpose_a ? k : m) || ldb < (transpose_b ? n : k) || ldc < m) {
        return INVALID_VALUE;
    }
    int bits = compute == FAST_16BF ? 7 : compute == FAST_TF32 ? 10 : 23;
    Gemm g = {transpose_a, transpose_b, m, n, k, lda, ldb, ldc, bits, *alpha, *beta, a, b, c};
    return cudasim_enqueue(handle->stream, run, &g, sizeof g) ? EXECUTION_FAILED : SUCCESS;
}
