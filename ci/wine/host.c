/*
 * host.exe QUERN.DLL: carries out the calls that forward.c sends through standard input, in a process of Windows. To the
 * library it is the JVM: the functions of JNI that the library calls are here, on copies of the arrays.
 */
#include <fcntl.h>
#include <io.h>
#include <jni.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "calls.h"

typedef struct {
    int32_t length; /* NO_ARRAY: null */
    int width;
    char *data;
} Array;

static void need(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "host.exe: %s\n", what);
        exit(1);
    }
}

static void get(void *to, size_t size) { need(fread(to, 1, size, stdin) == size, "the JVM has gone"); }

static void put(const void *from, size_t size) { need(fwrite(from, 1, size, stdout) == size, "the JVM has gone"); }

/* ---- JNI ------------------------------------------------------------------------------------------------- */

static jsize JNICALL length(JNIEnv *env, jarray array) {
    (void)env;
    return ((Array *)array)->length;
}

static char *region(void *array, jsize at, jsize count, int width) {
    Array *of = array;
    need(of->width == width && at >= 0 && count >= 0 && at <= of->length - count, "a region outside of its array");
    return of->data + (size_t)at * (size_t)width;
}

#define REGION(name, type)                                                                         \
    static void JNICALL get_##name(JNIEnv *env, type##Array a, jsize at, jsize n, type *to) {      \
        (void)env;                                                                                 \
        memcpy(to, region(a, at, n, sizeof *to), (size_t)n * sizeof *to);                          \
    }                                                                                              \
    static void JNICALL set_##name(JNIEnv *env, type##Array a, jsize at, jsize n, const type *v) { \
        (void)env;                                                                                 \
        memcpy(region(a, at, n, sizeof *v), v, (size_t)n * sizeof *v);                             \
    }
REGION(bytes, jbyte)
REGION(floats, jfloat)
REGION(ints, jint)

static jlong *JNICALL elements(JNIEnv *env, jlongArray array, jboolean *copied) {
    (void)env, (void)copied;
    return (jlong *)((Array *)array)->data;
}

static void JNICALL released(JNIEnv *env, jlongArray array, jlong *all, jint mode) { (void)env, (void)array, (void)all, (void)mode; }

static jstring JNICALL text(JNIEnv *env, const char *utf) {
    (void)env;
    return (jstring)(intptr_t)utf; /* a constant of the library's */
}

static const struct JNINativeInterface_ functions = {
    .GetArrayLength = length,
    .GetByteArrayRegion = get_bytes,
    .SetByteArrayRegion = set_bytes,
    .GetFloatArrayRegion = get_floats,
    .SetFloatArrayRegion = set_floats,
    .GetIntArrayRegion = get_ints,
    .SetIntArrayRegion = set_ints,
    .GetLongArrayElements = elements,
    .ReleaseLongArrayElements = released,
    .NewStringUTF = text,
};
static JNIEnv environment = &functions;

/* ---- calls ----------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name, *arguments;
    char result;
    FARPROC function;
} Call;

#define CALL(class, name, result, arguments) {"Java_org_quern_backend_cpu_" #class "_" #name, arguments, #result[0], NULL},
static Call calls[] = {CALLS(CALL)};

/* With this convention every argument is a word, and one too many harms nobody; floats are, from the fifth on. */
#define WORDS int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, \
              int64_t, int64_t, int64_t, int64_t, int64_t, int64_t
#define GIVEN(w) (int64_t)(intptr_t)&environment, 0, w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11], \
                 w[12], w[13], w[14], w[15]

static int64_t carry_out(const Call *call, const int64_t *w) {
    if (call->result == 'D') {
        double result = ((double (*)(WORDS))(void *)call->function)(GIVEN(w));
        int64_t bits;
        memcpy(&bits, &result, sizeof bits);
        return bits;
    }
    int64_t result = ((int64_t(*)(WORDS))(void *)call->function)(GIVEN(w));
    switch (call->result) {
        case 'I':
            return (int32_t)result;
        case 'Z':
            return (uint8_t)result;
        default:
            return result;
    }
}

static void receive(Array *array, char type) {
    get(&array->length, sizeof array->length);
    array->width = width_of(type);
    if (array->length != NO_ARRAY) {
        size_t bytes = (size_t)array->length * (size_t)array->width;
        array->data = malloc(bytes + 1);
        need(array->data != NULL, "out of memory");
        get(array->data, bytes);
    }
}

static void answer(const Call *call) {
    Array arrays[MOST_ARGUMENTS] = {{0}};
    int64_t words[MOST_ARGUMENTS] = {0};
    for (int i = 0; call->arguments[i]; i++) {
        if (is_array(call->arguments[i])) {
            receive(&arrays[i], call->arguments[i]);
            words[i] = arrays[i].length == NO_ARRAY ? 0 : (int64_t)(intptr_t)&arrays[i];
        } else {
            get(&words[i], sizeof words[i]);
        }
    }
    int64_t result = carry_out(call, words);
    if (call->result == 'S') {
        const char *string = (const char *)(intptr_t)result;
        result = string == NULL ? -1 : (int64_t)strlen(string);
        put(&result, sizeof result);
        put(string, string == NULL ? 0 : (size_t)result);
    } else {
        put(&result, sizeof result);
    }
    for (int i = 0; call->arguments[i]; i++) {
        if (words[i] != 0 && is_array(call->arguments[i])) {
            put(arrays[i].data, (size_t)arrays[i].length * (size_t)arrays[i].width);
            free(arrays[i].data);
        }
    }
    fflush(stdout);
}

int main(int count, char **arguments) {
    need(count == 2, "give the path of quern.dll");
    HMODULE library = LoadLibraryA(arguments[1]);
    need(library != NULL, "the library cannot be loaded");
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        calls[i].function = GetProcAddress(library, calls[i].name);
        need(calls[i].function != NULL, calls[i].name);
    }
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
    for (int32_t which; fread(&which, sizeof which, 1, stdin) == 1;) {
        need(which >= 0 && which < (int32_t)(sizeof calls / sizeof *calls), "no such call");
        answer(&calls[which]);
    }
    return 0;
}
