/* What org.quern.backend.cpu.CpuLimits declares: the most that this processor does, to compare the kernels with. */
#define _GNU_SOURCE
#include <jni.h>
#include <stdlib.h>
#include <string.h>

#include "org_quern_backend_cpu_CpuLimits.h"
#include "quern.h"
#include "system.h"

#define NATIVE(type, name) JNIEXPORT type JNICALL Java_org_quern_backend_cpu_CpuLimits_##name

/* Enough independent sums to hide the latency of an FMA (4 cycles, 2 at once), few enough for 16 registers. */
enum { SUMS = 12, LEAST_PART = 1 << 16 };

/*
 * Multiplies and adds in registers alone: SUMS vectors, `n` times. Their values stay near 1, so that no operation is
 * cheaper, or dearer, than those of real numbers.
 */
#define STEP(v) v = v * factor + addend
#define LOOP(name, bytes, attribute)                                                    \
    attribute static float name(int64_t n, const float *start) {                        \
        typedef float Vector __attribute__((vector_size(bytes)));                       \
        Vector lanes, factor = (Vector){0} + 0.5f, addend = factor;                     \
        memcpy(&lanes, start, sizeof lanes);                                            \
        Vector a = lanes, b = a + a, c = b + a, d = c + a, e = d + a, f = e + a;        \
        Vector g = f + a, h = g + a, i = h + a, j = i + a, k = j + a, l = k + a;        \
        for (int64_t done = 0; done < n; done++) {                                      \
            STEP(a), STEP(b), STEP(c), STEP(d), STEP(e), STEP(f);                       \
            STEP(g), STEP(h), STEP(i), STEP(j), STEP(k), STEP(l);                       \
        }                                                                               \
        a = a + b + c + d + e + f + g + h + i + j + k + l;                              \
        return a[0];                                                                    \
    }

LOOP(loop_baseline, 16, )
#if defined(__x86_64__)
LOOP(loop_avx2, 32, __attribute__((target("avx2,fma"))))
LOOP(loop_avx512, 64, __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma"))))
#endif

typedef struct {
    Pool *pool;
    int threads;
    float (*loop)(int64_t, const float *);
    int lanes;
    char *from, *to;
    size_t bytes; /* of each */
    /* the work at hand */
    size_t count;
    int times;
    int64_t n;
    int ran; /* threads that did it */
    volatile float sink;
} Peak;

static Peak *peak(jlong h) { return (Peak *)(intptr_t)h; }

static void choose(Peak *p, int wanted) {
    p->loop = loop_baseline;
    p->lanes = 4;
#if defined(__x86_64__)
    const Kernels *kernels = quern_kernels(wanted);
    if (kernels == &quern_kernels_avx512) {
        p->loop = loop_avx512;
        p->lanes = 16;
    } else if (kernels == &quern_kernels_avx2) {
        p->loop = loop_avx2;
        p->lanes = 8;
    }
#else
    (void)wanted;
#endif
}

static size_t begin(const Peak *p, int thread, int threads) {
    return p->count / (size_t)threads / 64 * 64 * (size_t)thread;
}

static size_t end(const Peak *p, int thread, int threads) {
    return thread == threads - 1 ? p->count : begin(p, thread + 1, threads);
}

static void copy_part(void *argument, int thread, int threads) {
    Peak *p = argument;
    size_t at = begin(p, thread, threads), size = end(p, thread, threads) - at;
    for (int i = 0; i < p->times; i++) {
        memcpy(p->to + at, p->from + at, size);
        __asm__ volatile("" ::: "memory"); /* each of them */
    }
}

/* Memory lies near the thread that writes to it first. */
static void touch_part(void *argument, int thread, int threads) {
    Peak *p = argument;
    size_t at = begin(p, thread, threads), size = end(p, thread, threads) - at;
    memset(p->from + at, 63, size);
    memset(p->to + at, 1, size);
}

static void loop_part(void *argument, int thread, int threads) {
    Peak *p = argument;
    static const float start[16] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f,
                                    0.9f, 1.0f, 1.1f, 1.2f, 1.3f, 1.4f, 1.5f, 1.6f};
    float value = p->loop(p->n, start);
    if (thread == 0) {
        p->sink = value;
        p->ran = threads;
    }
}

NATIVE(jlong, open)(JNIEnv *env, jclass type, jint threads, jlong bytes, jint wanted) {
    (void)env, (void)type;
    Peak *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return 0;
    }
    p->threads = threads == 0 ? system_processors() : threads;
    p->pool = quern_pool_open(p->threads);
    p->bytes = p->count = (size_t)bytes;
    choose(p, wanted);
    p->from = system_memory(4096, p->bytes);
    p->to = system_memory(4096, p->bytes);
    if (p->pool == NULL || p->from == NULL || p->to == NULL) {
        system_free(p->from);
        system_free(p->to);
        if (p->pool != NULL) {
            quern_pool_close(p->pool);
        }
        free(p);
        return 0;
    }
    quern_pool_run(p->pool, touch_part, p);
    return (jlong)(intptr_t)p;
}

NATIVE(void, close)(JNIEnv *env, jclass type, jlong h) {
    (void)env, (void)type;
    Peak *p = peak(h);
    quern_pool_close(p->pool);
    system_free(p->from);
    system_free(p->to);
    free(p);
}

NATIVE(void, copy)(JNIEnv *env, jclass type, jlong h, jlong bytes, jint times) {
    (void)env, (void)type;
    Peak *p = peak(h);
    p->count = (size_t)bytes < p->bytes ? (size_t)bytes : p->bytes;
    p->times = times;
    if (p->count < LEAST_PART * (size_t)p->threads) {
        copy_part(p, 0, 1); /* as the kernels do, small work is left to one thread */
    } else {
        quern_pool_run(p->pool, copy_part, p);
    }
}

NATIVE(jdouble, multiplyAdd)(JNIEnv *env, jclass type, jlong h, jlong n) {
    (void)env, (void)type;
    Peak *p = peak(h);
    p->n = n;
    quern_pool_run(p->pool, loop_part, p);
    return 2.0 * SUMS * p->lanes * (double)n * p->ran;
}
