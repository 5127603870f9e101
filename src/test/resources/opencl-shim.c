/*
 * Stands between Quern and the system's OpenCL, and answers or does wrong what QUERN_SHIM says, as some drivers do. All
 * devices pose as GPUs, but for "cpu". What is not defined here is the loader's own: the library is linked with it.
 * Built without it ("half"), most functions are missing.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef void *Handle;

enum {
    OUT_OF_HOST_MEMORY = -6,
    BUILD_FAILED = -11,
    INVALID_VALUE = -30,
    PLATFORM_NAME = 0x0902,
    DEVICE_TYPE = 0x1000,
    DEVICE_MAX_WORK_GROUP_SIZE = 0x1004,
    DEVICE_ADDRESS_BITS = 0x100D,
    DEVICE_LOCAL_MEM_SIZE = 0x1023,
    DEVICE_ENDIAN_LITTLE = 0x1026,
    DEVICE_AVAILABLE = 0x1027,
    DEVICE_COMPILER_AVAILABLE = 0x1028,
    DEVICE_NAME = 0x102B,
    DEVICE_VERSION = 0x102F,
    DEVICE_OPENCL_C_VERSION = 0x103D,
    PROGRAM_BUILD_LOG = 0x1183,
    KERNEL_FUNCTION_NAME = 0x1190,
    TYPE_CPU = 2,
    TYPE_GPU = 4,
    FUSED_LIMIT = 6, /* the argument of fused_train_block that says how many steps a launch does */
    ENDS_WITH_LOSS = 14 /* that of dense_backward_weights_* that says where the losses are; -1 where no step ends */
};

/* Handles of what does not exist: addresses that nobody else has. */
static int broken, clover;
static Handle only_device;

static int is(const char *what) {
    const char *shim = getenv("QUERN_SHIM");
    return shim != NULL && strcmp(shim, what) == 0;
}

static void *real(const char *name) {
    return dlsym(dlopen("libOpenCL.so.1", RTLD_NOW), name);
}

static int answer(const void *from, size_t length, size_t size, void *to, size_t *needed) {
    if (needed != NULL) {
        *needed = length;
    }
    if (to != NULL) {
        if (size < length) {
            return INVALID_VALUE;
        }
        memcpy(to, from, length);
    }
    return 0;
}

static int text(const char *from, size_t size, void *to, size_t *needed) {
    return answer(from, strlen(from) + 1, size, to, needed);
}

static int number(uint64_t value, size_t length, size_t size, void *to, size_t *needed) {
    return answer(&value, length, size, to, needed);
}

int clGetPlatformIDs(unsigned most, Handle *platforms, unsigned *count) {
    int (*ask)(unsigned, Handle *, unsigned *) = real("clGetPlatformIDs");
    if (is("platforms")) {
        return OUT_OF_HOST_MEMORY;
    }
    if (!is("broken") && !is("beside")) {
        return ask(most, platforms, count);
    }
    unsigned others = 0;
    if (is("beside")) {
        ask(most > 1 ? most - 1 : 0, most > 1 ? platforms + 1 : NULL, &others);
    }
    if (most > 0) {
        platforms[0] = &broken;
    }
    if (count != NULL) {
        *count = 1 + others;
    }
    return 0;
}

int clGetPlatformInfo(Handle platform, unsigned what, size_t size, void *to, size_t *needed) {
    if (platform == &broken) {
        return what == PLATFORM_NAME ? text("Broken", size, to, needed) : INVALID_VALUE;
    }
    int (*ask)(Handle, unsigned, size_t, void *, size_t *) = real("clGetPlatformInfo");
    return ask(platform, what, size, to, needed);
}

int clGetDeviceIDs(Handle platform, uint64_t type, unsigned most, Handle *devices, unsigned *count) {
    if (platform == &broken) {
        return OUT_OF_HOST_MEMORY;
    }
    int (*ask)(Handle, uint64_t, unsigned, Handle *, unsigned *) = real("clGetDeviceIDs");
    int code = ask(platform, type, most, devices, count);
    if (is("two") && code == 0 && most > 1) {
        only_device = devices[0];
        devices[1] = &clover;
        *count = 2;
    }
    return code;
}

int clGetDeviceInfo(Handle device, unsigned what, size_t size, void *to, size_t *needed) {
    int (*ask)(Handle, unsigned, size_t, void *, size_t *) = real("clGetDeviceInfo");
    int is_clover = device == &clover || is("version");
    device = device == &clover ? only_device : device;
    switch (what) {
    case DEVICE_TYPE:
        return number(is("cpu") || is("steps") ? TYPE_CPU : TYPE_GPU, 8, size, to, needed);
    case DEVICE_NAME:
        return is_clover ? text("Clover", size, to, needed) : ask(device, what, size, to, needed);
    case DEVICE_VERSION:
        if (is("dumb")) {
            return INVALID_VALUE;
        }
        return is_clover ? text("OpenCL 1.1 Mesa 22.3.6", size, to, needed) : ask(device, what, size, to, needed);
    case DEVICE_OPENCL_C_VERSION:
        return is("language") ? text("OpenCL C 1.1 ", size, to, needed) : ask(device, what, size, to, needed);
    case DEVICE_AVAILABLE:
        return number(!is("unavailable"), 4, size, to, needed);
    case DEVICE_COMPILER_AVAILABLE:
        return number(!is("compiler"), 4, size, to, needed);
    case DEVICE_ENDIAN_LITTLE:
        return number(!is("endian"), 4, size, to, needed);
    case DEVICE_ADDRESS_BITS:
        return number(is("bits") ? 32 : 64, 4, size, to, needed);
    case DEVICE_MAX_WORK_GROUP_SIZE:
        return number(is("group") ? 128 : 256, 8, size, to, needed);
    case DEVICE_LOCAL_MEM_SIZE:
        return number(is("local") ? 16384 : 32768, 8, size, to, needed);
    default:
        return ask(device, what, size, to, needed);
    }
}

Handle clCreateContext(const intptr_t *properties, unsigned count, const Handle *devices, void *notify, void *data,
                       int *code) {
    Handle (*ask)(const intptr_t *, unsigned, const Handle *, void *, void *, int *) = real("clCreateContext");
    if (is("context")) {
        *code = OUT_OF_HOST_MEMORY;
        return NULL;
    }
    return ask(properties, count, devices, notify, data, code);
}

Handle clCreateCommandQueue(Handle context, Handle device, uint64_t properties, int *code) {
    Handle (*ask)(Handle, Handle, uint64_t, int *) = real("clCreateCommandQueue");
    if (is("queue")) {
        *code = OUT_OF_HOST_MEMORY;
        return NULL;
    }
    return ask(context, device, properties, code);
}

int clBuildProgram(Handle program, unsigned count, const Handle *devices, const char *options, void *notify,
                   void *data) {
    int (*ask)(Handle, unsigned, const Handle *, const char *, void *, void *) = real("clBuildProgram");
    return is("build") ? BUILD_FAILED : ask(program, count, devices, options, notify, data);
}

int clGetProgramBuildInfo(Handle program, Handle device, unsigned what, size_t size, void *to, size_t *needed) {
    int (*ask)(Handle, Handle, unsigned, size_t, void *, size_t *) = real("clGetProgramBuildInfo");
    return is("build") && what == PROGRAM_BUILD_LOG ? text("quern.cl:3:1: error: out of registers", size, to, needed)
                                                    : ask(program, device, what, size, to, needed);
}

static int is_kernel(Handle kernel, const char *name) {
    char got[64] = "";
    int (*ask)(Handle, unsigned, size_t, void *, size_t *) = real("clGetKernelInfo");
    return ask(kernel, KERNEL_FUNCTION_NAME, sizeof got, got, NULL) == 0 && strcmp(got, name) == 0;
}

/* The kernel that takes all gradients and ends a step, in which every second such launch is left out, and nobody is told. */
static Handle ending;

int clEnqueueNDRangeKernel(Handle queue, Handle kernel, unsigned dimensions, const size_t *offset, const size_t *global,
                           const size_t *local, unsigned waits, const Handle *wait, Handle *event) {
    static unsigned steps;
    int (*ask)(Handle, Handle, unsigned, const size_t *, const size_t *, const size_t *, unsigned, const Handle *,
               Handle *) = real("clEnqueueNDRangeKernel");
    if (is("steps") && (kernel == ending || is_kernel(kernel, "metrics_forward")) && steps++ % 2 == 1) {
        return 0;
    }
    return ask(queue, kernel, dimensions, offset, global, local, waits, wait, event);
}

/* Fused steps: a launch does none. */
int clSetKernelArg(Handle kernel, unsigned index, size_t size, const void *value) {
    int (*ask)(Handle, unsigned, size_t, const void *) = real("clSetKernelArg");
    if (is("steps") && index == ENDS_WITH_LOSS) {
        char got[64] = "";
        int (*name)(Handle, unsigned, size_t, void *, size_t *) = real("clGetKernelInfo");
        name(kernel, KERNEL_FUNCTION_NAME, sizeof got, got, NULL);
        if (strncmp(got, "dense_backward_weights", 22) == 0) {
            ending = *(const int *)value != -1 ? kernel : kernel == ending ? NULL : ending;
        }
    }
    if (is("steps") && index == FUSED_LIMIT && is_kernel(kernel, "fused_train_block")) {
        return ask(kernel, index, size, &(int){0});
    }
    return ask(kernel, index, size, value);
}

#ifdef HALF
/* LWJGL wants it of every loader. */
void *clGetExtensionFunctionAddress(const char *name) {
    (void)name;
    return NULL;
}
#endif
