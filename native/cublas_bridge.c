/*
 * Stands in for libcublas.so.12 where only another major version of cuBLAS is installed: JCuda's binding is linked to
 * that name and to symbols of that version, and this library has both (see build.sh). It forwards the calls that Quern
 * makes to the library that open() is given. Their signatures and constants are the same in cuBLAS 11, 12 and 13.
 */
#include <dlfcn.h>
#include <jni.h>
#include <stddef.h>
#include <stdio.h>

#define API __attribute__((visibility("default")))
#define NOT_INITIALIZED 1

/* name, the parameters, and the same as arguments */
#define CALLS(C)                                                                                                      \
    C(cublasCreate_v2, (void **handle), (handle))                                                                     \
    C(cublasDestroy_v2, (void *handle), (handle))                                                                     \
    C(cublasGetVersion_v2, (void *handle, int *version), (handle, version))                                           \
    C(cublasSetStream_v2, (void *handle, void *stream), (handle, stream))                                             \
    C(cublasSetWorkspace_v2, (void *handle, void *workspace, size_t bytes), (handle, workspace, bytes))               \
    C(cublasSetMathMode, (void *handle, int mode), (handle, mode))                                                    \
    C(cublasGetMathMode, (void *handle, int *mode), (handle, mode))                                                   \
    C(cublasGemmEx,                                                                                                   \
      (void *handle, int opa, int opb, int m, int n, int k, const void *alpha, const void *a, int atype, int lda,     \
       const void *b, int btype, int ldb, const void *beta, void *c, int ctype, int ldc, int compute, int algo),      \
      (handle, opa, opb, m, n, k, alpha, a, atype, lda, b, btype, ldb, beta, c, ctype, ldc, compute, algo))

#define FORWARD(name, parameters, arguments)                      \
    static int(*real_##name) parameters;                          \
    API int name parameters;                                      \
    API int name parameters {                                     \
        return real_##name ? real_##name arguments : NOT_INITIALIZED; \
    }
CALLS(FORWARD)

/* Opens the library at a path; the reason if that fails, else null. */
API JNIEXPORT jstring JNICALL Java_org_quern_backend_cuda_JCudaNatives_openCublas(JNIEnv *env, jclass class, jstring path);

API JNIEXPORT jstring JNICALL Java_org_quern_backend_cuda_JCudaNatives_openCublas(JNIEnv *env, jclass class, jstring path) {
    (void)class;
    const char *file = (*env)->GetStringUTFChars(env, path, NULL);
    if (!file) {
        return NULL; /* an OutOfMemoryError is on its way */
    }
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    (*env)->ReleaseStringUTFChars(env, path, file);
    if (!library) {
        return (*env)->NewStringUTF(env, dlerror());
    }
#define FIND(name, parameters, arguments)                                        \
    *(void **)&real_##name = dlsym(library, #name);                              \
    if (!real_##name) {                                                          \
        return (*env)->NewStringUTF(env, "it has no " #name);                    \
    }
    CALLS(FIND)
    return NULL;
}
