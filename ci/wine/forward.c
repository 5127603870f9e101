/*
 * A libquern.so that computes nothing: it forwards each call to the process that QUERN_HOST starts, host.exe under Wine, where
 * quern.dll carries it out. So all that is tested of the cpu backend can be tested of the library for Windows.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <jni.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"

extern char **environ;

#define NAME(class, name, result, arguments) class##_##name,
#define ARGUMENTS(class, name, result, arguments) arguments,
enum { CALLS(NAME) };
static const char *const arguments_of[] = {CALLS(ARGUMENTS)};

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static FILE *to, *from;

static void need(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "forward.c: %s\n", what);
        _exit(1);
    }
}

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved) {
    (void)vm, (void)reserved;
    char *command = getenv("QUERN_HOST"), *shell[] = {"sh", "-c", command, NULL};
    int calls[2], answers[2];
    need(command != NULL && pipe2(calls, O_CLOEXEC) == 0 && pipe2(answers, O_CLOEXEC) == 0, "QUERN_HOST is not set");
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, calls[0], 0);
    posix_spawn_file_actions_adddup2(&files, answers[1], 1);
    pid_t process;
    need(posix_spawn(&process, "/bin/sh", &files, NULL, shell, environ) == 0, "QUERN_HOST cannot be started");
    close(calls[0]);
    close(answers[1]);
    to = fdopen(calls[1], "w");
    from = fdopen(answers[0], "r");
    return JNI_VERSION_10;
}

static void put(const void *bytes, size_t size) { need(fwrite(bytes, 1, size, to) == size, "the host has gone"); }

static void get(void *bytes, size_t size) { need(fread(bytes, 1, size, from) == size, "the host has gone"); }

typedef struct {
    jarray java;
    size_t bytes;
} Array;

static Array send_array(JNIEnv *env, jarray java, char type) {
    int32_t length = java == NULL ? NO_ARRAY : (*env)->GetArrayLength(env, java);
    Array array = {java, java == NULL ? 0 : (size_t)length * (size_t)width_of(type)};
    put(&length, sizeof length);
    if (java != NULL) {
        void *values = (*env)->GetPrimitiveArrayCritical(env, java, NULL);
        put(values, array.bytes);
        (*env)->ReleasePrimitiveArrayCritical(env, java, values, JNI_ABORT);
    }
    return array;
}

/* The result, of a string its length. */
static int64_t call(JNIEnv *env, int which, char *string, ...) {
    const char *types = arguments_of[which];
    Array arrays[MOST_ARGUMENTS] = {{0}};
    int32_t number = which;
    int64_t result;
    va_list given;
    va_start(given, string);
    pthread_mutex_lock(&one_at_a_time);
    put(&number, sizeof number);
    for (int i = 0; types[i]; i++) {
        int64_t word = 0;
        if (is_array(types[i])) {
            arrays[i] = send_array(env, va_arg(given, jarray), types[i]);
            continue;
        } else if (types[i] == 'F') {
            float narrow = (float)va_arg(given, double);
            memcpy(&word, &narrow, sizeof narrow);
        } else {
            word = types[i] == 'J' ? va_arg(given, int64_t) : va_arg(given, int);
        }
        put(&word, sizeof word);
    }
    va_end(given);
    fflush(to);
    get(&result, sizeof result);
    if (string != NULL && result >= 0) {
        get(string, (size_t)result);
        string[result] = 0;
    }
    for (int i = 0; types[i]; i++) {
        if (arrays[i].java != NULL) {
            void *values = (*env)->GetPrimitiveArrayCritical(env, arrays[i].java, NULL);
            get(values, arrays[i].bytes);
            (*env)->ReleasePrimitiveArrayCritical(env, arrays[i].java, values, 0);
        }
    }
    pthread_mutex_unlock(&one_at_a_time);
    return result;
}

#define NATIVE(type, class, name, ...) \
    JNIEXPORT type JNICALL Java_org_quern_backend_cpu_##class##_##name(JNIEnv *env, jclass type_, ##__VA_ARGS__)
#define CALL(name, ...) call(env, name, NULL, ##__VA_ARGS__)

NATIVE(jint, Native, abi) { return (jint)CALL(Native_abi); }
NATIVE(jint, Native, processors) { return (jint)CALL(Native_processors); }
NATIVE(jstring, Native, instructionSet, jint wanted) {
    char name[64];
    return call(env, Native_instructionSet, name, wanted) < 0 ? NULL : (*env)->NewStringUTF(env, name);
}
NATIVE(jlong, Native, open, jlongArray words, jint wanted) { return CALL(Native_open, words, wanted); }
NATIVE(void, Native, close, jlong net) { CALL(Native_close, net); }
NATIVE(void, Native, write, jlong net, jlong at, jfloatArray a, jint i, jint n) { CALL(Native_write, net, at, a, i, n); }
NATIVE(void, Native, read, jlong net, jlong at, jfloatArray a, jint i, jint n) { CALL(Native_read, net, at, a, i, n); }
NATIVE(jint, Native, threads, jlong net) { return (jint)CALL(Native_threads, net); }
NATIVE(jlong, Native, upload, jlong net, jbyteArray b, jfloatArray f, jint rows) {
    return CALL(Native_upload, net, b, f, rows);
}
NATIVE(jboolean, Native, targets, jlong data, jfloatArray t) { return (jboolean)CALL(Native_targets, data, t); }
NATIVE(void, Native, release, jlong data) { CALL(Native_release, data); }
NATIVE(void, Native, train, jlong net, jlong data, jlong seed, jlong first, jint count, jfloatArray rates, jfloatArray decays,
       jfloatArray losses, jintArray hits) {
    CALL(Native_train, net, data, seed, first, count, rates, decays, losses, hits);
}
NATIVE(void, Native, infer, jlong net, jlong data, jint first, jint rows, jfloatArray out) {
    CALL(Native_infer, net, data, first, rows, out);
}
NATIVE(jboolean, Native, inferHost, jlong net, jbyteArray b, jfloatArray f, jint rows, jfloatArray out) {
    return (jboolean)CALL(Native_inferHost, net, b, f, rows, out);
}
NATIVE(void, Native, run, jlong net, jlong data, jint kind, jint layer, jint times, jboolean training, jlong seed, jlong step,
       jlong epoch, jint first, jint rows, jfloat rate, jfloat decay, jfloatArray log) {
    CALL(Native_run, net, data, kind, layer, times, training, seed, step, epoch, first, rows, rate, decay, log);
}
NATIVE(jlong, CpuLimits, open, jint threads, jlong bytes, jint wanted) { return CALL(CpuLimits_open, threads, bytes, wanted); }
NATIVE(void, CpuLimits, close, jlong peak) { CALL(CpuLimits_close, peak); }
NATIVE(void, CpuLimits, copy, jlong peak, jlong bytes, jint times) { CALL(CpuLimits_copy, peak, bytes, times); }
NATIVE(jdouble, CpuLimits, multiplyAdd, jlong peak, jlong n) {
    int64_t bits = CALL(CpuLimits_multiplyAdd, peak, n);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
