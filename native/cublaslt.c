/*
 * cublasLt for Java: JCuda has no binding to it. The library is opened by its path when Quern runs, so nothing of CUDA is
 * needed to build this; types, constants and the calls' signatures are those of cuBLAS 11.4 and later, 12 and 13.
 */
#define _GNU_SOURCE
#include <jni.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "org_quern_backend_cuda_CublasLt.h"
#include "system.h"

#define NOT_SUPPORTED 15
#define ALLOC_FAILED 3

enum { R_32F = 0 };
enum { DESC_TRANSA = 3, DESC_TRANSB, DESC_EPILOGUE = 7, DESC_BIAS_POINTER = 8, DESC_AUX_POINTER = 11, DESC_AUX_LD = 12 };
enum { PREF_WORKSPACE = 1, PREF_ALIGNMENT_A = 5, PREF_ALIGNMENT_B, PREF_ALIGNMENT_C, PREF_ALIGNMENT_D };

typedef struct {
    uint64_t data[8];
} algorithm;

typedef struct {
    algorithm algo;
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
} heuristic;

/* name, result, parameters */
#define CALLS(C)                                                                                                      \
    C(cublasLtCreate, int, (void **handle))                                                                           \
    C(cublasLtDestroy, int, (void *handle))                                                                           \
    C(cublasLtMatmulDescCreate, int, (void **desc, int compute, int scale_type))                                      \
    C(cublasLtMatmulDescDestroy, int, (void *desc))                                                                   \
    C(cublasLtMatmulDescSetAttribute, int, (void *desc, int attribute, const void *value, size_t bytes))              \
    C(cublasLtMatrixLayoutCreate, int, (void **layout, int type, uint64_t rows, uint64_t columns, int64_t ld))        \
    C(cublasLtMatrixLayoutDestroy, int, (void *layout))                                                               \
    C(cublasLtMatmulPreferenceCreate, int, (void **preference))                                                       \
    C(cublasLtMatmulPreferenceDestroy, int, (void *preference))                                                       \
    C(cublasLtMatmulPreferenceSetAttribute, int, (void *preference, int attribute, const void *value, size_t bytes))  \
    C(cublasLtMatmulAlgoGetHeuristic, int,                                                                            \
      (void *handle, void *desc, void *a, void *b, void *c, void *d, void *preference, int wanted, heuristic *found,  \
       int *count))                                                                                                   \
    C(cublasLtMatmul, int,                                                                                            \
      (void *handle, void *desc, const void *alpha, const void *a, void *a_layout, const void *b, void *b_layout,     \
       const void *beta, const void *c, void *c_layout, void *d, void *d_layout, const algorithm *algo,               \
       void *workspace, size_t workspace_bytes, void *stream))

#define DECLARE(name, result, parameters) static result(*name) parameters;
CALLS(DECLARE)

/* Everything that a product takes, found once. */
typedef struct {
    void *desc, *a_layout, *b_layout, *d_layout;
    const void *a, *b;
    void *d;
    float alpha;
    algorithm algo;
} product;

/* Opens the library at a path or of a name; the reason if that fails, else null. */
JNIEXPORT jstring JNICALL Java_org_quern_backend_cuda_CublasLt_open(JNIEnv *env, jclass class, jstring path) {
    (void)class;
    const char *file = (*env)->GetStringUTFChars(env, path, NULL);
    if (!file) {
        return NULL; /* an OutOfMemoryError is on its way */
    }
    void *library = system_library(file);
    (*env)->ReleaseStringUTFChars(env, path, file);
    if (!library) {
        return (*env)->NewStringUTF(env, system_library_problem());
    }
#define FIND(name, result, parameters)                         \
    *(void **)&name = system_symbol(library, #name);           \
    if (!name) {                                               \
        return (*env)->NewStringUTF(env, "it has no " #name);  \
    }
    CALLS(FIND)
    return NULL;
}

/* A handle, or the negative status. */
JNIEXPORT jlong JNICALL Java_org_quern_backend_cuda_CublasLt_create(JNIEnv *env, jclass class) {
    (void)env, (void)class;
    void *handle;
    int status = cublasLtCreate(&handle);
    return status ? -status : (jlong)(intptr_t)handle;
}

JNIEXPORT jint JNICALL Java_org_quern_backend_cuda_CublasLt_destroy(JNIEnv *env, jclass class, jlong handle) {
    (void)env, (void)class;
    return cublasLtDestroy((void *)(intptr_t)handle);
}

static void drop(product *p) {
    if (p->desc) cublasLtMatmulDescDestroy(p->desc);
    if (p->a_layout) cublasLtMatrixLayoutDestroy(p->a_layout);
    if (p->b_layout) cublasLtMatrixLayoutDestroy(p->b_layout);
    if (p->d_layout) cublasLtMatrixLayoutDestroy(p->d_layout);
    free(p);
}

/* The largest power of two up to 256 that divides an address. */
static uint32_t alignment(const void *address) {
    uintptr_t bits = (uintptr_t)address | 256;
    return (uint32_t)(bits & -bits);
}

/* The numbers and pointers of CublasLt.plan, in its order. */
enum { M, N, K, OP_A, OP_B, LD_A, LD_B, LD_D, TYPE, TYPE_D, COMPUTE, EPILOGUE, LD_AUX, NUMBERS };
enum { A, B, D, BIAS, AUX, WORKSPACE, POINTERS };

static int describe(product *p, const jint *n, const jlong *at) {
    void *bias = (void *)(intptr_t)at[BIAS], *aux = (void *)(intptr_t)at[AUX];
    int32_t op_a = n[OP_A], op_b = n[OP_B];
    uint32_t epilogue = (uint32_t)n[EPILOGUE];
    int64_t ld_aux = n[LD_AUX];
    int status = cublasLtMatmulDescCreate(&p->desc, n[COMPUTE], R_32F);
#define SET(attribute, value) \
    if (!status) status = cublasLtMatmulDescSetAttribute(p->desc, attribute, &value, sizeof value)
    SET(DESC_TRANSA, op_a);
    SET(DESC_TRANSB, op_b);
    SET(DESC_EPILOGUE, epilogue);
    if (bias) {
        SET(DESC_BIAS_POINTER, bias);
    }
    if (aux) {
        SET(DESC_AUX_POINTER, aux);
        SET(DESC_AUX_LD, ld_aux);
    }
    uint64_t m = (uint64_t)n[M], columns = (uint64_t)n[N], k = (uint64_t)n[K];
    if (!status) {
        status = cublasLtMatrixLayoutCreate(&p->a_layout, n[TYPE], op_a ? k : m, op_a ? m : k, n[LD_A]);
    }
    if (!status) {
        status = cublasLtMatrixLayoutCreate(&p->b_layout, n[TYPE], op_b ? columns : k, op_b ? k : columns, n[LD_B]);
    }
    if (!status) {
        status = cublasLtMatrixLayoutCreate(&p->d_layout, n[TYPE_D], m, columns, n[LD_D]);
    }
    return status;
}

/* The algorithm that the library thinks fastest. */
static int choose(void *handle, product *p, uint64_t workspace) {
    void *preference = NULL;
    heuristic found;
    int count = 0;
    int status = cublasLtMatmulPreferenceCreate(&preference);
    uint32_t aligned[] = {alignment(p->a), alignment(p->b), alignment(p->d), alignment(p->d)};
    if (!status) {
        status = cublasLtMatmulPreferenceSetAttribute(preference, PREF_WORKSPACE, &workspace, sizeof workspace);
    }
    for (int i = 0; i < 4 && !status; i++) {
        status = cublasLtMatmulPreferenceSetAttribute(preference, PREF_ALIGNMENT_A + i, &aligned[i], sizeof aligned[i]);
    }
    memset(&found, 0, sizeof found);
    if (!status) {
        status = cublasLtMatmulAlgoGetHeuristic(handle, p->desc, p->a_layout, p->b_layout, p->d_layout, p->d_layout,
                                                preference, 1, &found, &count);
    }
    if (preference) cublasLtMatmulPreferenceDestroy(preference);
    if (!status) {
        status = count == 0 ? NOT_SUPPORTED : found.state;
    }
    p->algo = found.algo;
    return status;
}

/* D = epilogue(alpha A B), column-major, ready to be run; the negative status if the library cannot. */
JNIEXPORT jlong JNICALL Java_org_quern_backend_cuda_CublasLt_plan(JNIEnv *env, jclass class, jlong handle,
                                                                  jintArray numbers, jlongArray pointers,
                                                                  jfloat alpha) {
    (void)class;
    jint n[NUMBERS];
    jlong at[POINTERS];
    (*env)->GetIntArrayRegion(env, numbers, 0, NUMBERS, n);
    (*env)->GetLongArrayRegion(env, pointers, 0, POINTERS, at);
    if ((*env)->ExceptionCheck(env)) {
        return 0;
    }
    product *p = calloc(1, sizeof *p);
    if (!p) {
        return -ALLOC_FAILED;
    }
    p->a = (const void *)(intptr_t)at[A];
    p->b = (const void *)(intptr_t)at[B];
    p->d = (void *)(intptr_t)at[D];
    p->alpha = alpha;
    int status = describe(p, n, at);
    if (!status) {
        status = choose((void *)(intptr_t)handle, p, (uint64_t)at[WORKSPACE]);
    }
    if (status) {
        drop(p);
        return -status;
    }
    return (jlong)(intptr_t)p;
}

/* Puts a product into a stream; the status. */
JNIEXPORT jint JNICALL Java_org_quern_backend_cuda_CublasLt_run(JNIEnv *env, jclass class, jlong handle, jlong plan,
                                                                jlong workspace, jlong bytes, jlong stream) {
    (void)env, (void)class;
    product *p = (product *)(intptr_t)plan;
    float beta = 0;
    return cublasLtMatmul((void *)(intptr_t)handle, p->desc, &p->alpha, p->a, p->a_layout, p->b, p->b_layout, &beta,
                          p->d, p->d_layout, p->d, p->d_layout, &p->algo, (void *)(intptr_t)workspace, (size_t)bytes,
                          (void *)(intptr_t)stream);
}

JNIEXPORT void JNICALL Java_org_quern_backend_cuda_CublasLt_release(JNIEnv *env, jclass class, jlong plan) {
    (void)env, (void)class;
    drop((product *)(intptr_t)plan);
}
