/*
 * What OpenCL has for platforms and devices, for Java: LWJGL, which has everything else, takes longer to load than many a
 * training takes. Nothing of OpenCL is needed to build this; the calls are those of OpenCL 1.0.
 */
#define _GNU_SOURCE
#include <jni.h>
#include <stdint.h>

#include "org_quern_backend_opencl_OpenclDevices.h"
#include "system.h"

#if !defined(_WIN32)
#include <signal.h>

/* Those that the JVM lives on (a null that its code finds is a SIGSEGV), and those that tell a process something. */
static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR2, SIGPIPE};
enum { SIGNALS = sizeof signals / sizeof *signals };
static struct sigaction jvms[SIGNALS];
#endif

#define NATIVE(type, name) JNIEXPORT type JNICALL Java_org_quern_backend_opencl_OpenclDevices_##name

/* Notes how signals are handled now. Windows has no such handlers. */
NATIVE(void, keepSignals)(JNIEnv *env, jclass class) {
    (void)env, (void)class;
#if !defined(_WIN32)
    for (int i = 0; i < SIGNALS; i++) {
        sigaction(signals[i], NULL, &jvms[i]);
    }
#endif
}

/* Puts back the handlers that have changed since; how many. */
NATIVE(jint, restoreSignals)(JNIEnv *env, jclass class) {
    (void)env, (void)class;
    jint changed = 0;
#if !defined(_WIN32)
    for (int i = 0; i < SIGNALS; i++) {
        struct sigaction now;
        if (sigaction(signals[i], NULL, &now) == 0 && now.sa_sigaction != jvms[i].sa_sigaction) {
            sigaction(signals[i], &jvms[i], NULL);
            changed++;
        }
    }
#endif
    return changed;
}

static int (*platform_ids)(unsigned most, void *ids, void *count);
static int (*platform_info)(void *platform, unsigned what, size_t size, void *to, void *length);
static int (*device_ids)(void *platform, uint64_t type, unsigned most, void *ids, void *count);
static int (*device_info)(void *device, unsigned what, size_t size, void *to, void *length);

/* Opens the loader; whether it has all of the functions. It stays open, as LWJGL's will. */
NATIVE(jboolean, open)(JNIEnv *env, jclass class, jstring loader, jobjectArray functions) {
    (void)class;
    const char *file = (*env)->GetStringUTFChars(env, loader, NULL);
    if (!file) {
        return JNI_FALSE; /* an OutOfMemoryError is on its way */
    }
    void *library = system_library(file);
    (*env)->ReleaseStringUTFChars(env, loader, file);
    jsize count = (*env)->GetArrayLength(env, functions);
    for (jsize i = 0; library && i < count; i++) {
        jstring function = (*env)->GetObjectArrayElement(env, functions, i);
        const char *name = (*env)->GetStringUTFChars(env, function, NULL);
        if (!name || !system_symbol(library, name)) {
            library = NULL;
        }
        if (name) {
            (*env)->ReleaseStringUTFChars(env, function, name);
        }
        (*env)->DeleteLocalRef(env, function);
    }
    if (!library) {
        return JNI_FALSE;
    }
    *(void **)&platform_ids = system_symbol(library, "clGetPlatformIDs");
    *(void **)&platform_info = system_symbol(library, "clGetPlatformInfo");
    *(void **)&device_ids = system_symbol(library, "clGetDeviceIDs");
    *(void **)&device_info = system_symbol(library, "clGetDeviceInfo");
    return JNI_TRUE;
}

/* The calls in the order of OpenclDevices.Call; the code that OpenCL answers. */
enum { PLATFORMS, PLATFORM, DEVICES, DEVICE };

NATIVE(jint, ask)(JNIEnv *env, jclass class, jint call, jlong handle, jlong what, jint size, jobject to,
                  jobject length) {
    (void)class;
    void *of = (void *)(intptr_t)handle;
    void *at = to ? (*env)->GetDirectBufferAddress(env, to) : NULL;
    void *count = length ? (*env)->GetDirectBufferAddress(env, length) : NULL;
    switch (call) {
        case PLATFORMS:
            return platform_ids((unsigned)size, at, count);
        case PLATFORM:
            return platform_info(of, (unsigned)what, (size_t)size, at, count);
        case DEVICES:
            return device_ids(of, (uint64_t)what, (unsigned)size, at, count);
        default:
            return device_info(of, (unsigned)what, (size_t)size, at, count);
    }
}
