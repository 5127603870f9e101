/* What org.quern.backend.cpu.Native declares. Arguments were checked in Java. */
#define _GNU_SOURCE
#include <jni.h>
#include <stdlib.h>
#include <string.h>

#include "org_quern_backend_cpu_Native.h"
#include "quern.h"
#include "system.h"

#define NATIVE(type, name) JNIEXPORT type JNICALL Java_org_quern_backend_cpu_Native_##name

/* Steps whose tables are copied at once. */
enum { STEPS = 128 };

/*
 * Values of a Java array that are copied at once. No array is held while something is computed: the JVM stops every thread that
 * allocates until it is given back. A copy is such a stop, too, of some 50 microseconds at most.
 */
enum { PIECE = 1 << 16 };

typedef struct {
    Net net;
    const Kernels *kernels;
    double seconds[2]; /* running means of a step with the pool, and alone */
    unsigned steps;
    void *rows; /* of the caller's, a pass of them: so many bytes */
    size_t room;
} Handle;

static Handle *handle(jlong h) { return (Handle *)(intptr_t)h; }

static Data *data_of(jlong d) { return (Data *)(intptr_t)d; }

NATIVE(jstring, instructionSet)(JNIEnv *env, jclass type, jint wanted) {
    (void)type;
    const Kernels *kernels = quern_kernels(wanted);
    return kernels == NULL ? NULL : (*env)->NewStringUTF(env, kernels->name);
}

NATIVE(jint, threads)(JNIEnv *env, jclass type, jlong h) {
    (void)env, (void)type;
    return handle(h)->net.threads;
}

NATIVE(jint, processors)(JNIEnv *env, jclass type) {
    (void)env, (void)type;
    return system_processors();
}

NATIVE(jint, abi)(JNIEnv *env, jclass type) {
    (void)env, (void)type;
    return (jint)QUERN_ABI;
}

/* GetFloatArrayRegion and its like, piece by piece. */
static void get_floats(JNIEnv *env, jfloatArray from, jsize at, jsize count, float *to) {
    for (jsize done = 0, now; done < count; done += now) {
        now = count - done < PIECE ? count - done : PIECE;
        (*env)->GetFloatArrayRegion(env, from, at + done, now, to + done);
    }
}

static void put_floats(JNIEnv *env, jfloatArray to, jsize at, jsize count, const float *from) {
    for (jsize done = 0, now; done < count; done += now) {
        now = count - done < PIECE ? count - done : PIECE;
        (*env)->SetFloatArrayRegion(env, to, at + done, now, from + done);
    }
}

static void get_bytes(JNIEnv *env, jbyteArray from, jsize at, jsize count, void *to) {
    for (jsize done = 0, now; done < count; done += now) {
        now = count - done < PIECE ? count - done : PIECE;
        (*env)->GetByteArrayRegion(env, from, at + done, now, (jbyte *)to + done);
    }
}

typedef struct {
    JNIEnv *env;
    jbyteArray bytes; /* one of the two */
    jfloatArray floats;
} Rows;

static void get_rows(void *argument, int64_t at, int64_t count, void *to) {
    const Rows *rows = argument;
    if (rows->bytes != NULL) {
        get_bytes(rows->env, rows->bytes, (jsize)at, (jsize)count, to);
    } else {
        get_floats(rows->env, rows->floats, (jsize)at, (jsize)count, to);
    }
}

static void close_handle(Handle *h) {
    quern_net_close(&h->net);
    free(h->rows);
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
    get_floats(env, source, from, count, handle(h)->net.arena + offset);
}

NATIVE(void, read)(JNIEnv *env, jclass type, jlong h, jlong offset, jfloatArray target, jint to, jint count) {
    (void)type;
    put_floats(env, target, to, count, handle(h)->net.arena + offset);
}

NATIVE(jlong, upload)(JNIEnv *env, jclass type, jlong h, jbyteArray bytes, jfloatArray floats, jint rows) {
    (void)type;
    Rows given = {env, bytes, floats};
    int changed = 0;
    Data *data = quern_data_open(&handle(h)->net, &(Source){rows, bytes != NULL, get_rows, &given}, &changed);
    return changed ? org_quern_backend_cpu_Native_CHANGED : (jlong)(intptr_t)data;
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
    get_floats(env, targets, 0, n, data->targets);
    return JNI_TRUE;
}

NATIVE(void, release)(JNIEnv *env, jclass type, jlong d) {
    (void)env, (void)type;
    quern_data_close(data_of(d));
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
    double start = system_seconds();
    h->kernels->train(net, data, pass, loss, hits);
    double took = system_seconds() - start, *mean = &h->seconds[net->alone];
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

/* Computes outputs of up to a pass of rows, and puts them where the `to`th row's begin. */
static void infer_pass(JNIEnv *env, Handle *h, const Data *data, int first, int rows, jfloatArray outputs, int to) {
    const Layer *top = &h->net.layer[h->net.layers - 1];
    unsigned mode = quern_flush_subnormals();
    h->kernels->infer(&h->net, data, first, rows);
    quern_restore_subnormals(mode);
    put_floats(env, outputs, to * top->out, rows * top->out, top->y);
}

static int pass_of(const Handle *h, int rows) { return rows < h->net.capacity ? rows : h->net.capacity; }

NATIVE(void, infer)(JNIEnv *env, jclass type, jlong h, jlong d, jint first, jint rows, jfloatArray outputs) {
    (void)type;
    for (int done = 0, now; done < rows; done += now) {
        now = pass_of(handle(h), rows - done);
        infer_pass(env, handle(h), data_of(d), first + done, now, outputs, done);
    }
}

NATIVE(jboolean, inferHost)(JNIEnv *env, jclass type, jlong net, jbyteArray bytes, jfloatArray floats, jint rows,
                            jfloatArray outputs) {
    (void)type;
    Handle *h = handle(net);
    int input = h->net.input;
    size_t needed = (size_t)pass_of(h, rows) * (size_t)input * (bytes != NULL ? 1 : sizeof(float));
    if (needed > h->room) {
        free(h->rows);
        h->rows = malloc(needed);
        h->room = h->rows == NULL ? 0 : needed;
    }
    if (needed > h->room) {
        return JNI_FALSE;
    }
    Rows given = {env, bytes, floats};
    for (int done = 0, now; done < rows; done += now) {
        now = pass_of(h, rows - done);
        get_rows(&given, (int64_t)done * input, (int64_t)now * input, h->rows);
        Data data = {.rows = now,
                     .features = input,
                     .skip = bytes != NULL && h->net.shift == 0,
                     .bytes = bytes != NULL ? h->rows : NULL,
                     .floats = bytes != NULL ? NULL : h->rows};
        infer_pass(env, h, &data, 0, now, outputs, done);
    }
    return JNI_TRUE;
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
