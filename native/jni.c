/* What org.quern.backend.cpu.Native declares. Arguments were checked in Java. */
#define _GNU_SOURCE
#include <jni.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quern.h"

#define NATIVE(type, name) JNIEXPORT type JNICALL Java_org_quern_backend_cpu_Native_##name

/* Steps whose tables are copied at once. */
enum { STEPS = 128 };

typedef struct {
    Net net;
    const Kernels *kernels;
    double seconds[2]; /* running means of a step with the pool, and alone */
    unsigned steps;
} Handle;

static Handle *handle(jlong h) { return (Handle *)(intptr_t)h; }

static Data *data_of(jlong d) { return (Data *)(intptr_t)d; }

NATIVE(jstring, instructionSet)(JNIEnv *env, jclass type, jint wanted) {
    (void)type;
    const Kernels *kernels = quern_kernels(wanted);
    return kernels == NULL ? NULL : (*env)->NewStringUTF(env, kernels->name);
}

NATIVE(jint, processors)(JNIEnv *env, jclass type) {
    (void)env, (void)type;
    return quern_processors();
}

static int64_t *read_longs(JNIEnv *env, jlongArray array) {
    jsize n = (*env)->GetArrayLength(env, array);
    int64_t *longs = malloc((size_t)n * sizeof *longs);
    if (longs != NULL) {
        (*env)->GetLongArrayRegion(env, array, 0, n, (jlong *)longs);
    }
    return longs;
}

static Mask mask_of(const int64_t *longs, float scale) {
    return (Mask){.threshold = (uint32_t)longs[0], .stream = (uint32_t)longs[1], .scale = scale};
}

static float *slice(const Net *net, int64_t offset) { return offset < 0 ? NULL : net->arena + offset; }

/* The layout of `longs` and `floats` is that of CpuExecutor.describe. */
static void fill_in(Net *net, const int64_t *l, const jfloat *f) {
    net->batch = (int)l[1];
    net->capacity = (int)l[2];
    net->layers = (int)l[3];
    net->loss = (int)l[4];
    net->optimizer = (int)l[5];
    net->input = (int)l[6];
    net->outputs = (int)l[7];
    net->target_width = (int)l[8];
    net->parameters = l[9];
    net->m = slice(net, l[10]);
    net->v = slice(net, l[11]);
    net->x = slice(net, l[12]);
    net->targets = slice(net, l[13]);
    net->losses = slice(net, l[14]);
    net->hits = slice(net, l[15]);
    net->input_mask = mask_of(l + 16, f[6]);
    net->threads = (int)l[18];
    net->scale = f[0];
    net->shift = f[1];
    net->one_minus_beta1 = f[2];
    net->one_minus_beta2 = f[3];
    net->epsilon = f[4];
    net->momentum = f[5];
    const float *below = net->x;
    for (int i = 0; i < net->layers; i++) {
        const int64_t *at = l + 19 + 12 * i;
        net->layer[i] = (Layer){.in = (int)at[0],
                                .out = (int)at[1],
                                .activation = (int)at[2],
                                .mask = mask_of(at + 3, f[7 + i]),
                                .x = below,
                                .w = slice(net, at[5]),
                                .b = slice(net, at[6]),
                                .dw = slice(net, at[7]),
                                .db = slice(net, at[8]),
                                .z = slice(net, at[9]),
                                .y = slice(net, at[10]),
                                .dy = slice(net, at[11])};
        below = net->layer[i].y;
    }
}

NATIVE(jlong, open)(JNIEnv *env, jclass type, jlongArray longs, jfloatArray floats, jint wanted) {
    (void)type;
    Handle *h = calloc(1, sizeof *h);
    int64_t *l = read_longs(env, longs);
    jfloat *f = (*env)->GetFloatArrayElements(env, floats, NULL);
    int opened = 0;
    if (h != NULL && l != NULL && f != NULL) {
        Net *net = &h->net;
        h->kernels = quern_kernels(wanted);
        net->arena_size = l[0];
        net->layer = calloc((size_t)l[3], sizeof *net->layer);
        net->arena = quern_memory((size_t)l[0], sizeof(float));
        if (net->arena != NULL && net->layer != NULL) {
            fill_in(net, l, f);
            opened = quern_net_open(net);
        }
    }
    if (f != NULL) {
        (*env)->ReleaseFloatArrayElements(env, floats, f, JNI_ABORT);
    }
    free(l);
    if (!opened && h != NULL) {
        quern_net_close(&h->net); /* the net begins the handle, so this frees both */
        h = NULL;
    }
    return (jlong)(intptr_t)h;
}

NATIVE(void, close)(JNIEnv *env, jclass type, jlong h) {
    (void)env, (void)type;
    quern_net_close(&handle(h)->net);
}

NATIVE(void, write)(JNIEnv *env, jclass type, jlong h, jlong offset, jfloatArray source, jint from, jint count) {
    (void)type;
    (*env)->GetFloatArrayRegion(env, source, from, count, handle(h)->net.arena + offset);
}

NATIVE(void, read)(JNIEnv *env, jclass type, jlong h, jlong offset, jfloatArray target, jint to, jint count) {
    (void)type;
    (*env)->SetFloatArrayRegion(env, target, to, count, handle(h)->net.arena + offset);
}

NATIVE(jlong, upload)(JNIEnv *env, jclass type, jlong h, jbyteArray bytes, jfloatArray floats, jint rows) {
    (void)type;
    jarray array = bytes != NULL ? (jarray)bytes : (jarray)floats;
    void *p = (*env)->GetPrimitiveArrayCritical(env, array, NULL);
    if (p == NULL) {
        return 0;
    }
    Data *data = quern_data_open(&handle(h)->net, bytes != NULL ? p : NULL, bytes != NULL ? NULL : p, rows);
    (*env)->ReleasePrimitiveArrayCritical(env, array, p, JNI_ABORT);
    return (jlong)(intptr_t)data;
}

/* Targets as floats: regression targets, or labels. */
NATIVE(jboolean, targets)(JNIEnv *env, jclass type, jlong d, jfloatArray targets) {
    (void)type;
    Data *data = data_of(d);
    jsize n = (*env)->GetArrayLength(env, targets);
    data->targets = malloc((size_t)n * sizeof(float));
    if (data->targets == NULL) {
        return JNI_FALSE;
    }
    (*env)->GetFloatArrayRegion(env, targets, 0, n, data->targets);
    return JNI_TRUE;
}

NATIVE(void, release)(JNIEnv *env, jclass type, jlong d) {
    (void)env, (void)type;
    quern_data_close(data_of(d));
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/*
 * One step, with the pool or alone, whichever is faster at the moment: where other processes keep the cores busy, waiting
 * for a worker that does not get one costs more than it brings. One step in 64 tries the other way. The results are
 * the same bits either way.
 */
static void one_step(Handle *h, const Data *data, Pass *pass, float *loss, int *hits) {
    Net *net = &h->net;
    if (net->pool == NULL) {
        h->kernels->train(net, data, pass, loss, hits);
        return;
    }
    int alone = h->steps > 1 && h->seconds[1] < h->seconds[0];
    net->alone = h->steps % 64 == 1 ? !alone : alone;
    double start = now();
    h->kernels->train(net, data, pass, loss, hits);
    double took = now() - start, *mean = &h->seconds[net->alone];
    if (pass->rows == net->batch) {
        *mean = *mean == 0 ? took : 0.75 * *mean + 0.25 * took;
        h->steps++;
    }
    net->alone = 0;
}

static void place(Pass *pass, const Net *net, int rows, int64_t step) {
    int64_t steps = (rows - 1) / net->batch + 1;
    int64_t first = step % steps * net->batch;
    pass->step = (uint64_t)step;
    pass->epoch = (uint64_t)(step / steps);
    pass->first = (int)first;
    pass->rows = rows - first < net->batch ? (int)(rows - first) : net->batch;
}

NATIVE(void, train)(JNIEnv *env, jclass type, jlong h, jlong d, jlong seed, jlong first, jint count,
                    jfloatArray rates, jfloatArray decays, jfloatArray losses, jintArray hits) {
    (void)type;
    Net *net = &handle(h)->net;
    const Data *data = data_of(d);
    Pass pass = {.training = 1, .seed = (uint64_t)seed};
    float rate[STEPS], decay[STEPS], loss[STEPS];
    jint hit[STEPS];
    for (int done = 0; done < count; done += STEPS) {
        int n = count - done < STEPS ? count - done : STEPS;
        (*env)->GetFloatArrayRegion(env, rates, done, n, rate);
        (*env)->GetFloatArrayRegion(env, decays, done, n, decay);
        unsigned mode = quern_flush_subnormals();
        for (int i = 0; i < n; i++) {
            place(&pass, net, data->rows, first + done + i);
            pass.rate = rate[i];
            pass.decay = decay[i];
            int right;
            one_step(handle(h), data, &pass, &loss[i], &right);
            hit[i] = right;
        }
        quern_restore_subnormals(mode);
        (*env)->SetFloatArrayRegion(env, losses, done, n, loss);
        (*env)->SetIntArrayRegion(env, hits, done, n, hit);
    }
}

static void infer_rows(Handle *h, const Data *data, int first, int rows, float *outputs) {
    unsigned mode = quern_flush_subnormals();
    h->kernels->infer(&h->net, data, first, rows, outputs);
    quern_restore_subnormals(mode);
}

NATIVE(void, infer)(JNIEnv *env, jclass type, jlong h, jlong d, jint first, jint rows, jfloatArray outputs) {
    (void)type;
    float *out = (*env)->GetPrimitiveArrayCritical(env, outputs, NULL);
    if (out != NULL) {
        infer_rows(handle(h), data_of(d), first, rows, out);
        (*env)->ReleasePrimitiveArrayCritical(env, outputs, out, 0);
    }
}

NATIVE(void, inferHost)(JNIEnv *env, jclass type, jlong h, jbyteArray bytes, jfloatArray floats, jint rows,
                        jfloatArray outputs) {
    (void)type;
    Net *net = &handle(h)->net;
    jarray array = bytes != NULL ? (jarray)bytes : (jarray)floats;
    void *in = (*env)->GetPrimitiveArrayCritical(env, array, NULL);
    float *out = (*env)->GetPrimitiveArrayCritical(env, outputs, NULL);
    if (in != NULL && out != NULL) {
        Data data = {.rows = rows,
                     .features = net->input,
                     .skip = bytes != NULL && net->shift == 0,
                     .bytes = bytes != NULL ? in : NULL,
                     .floats = bytes != NULL ? NULL : in};
        infer_rows(handle(h), &data, 0, rows, out);
    }
    if (out != NULL) {
        (*env)->ReleasePrimitiveArrayCritical(env, outputs, out, 0);
    }
    if (in != NULL) {
        (*env)->ReleasePrimitiveArrayCritical(env, array, in, JNI_ABORT);
    }
}

enum { METRICS = 7 };

static void one_op(Handle *h, const Data *data, int kind, int layer, const Pass *pass, jfloat log[2]) {
    Net *net = &h->net;
    const Kernels *k = h->kernels;
    const float *kept = NULL;
    int masked = kind == 1 ? layer : kind == 4 ? layer - 1 : -1;
    if (masked >= 0 && pass->training && net->layer[masked].mask.threshold) {
        k->keep(net, masked, pass);
        kept = net->keep_of[masked];
    }
    switch (kind) {
        case 0:
            k->gather(net, data, pass);
            break;
        case 1:
            k->forward(net, layer, pass, kept);
            break;
        case 2:
            k->cross_entropy(net, pass);
            break;
        case 3:
            k->squared_error(net, pass);
            break;
        case 4:
            k->backward_input(net, layer, pass, kept);
            break;
        case 5:
            k->backward_weights(net, layer, pass);
            break;
        case 6:
            k->update(net, pass);
            break;
        case METRICS: {
            int hits;
            k->metrics(net, pass, &log[0], &hits);
            log[1] = (jfloat)hits;
        }
    }
}

/* One op, by the number of its kind and its layer, w[6] times: see CpuExecutor.run. */
NATIVE(void, run)(JNIEnv *env, jclass type, jlong h, jlong d, jint kind, jint layer, jlongArray where,
                  jfloatArray rates, jfloatArray log) {
    (void)type;
    jlong w[7];
    jfloat r[2];
    (*env)->GetLongArrayRegion(env, where, 0, 7, w);
    (*env)->GetFloatArrayRegion(env, rates, 0, 2, r);
    Pass pass = {.training = w[0] != 0,
                 .seed = (uint64_t)w[1],
                 .step = (uint64_t)w[2],
                 .epoch = (uint64_t)w[3],
                 .first = (int)w[4],
                 .rows = (int)w[5],
                 .rate = r[0],
                 .decay = r[1]};
    jfloat both[2] = {0};
    unsigned mode = quern_flush_subnormals();
    for (jlong i = 0; i < w[6]; i++) {
        one_op(handle(h), data_of(d), kind, layer, &pass, both);
    }
    quern_restore_subnormals(mode);
    if (kind == METRICS) {
        (*env)->SetFloatArrayRegion(env, log, 0, 2, both);
    }
}

NATIVE(void, gemm)(JNIEnv *env, jclass type, jint wanted, jint m, jint n, jint k, jfloatArray a, jboolean transposedA,
                   jfloatArray b, jboolean transposedB, jfloatArray c) {
    (void)type;
    float *pack = malloc((384 * ((size_t)n + 48) + 248 * 384 + 64) * sizeof *pack);
    float *pa = (*env)->GetFloatArrayElements(env, a, NULL), *pb = (*env)->GetFloatArrayElements(env, b, NULL),
          *pc = (*env)->GetFloatArrayElements(env, c, NULL);
    if (pack != NULL && pa != NULL && pb != NULL && pc != NULL) {
        quern_kernels(wanted)->gemm(m, n, k, pa, transposedA ? 1 : k, transposedA ? m : 1, pb, transposedB ? 1 : n,
                                    transposedB ? k : 1, pc, n, pack);
    }
    (*env)->ReleaseFloatArrayElements(env, c, pc, 0);
    (*env)->ReleaseFloatArrayElements(env, b, pb, JNI_ABORT);
    (*env)->ReleaseFloatArrayElements(env, a, pa, JNI_ABORT);
    free(pack);
}
