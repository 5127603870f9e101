/* What org.quern.backend.cpu.Native declares. Arguments were checked in Java. */
#define _GNU_SOURCE
#include <jni.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "org_quern_backend_cpu_Native.h"
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

NATIVE(jint, abi)(JNIEnv *env, jclass type) {
    (void)env, (void)type;
    return (jint)QUERN_ABI;
}

static void close_handle(Handle *h) {
    quern_net_close(&h->net);
    free(h);
}

NATIVE(jlong, open)(JNIEnv *env, jclass type, jlongArray description, jint wanted) {
    (void)type;
    Handle *h = calloc(1, sizeof *h);
    jlong *words = (*env)->GetLongArrayElements(env, description, NULL);
    int opened = QUERN_NO_MEMORY;
    if (h != NULL && words != NULL) {
        h->kernels = quern_kernels(wanted);
        opened = quern_net_describe(&h->net, (const int64_t *)words);
        if (opened == QUERN_OPEN) {
            opened = quern_net_open(&h->net, h->kernels);
        }
    }
    if (words != NULL) {
        (*env)->ReleaseLongArrayElements(env, description, words, JNI_ABORT);
    }
    if (opened != QUERN_OPEN && h != NULL) {
        close_handle(h);
        h = NULL;
    }
    return opened == QUERN_UNKNOWN ? org_quern_backend_cpu_Native_UNKNOWN : (jlong)(intptr_t)h;
}

NATIVE(void, close)(JNIEnv *env, jclass type, jlong h) {
    (void)env, (void)type;
    close_handle(handle(h));
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

static void one_op(Handle *h, const Data *data, int kind, int layer, const Pass *pass, jfloat log[2]) {
    Net *net = &h->net;
    const Kernels *k = h->kernels;
    const float *kept = NULL;
    int masked = kind == OP_FORWARD ? layer : kind == OP_BACKWARD_INPUT ? layer - 1 : -1;
    if (masked >= 0 && pass->training && net->layer[masked].mask.threshold) {
        k->keep(net, masked, pass);
        kept = net->keep_of[masked];
    }
    switch (kind) {
        case OP_GATHER:
            k->gather(net, data, pass);
            break;
        case OP_FORWARD:
            k->forward(net, layer, pass, kept);
            break;
        case OP_LOSS:
            k->loss(net, pass);
            break;
        case OP_BACKWARD_INPUT:
            k->backward_input(net, layer, pass, kept);
            break;
        case OP_BACKWARD_WEIGHTS:
            k->backward_weights(net, layer, pass);
            break;
        case OP_UPDATE:
            k->update(net, pass);
            break;
        case OP_METRICS: {
            int hits;
            k->metrics(net, pass, &log[0], &hits);
            log[1] = (jfloat)hits;
        }
    }
}

/* One op, by its kind and its layer, `times` times. */
NATIVE(void, run)(JNIEnv *env, jclass type, jlong h, jlong d, jint kind, jint layer, jint times, jboolean training,
                  jlong seed, jlong step, jlong epoch, jint first, jint rows, jfloat rate, jfloat decay,
                  jfloatArray log) {
    (void)type;
    Pass pass = {.training = training,
                 .seed = (uint64_t)seed,
                 .step = (uint64_t)step,
                 .epoch = (uint64_t)epoch,
                 .first = first,
                 .rows = rows,
                 .rate = rate,
                 .decay = decay};
    jfloat both[2] = {0};
    unsigned mode = quern_flush_subnormals();
    for (jint i = 0; i < times; i++) {
        one_op(handle(h), data_of(d), kind, layer, &pass, both);
    }
    quern_restore_subnormals(mode);
    if (kind == OP_METRICS) {
        (*env)->SetFloatArrayRegion(env, log, 0, 2, both);
    }
}
