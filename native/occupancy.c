/*
 * How many clusters a CUDA device runs at a time, for Java: JCuda 12.6 has no binding to the call. Nothing of CUDA is needed
 * to build this; the structures are those of CUDA 11.8 and later. The driver was loaded by others.
 */
#define _GNU_SOURCE
#include <jni.h>
#include <stdint.h>
#include <string.h>

#include "org_quern_backend_cuda_CudaTeams.h"
#include "system.h"

#if defined(_WIN32)
#define DRIVER "nvcuda.dll"
#else
#define DRIVER "libcuda.so.1"
#endif

enum { SUCCESS = 0, CLUSTER_DIMENSION = 4 };

/* CUlaunchAttribute, CUlaunchConfig */
typedef struct {
    int id, pad;
    union {
        char all[64];
        struct {
            unsigned x, y, z;
        } cluster;
    } value;
} attribute;

typedef struct {
    unsigned grid[3], block[3];
    unsigned shared_bytes;
    void *stream;
    attribute *attributes;
    unsigned count;
} config;

/* The number; the driver's error, negated; or the least integer where the driver does not have the call. */
JNIEXPORT jint JNICALL Java_org_quern_backend_cuda_CudaTeams_mostClusters(JNIEnv *env, jclass class, jlong function,
                                                                          jint blocks, jint threads, jint bytes) {
    (void)env, (void)class;
    void *driver = system_opened_library(DRIVER);
    int (*ask)(int *, void *, const config *) = NULL;
    if (driver) {
        *(void **)&ask = system_symbol(driver, "cuOccupancyMaxActiveClusters");
    }
    if (!ask) {
        return INT32_MIN;
    }
    attribute size;
    memset(&size, 0, sizeof size);
    size.id = CLUSTER_DIMENSION;
    size.value.cluster.x = (unsigned)blocks;
    size.value.cluster.y = size.value.cluster.z = 1;
    config launch = {{(unsigned)blocks, 1, 1}, {(unsigned)threads, 1, 1}, (unsigned)bytes, NULL, &size, 1};
    int clusters = 0;
    int result = ask(&clusters, (void *)(intptr_t)function, &launch);
    return result == SUCCESS ? clusters : -result;
}
