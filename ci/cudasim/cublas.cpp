/*
 * A cuBLAS of a few functions for the simulator: products in float32, or with factors rounded as tensor cores do. Work
 * goes into the simulated driver's streams, so it is captured in graphs as kernels are.
 */
#include "product.h"

#define API(name) extern "C" __attribute__((visibility("default"))) int name

namespace {

enum { TF32_TENSOR_OP_MATH = 3 };

struct Handle {
    void *stream = nullptr;
    int math_mode = 0;
};

int run(const void *data) {
    cudasim::Gemm g;
    memcpy(&g, data, sizeof g);
    return cudasim::multiply(g, [](int, float *) {});
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
                  const void *a, int type_a, int lda, const void *b, int type_b, int ldb, const float *beta, void *c,
                  int type_c, int ldc, int compute, int) {
    if (type_a != type_b || (type_a != R_32F && type_a != R_16BF) || (type_c != R_32F && type_c != type_a)) return NOT_SUPPORTED;
    if (compute != COMPUTE_32F) return NOT_SUPPORTED;
    if (m < 0 || n < 0 || k < 0 || lda < (transpose_a ? k : m) || ldb < (transpose_b ? n : k) || ldc < m) {
        return INVALID_VALUE;
    }
    bool bf16 = type_a == R_16BF;
    bool tf32 = !bf16 && handle->math_mode == TF32_TENSOR_OP_MATH;
    cudasim::Gemm g = {transpose_a, transpose_b, m, n, k, lda, ldb, ldc, tf32, bf16, type_c == R_16BF, *alpha, *beta,
                       a, b, c};
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
