/*
 * What the C sources take from the operating system: POSIX's calls, and on Windows as many of them by its own. There a
 * mutex and a condition need no closing.
 */
#ifndef QUERN_SYSTEM_H
#define QUERN_SYSTEM_H

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <malloc.h>
#include <process.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef HANDLE pthread_t;
typedef SRWLOCK pthread_mutex_t;
typedef CONDITION_VARIABLE pthread_cond_t;

typedef struct {
    void *(*work)(void *);
    void *argument;
} Start;

static inline unsigned __stdcall begin_thread(void *argument) {
    Start start = *(Start *)argument;
    free(argument);
    start.work(start.argument);
    return 0;
}

static inline int pthread_create(pthread_t *thread, const void *attributes, void *(*work)(void *), void *argument) {
    (void)attributes;
    Start *start = malloc(sizeof *start);
    if (start == NULL) {
        return -1;
    }
    *start = (Start){work, argument};
    *thread = (HANDLE)_beginthreadex(NULL, 0, begin_thread, start, 0, NULL);
    if (*thread == NULL) {
        free(start);
        return -1;
    }
    return 0;
}

static inline void pthread_join(pthread_t thread, void *result) {
    (void)result;
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

#define pthread_mutex_init(mutex, attributes) InitializeSRWLock(mutex)
#define pthread_mutex_lock AcquireSRWLockExclusive
#define pthread_mutex_unlock ReleaseSRWLockExclusive
#define pthread_mutex_destroy(mutex) ((void)(mutex))
#define pthread_cond_init(condition, attributes) InitializeConditionVariable(condition)
#define pthread_cond_wait(condition, mutex) SleepConditionVariableSRW(condition, mutex, INFINITE, 0)
#define pthread_cond_broadcast WakeAllConditionVariable
#define pthread_cond_destroy(condition) ((void)(condition))
#define sched_yield SwitchToThread

static inline double system_seconds(void) {
    LARGE_INTEGER now, rate;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&rate);
    return (double)now.QuadPart / (double)rate.QuadPart;
}

/* Of the processors of this process's group, of which there may be 64, those that it may use. */
static inline int system_processors(void) {
    DWORD_PTR ours, all;
    return GetProcessAffinityMask(GetCurrentProcess(), &ours, &all) && ours ? __builtin_popcountll(ours) : 1;
}

/* Memory aligned to a power of two, which system_free gives back; NULL if it is short. */
static inline void *system_memory(size_t unit, size_t bytes) { return _aligned_malloc(bytes, unit); }

static inline void system_free(void *p) { _aligned_free(p); }

static inline void system_use_large_pages(void *p, size_t bytes) { (void)p, (void)bytes; /* these are for administrators */ }

/* Opens a library, with what lies beside it, by its path in UTF-8, or by its name; NULL if that fails. It stays open. */
static inline void *system_library(const char *file) {
    WCHAR wide[4096];
    if (MultiByteToWideChar(CP_UTF8, 0, file, -1, wide, sizeof wide / sizeof *wide) == 0) {
        return NULL;
    }
    return LoadLibraryExW(wide, NULL, strpbrk(file, "/\\") ? LOAD_WITH_ALTERED_SEARCH_PATH : 0);
}

/* Why that failed, in Windows' language. */
static inline const char *system_library_problem(void) {
    static char text[512];
    WCHAR wide[256] = L"no reason given";
    DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK;
    FormatMessageW(flags, NULL, GetLastError(), 0, wide, sizeof wide / sizeof *wide, NULL);
    WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, sizeof text - 1, NULL, NULL);
    return text;
}

/* A library that others have opened, and hold. */
static inline void *system_opened_library(const char *name) { return GetModuleHandleA(name); }

static inline void *system_symbol(void *library, const char *name) { return (void *)GetProcAddress(library, name); }

#else

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static inline double system_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Those that this process may use. */
static inline int system_processors(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return CPU_COUNT(&set);
    }
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}

/* Memory aligned to a power of two, which system_free gives back; NULL if it is short. */
static inline void *system_memory(size_t unit, size_t bytes) {
    void *p;
    return posix_memalign(&p, unit, bytes) == 0 ? p : NULL;
}

static inline void system_free(void *p) { free(p); }

static inline void system_use_large_pages(void *p, size_t bytes) {
#if defined(MADV_HUGEPAGE)
    madvise(p, bytes, MADV_HUGEPAGE);
#else
    (void)p, (void)bytes;
#endif
}

/* Opens a library by its path in UTF-8, or by its name; NULL if that fails. It stays open. */
static inline void *system_library(const char *file) { return dlopen(file, RTLD_NOW | RTLD_LOCAL); }

/* Why that failed. */
static inline const char *system_library_problem(void) { return dlerror(); }

/* A library that others have opened, and hold. */
static inline void *system_opened_library(const char *name) {
    void *library = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
    if (library) {
        dlclose(library);
    }
    return library;
}

static inline void *system_symbol(void *library, const char *name) { return dlsym(library, name); }
#endif
#endif
