/*
 * A cublasLt of a few functions for the simulator: products with the epilogues that Quern asks for. As strict as the real
 * one is documented to be: attributes of the wrong size, shapes that do not fit, leading dimensions that are too small,
 * epilogues without what they need, an algorithm that was chosen for another problem, pointers less aligned than was
 * promised and too small a workspace are refused.
 */
#include "product.h"

#define API(name) extern "C" __attribute__((visibility("default"))) int name

namespace {

enum { TRANSA = 3, TRANSB = 4, EPILOGUE = 7, BIAS_POINTER = 8, AUX_POINTER = 11, AUX_LD = 12 };
enum { WORKSPACE = 1, ALIGNMENT_A = 5, ALIGNMENT_D = 8 };
enum { DEFAULT = 1, RELU = 2, BIAS = 4, AUX = 128, DRELU = 136, BGRADA = 256, BGRADB = 512 };

const int HANDLE = 0x17, ALGORITHM = 0xA190;
/* what every algorithm here wants */
const uint64_t NEEDED = 4096;

struct Handle {
    int magic = HANDLE;
};

struct Desc {
    int compute, scale_type;
    int32_t transpose_a = 0, transpose_b = 0;
    uint32_t epilogue = DEFAULT;
    const void *bias = nullptr;
    void *aux = nullptr;
    int64_t aux_ld = 0;
};

struct Layout {
    int type;
    uint64_t rows, columns;
    int64_t ld;
};

struct Preference {
    uint64_t workspace = 0;
    uint32_t alignment[4] = {256, 256, 256, 256};
};

struct Algorithm {
    uint64_t magic, problem, needed, alignment[4], unused;
};

struct Heuristic {
    Algorithm algo;
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};

struct Work {
    cudasim::Gemm gemm;
    uint32_t epilogue;
    const void *bias;
    uint32_t *aux;
    int64_t aux_ld;
};

bool known(uint32_t epilogue) {
    switch (epilogue) {
        case DEFAULT:
        case RELU:
        case BIAS:
        case RELU | BIAS:
        case RELU | AUX:
        case RELU | BIAS | AUX:
        case DRELU:
        case BGRADA:
        case BGRADB:
            return true;
    }
    return false;
}

/* Whether such a product exists; else why not. */
int check(const Desc *desc, const Layout *a, const Layout *b, const Layout *c, const Layout *d) {
    if (!desc || !a || !b || !c || !d) return INVALID_VALUE;
    uint64_t m = desc->transpose_a ? a->columns : a->rows, k = desc->transpose_a ? a->rows : a->columns;
    uint64_t n = desc->transpose_b ? b->rows : b->columns, kb = desc->transpose_b ? b->columns : b->rows;
    if (k != kb || d->rows != m || d->columns != n || c->rows != m || c->columns != n) return INVALID_VALUE;
    for (const Layout *one : {a, b, c, d}) {
        if (one->ld < (int64_t)one->rows) return INVALID_VALUE;
    }
    if (a->type != b->type || c->type != d->type || (d->type != R_32F && d->type != a->type)) return NOT_SUPPORTED;
    if (a->type != R_32F && a->type != R_16BF) return NOT_SUPPORTED;
    if (desc->scale_type != R_32F) return NOT_SUPPORTED;
    if (desc->compute != COMPUTE_32F && !(desc->compute == COMPUTE_32F_FAST_TF32 && a->type == R_32F)) {
        return NOT_SUPPORTED;
    }
    /* tensor cores take bfloat16 in words */
    if (a->type == R_16BF && (a->ld % 2 != 0 || b->ld % 2 != 0 || (d->type == R_16BF && d->ld % 2 != 0))) {
        return NOT_SUPPORTED;
    }
    if (!known(desc->epilogue)) return NOT_SUPPORTED;
    bool takes_bias = (desc->epilogue & (BIAS | BGRADA | BGRADB)) != 0;
    if (takes_bias && !desc->bias) return INVALID_VALUE;
    if ((desc->epilogue & AUX) != 0) {
        if (!desc->aux || desc->aux_ld % 128 != 0 || desc->aux_ld < (int64_t)m) return INVALID_VALUE;
        if ((uintptr_t)desc->aux % 16 != 0) return NOT_SUPPORTED;
    }
    return SUCCESS;
}

/* What an algorithm is chosen for. */
uint64_t problem(const Desc *desc, const Layout *a, const Layout *b, const Layout *d) {
    uint64_t hash = 1469598103934665603u;
    for (uint64_t part :
         {(uint64_t)desc->compute, (uint64_t)desc->transpose_a, (uint64_t)desc->transpose_b, (uint64_t)desc->epilogue,
          (uint64_t)a->type, (uint64_t)d->type, a->rows, a->columns, (uint64_t)a->ld, b->rows, b->columns,
          (uint64_t)b->ld, (uint64_t)d->ld}) {
        hash = (hash ^ part) * 1099511628211u;
    }
    return hash;
}

int run(const void *data) {
    Work w;
    memcpy(&w, data, sizeof w);
    const cudasim::Gemm &g = w.gemm;
    if ((w.epilogue & AUX) != 0 && cudasim_check(w.aux, (size_t)(g.n - 1) * w.aux_ld / 8 + ((size_t)g.m + 7) / 8)) return 700;
    bool gradient = (w.epilogue & (BGRADA | BGRADB)) != 0;
    int biases = w.epilogue == BGRADB ? g.n : g.m;
    bool bias_bf16 = g.bf16_c;
    if ((gradient || (w.epilogue & BIAS) != 0) && cudasim_check(w.bias, (size_t)biases * (bias_bf16 ? 2 : 4))) return 700;
    if (gradient) {
        bool of_a = w.epilogue == BGRADA, transposed = of_a ? g.transpose_a : !g.transpose_b;
        int ld = of_a ? g.lda : g.ldb;
        for (int i = 0; i < biases; i++) {
            float sum = 0;
            for (int l = 0; l < g.k; l++) {
                sum += cudasim::value(g.bf16, of_a ? g.a : g.b, transposed ? (size_t)i * ld + l : (size_t)l * ld + i);
            }
            if (bias_bf16) {
                ((uint16_t *)w.bias)[i] = cudasim::to_bf16(sum);
            } else {
                ((float *)w.bias)[i] = sum;
            }
        }
    }
    return cudasim::multiply(g, [&](int j, float *column) {
        for (int i = 0; i < g.m; i++) {
            uint32_t *word = w.aux + ((size_t)j * w.aux_ld + i) / 32, bit = 1u << i % 32;
            if ((w.epilogue & BIAS) != 0) column[i] += cudasim::value(bias_bf16, w.bias, i);
            if (w.epilogue == DRELU) {
                if ((*word & bit) == 0) column[i] = 0;
            } else if ((w.epilogue & RELU) != 0) {
                if ((w.epilogue & AUX) != 0) *word = column[i] > 0 ? *word | bit : *word & ~bit;
                column[i] = column[i] < 0 ? 0 : column[i];
            }
        }
    });
}

template <class T>
int take(T *to, const void *value, size_t bytes) {
    if (!value || bytes != sizeof *to) return INVALID_VALUE;
    memcpy(to, value, sizeof *to);
    return SUCCESS;
}

}  // namespace

API(cublasLtCreate)(Handle **handle) {
    if (cudasim_ready()) return NOT_INITIALIZED;
    *handle = new Handle;
    return SUCCESS;
}

API(cublasLtDestroy)(Handle *handle) {
    delete handle;
    return SUCCESS;
}

API(cublasLtMatmulDescCreate)(Desc **desc, int compute, int scale_type) {
    *desc = new Desc{compute, scale_type};
    return SUCCESS;
}

API(cublasLtMatmulDescDestroy)(Desc *desc) {
    delete desc;
    return SUCCESS;
}

API(cublasLtMatmulDescSetAttribute)(Desc *desc, int attribute, const void *value, size_t bytes) {
    switch (attribute) {
        case TRANSA:
            return take(&desc->transpose_a, value, bytes);
        case TRANSB:
            return take(&desc->transpose_b, value, bytes);
        case EPILOGUE:
            return take(&desc->epilogue, value, bytes);
        case BIAS_POINTER:
            return take(&desc->bias, value, bytes);
        case AUX_POINTER:
            return take(&desc->aux, value, bytes);
        case AUX_LD:
            return take(&desc->aux_ld, value, bytes);
    }
    return INVALID_VALUE;
}

API(cublasLtMatrixLayoutCreate)(Layout **layout, int type, uint64_t rows, uint64_t columns, int64_t ld) {
    if (rows == 0 || columns == 0) return INVALID_VALUE;
    *layout = new Layout{type, rows, columns, ld};
    return SUCCESS;
}

API(cublasLtMatrixLayoutDestroy)(Layout *layout) {
    delete layout;
    return SUCCESS;
}

API(cublasLtMatmulPreferenceCreate)(Preference **preference) {
    *preference = new Preference;
    return SUCCESS;
}

API(cublasLtMatmulPreferenceDestroy)(Preference *preference) {
    delete preference;
    return SUCCESS;
}

API(cublasLtMatmulPreferenceSetAttribute)(Preference *preference, int attribute, const void *value, size_t bytes) {
    if (attribute == WORKSPACE) return take(&preference->workspace, value, bytes);
    if (attribute < ALIGNMENT_A || attribute > ALIGNMENT_D) return INVALID_VALUE;
    return take(&preference->alignment[attribute - ALIGNMENT_A], value, bytes);
}

API(cublasLtMatmulAlgoGetHeuristic)(Handle *handle, Desc *desc, Layout *a, Layout *b, Layout *c, Layout *d,
                                    Preference *preference, int wanted, Heuristic *found, int *count) {
    *count = 0;
    if (!handle || handle->magic != HANDLE) return NOT_INITIALIZED;
    if (!preference || wanted < 1) return INVALID_VALUE;
    int status = check(desc, a, b, c, d);
    if (status) return status;
    if (preference->workspace < NEEDED) return NOT_SUPPORTED;
    Algorithm algo = {ALGORITHM, problem(desc, a, b, d), NEEDED, {}, 0};
    for (int i = 0; i < 4; i++) algo.alignment[i] = preference->alignment[i];
    *found = Heuristic{algo, NEEDED, SUCCESS, 1, {}};
    *count = 1;
    return SUCCESS;
}

API(cublasLtMatmul)(Handle *handle, Desc *desc, const float *alpha, const void *a, Layout *a_layout, const void *b,
                    Layout *b_layout, const float *beta, const void *c, Layout *c_layout, void *d, Layout *d_layout,
                    const Algorithm *algo, void *workspace, size_t bytes, void *stream) {
    if (!handle || handle->magic != HANDLE) return NOT_INITIALIZED;
    int status = check(desc, a_layout, b_layout, c_layout, d_layout);
    if (status) return status;
    if (!algo || algo->magic != (uint64_t)ALGORITHM || algo->problem != problem(desc, a_layout, b_layout, d_layout)) {
        return INVALID_VALUE;
    }
    const void *pointers[] = {a, b, c, d};
    for (int i = 0; i < 4; i++) {
        if ((uintptr_t)pointers[i] % algo->alignment[i] != 0) return INVALID_VALUE;
    }
    if (bytes < algo->needed || cudasim_check(workspace, bytes)) return INVALID_VALUE;
    if (*beta != 0 || c != d) return NOT_SUPPORTED;
    bool bf16 = a_layout->type == R_16BF;
    Work w = {{desc->transpose_a, desc->transpose_b, (int)d_layout->rows, (int)d_layout->columns,
               (int)(desc->transpose_a ? a_layout->rows : a_layout->columns), (int)a_layout->ld, (int)b_layout->ld,
               (int)d_layout->ld, desc->compute == COMPUTE_32F_FAST_TF32, bf16, d_layout->type == R_16BF, *alpha, 0, a,
               b, d},
              desc->epilogue, desc->bias, (uint32_t *)desc->aux, desc->aux_ld};
    return cudasim_enqueue(stream, run, &w, sizeof w) ? EXECUTION_FAILED : SUCCESS;
}
