/* The driver's functions about devices, contexts and memory. Each takes the one lock and says what CUDA would. */
#include "driver.h"

#include <cstring>

namespace cudasim {

std::recursive_mutex lock;
static bool initialised;
static int retained;
static char contexts[64]; /* an address for the primary context of each device */
static thread_local unsigned current = 0;

unsigned current_device() { return current; }

bool is_initialised() { return initialised; }

int driver_version() { return std::stoi(setting("QUERN_CUDASIM_DRIVER_VERSION", "12060")); }

static int devices() { return std::stoi(setting("QUERN_CUDASIM_DEVICES", "1")); }

bool has_context() { return retained > 0; }

static bool pinned(const void *host, size_t bytes) { return within(host, bytes); }

/*
 * At the end of the process, memory that is still there has leaked, unless the process failed before. (A primary
 * context may be kept to the end.)
 */
static struct AtExit {
    ~AtExit() {
        if (retained > 0 && sticky() == SUCCESS && setting("QUERN_CUDASIM_LEAKS", "1") == "1") {
            leaks();
        }
    }
} at_exit;

}  // namespace cudasim

using namespace cudasim;

API(cuInit)(unsigned) {
    ENTER(cuInit)
    if (devices() == 0) return NO_DEVICE;
    initialised = true;
    return SUCCESS;
}

API(cuDriverGetVersion)(int *version) {
    *version = driver_version();
    return SUCCESS;
}

API(cuGetErrorName)(int code, const char **name) {
    static const std::map<int, const char *> names = {
        {0, "CUDA_SUCCESS"},
        {1, "CUDA_ERROR_INVALID_VALUE"},
        {2, "CUDA_ERROR_OUT_OF_MEMORY"},
        {3, "CUDA_ERROR_NOT_INITIALIZED"},
        {100, "CUDA_ERROR_NO_DEVICE"},
        {101, "CUDA_ERROR_INVALID_DEVICE"},
        {200, "CUDA_ERROR_INVALID_IMAGE"},
        {201, "CUDA_ERROR_INVALID_CONTEXT"},
        {209, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
        {214, "CUDA_ERROR_ECC_UNCORRECTABLE"},
        {218, "CUDA_ERROR_INVALID_PTX"},
        {220, "CUDA_ERROR_NVLINK_UNCORRECTABLE"},
        {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"},
        {400, "CUDA_ERROR_INVALID_HANDLE"},
        {500, "CUDA_ERROR_NOT_FOUND"},
        {600, "CUDA_ERROR_NOT_READY"},
        {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
        {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"},
        {702, "CUDA_ERROR_LAUNCH_TIMEOUT"},
        {709, "CUDA_ERROR_CONTEXT_IS_DESTROYED"},
        {710, "CUDA_ERROR_ASSERT"},
        {714, "CUDA_ERROR_HARDWARE_STACK_ERROR"},
        {715, "CUDA_ERROR_ILLEGAL_INSTRUCTION"},
        {716, "CUDA_ERROR_MISALIGNED_ADDRESS"},
        {717, "CUDA_ERROR_INVALID_ADDRESS_SPACE"},
        {718, "CUDA_ERROR_INVALID_PC"},
        {719, "CUDA_ERROR_LAUNCH_FAILED"},
        {720, "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE"},
        {801, "CUDA_ERROR_NOT_SUPPORTED"},
        {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"},
        {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
        {912, "CUDA_ERROR_INVALID_CLUSTER_SIZE"},
        {999, "CUDA_ERROR_UNKNOWN"},
    };
    auto found = names.find(code);
    *name = found == names.end() ? nullptr : found->second;
    return found == names.end() ? INVALID_VALUE : SUCCESS;
}

API(cuGetErrorString)(int code, const char **text) {
    static const std::map<int, const char *> texts = {
        {2, "out of memory"},
        {214, "uncorrectable ECC error encountered"},
        {222, "the provided PTX was compiled with an unsupported toolchain."},
        {700, "an illegal memory access was encountered"},
        {702, "the launch timed out and was terminated"},
        {719, "unspecified launch failure"},
    };
    auto found = texts.find(code);
    *text = found == texts.end() ? "see the result's name" : found->second;
    return SUCCESS;
}

API(cuDeviceGetCount)(int *count) {
    ENTER(cuDeviceGetCount)
    *count = devices();
    return SUCCESS;
}

API(cuDeviceGet)(int *device, int ordinal) {
    ENTER(cuDeviceGet)
    if (ordinal < 0 || ordinal >= devices()) return INVALID_DEVICE;
    *device = ordinal;
    return SUCCESS;
}

API(cuDeviceGetName)(char *name, int size, int device) {
    ENTER(cuDeviceGetName)
    snprintf(name, (size_t)size, "%s", setting("QUERN_CUDASIM_NAME", "cudasim", (unsigned)device).c_str());
    return SUCCESS;
}

API(cuDeviceTotalMem_v2)(size_t *bytes, int) {
    ENTER(cuDeviceTotalMem)
    *bytes = total_bytes();
    return SUCCESS;
}

/* CUDA C++ Programming Guide, technical specifications. */
unsigned cudasim::most_shared(unsigned device) {
    switch (capability(device)) {
        case 75: return 64 << 10;
        case 80: case 87: return 163 << 10;
        case 86: case 89: case 120: return 99 << 10;
        default: return 227 << 10;
    }
}

API(cuDeviceGetAttribute)(int *value, int attribute, int ordinal) {
    ENTER(cuDeviceGetAttribute)
    unsigned device = (unsigned)ordinal;
    switch (attribute) {
        case 1: *value = 1024; break;                                     /* threads of a block */
        case 8: *value = 48 << 10; break;                                 /* shared memory of a block */
        case 10: *value = 32; break;                                      /* lanes of a warp */
        case 16: *value = std::stoi(setting("QUERN_CUDASIM_UNITS", "4")); break; /* multiprocessors */
        case 95: *value = 1; break;                                       /* cooperative launches */
        case 97: *value = (int)most_shared(device); break;                      /* shared memory of a block that asks for it */
        case 120: *value = capability(device) >= 90; break;                     /* clusters */
        case 75: *value = (int)capability(device) / 10; break;
        case 76: *value = (int)capability(device) % 10; break;
        default: report("cuDeviceGetAttribute " + std::to_string(attribute) + " is not simulated"); return INVALID_VALUE;
    }
    return SUCCESS;
}

API(cuDevicePrimaryCtxRetain)(void **context, int device) {
    ENTER(cuDevicePrimaryCtxRetain)
    retained++;
    *context = &contexts[device];
    return SUCCESS;
}

API(cuDevicePrimaryCtxRelease_v2)(int) {
    ENTER_ALWAYS(cuDevicePrimaryCtxRelease)
    if (retained == 0) return INVALID_CONTEXT;
    if (--retained == 0 && sticky() == SUCCESS) {
        drain_all();
        leaks();
    }
    return SUCCESS;
}

API(cuCtxSetCurrent)(void *context) {
    ENTER(cuCtxSetCurrent)
    current = (unsigned)((char *)context - contexts);
    return SUCCESS;
}

API(cuCtxSynchronize)() {
    ENTER(cuCtxSynchronize)
    return drain_all();
}

API(cuMemGetInfo_v2)(size_t *free, size_t *total) {
    ENTER_CONTEXT(cuMemGetInfo)
    *free = free_bytes();
    *total = total_bytes();
    return SUCCESS;
}

API(cuMemAlloc_v2)(void **pointer, size_t bytes) {
    ENTER_CONTEXT(cuMemAlloc)
    if (anything_captures()) return STREAM_CAPTURE_UNSUPPORTED;
    Allocation *made;
    Result result = allocate(bytes, false, true, &made);
    if (result == SUCCESS) *pointer = made->begin;
    return result;
}

API(cuMemFree_v2)(void *pointer) {
    ENTER_CONTEXT(cuMemFree)
    if (anything_captures()) return STREAM_CAPTURE_UNSUPPORTED;
    drain_all(); /* as CUDA does */
    return release(pointer, false);
}

API(cuMemHostAlloc)(void **pointer, size_t bytes, unsigned flags) {
    ENTER_CONTEXT(cuMemHostAlloc)
    Allocation *made;
    Result result = allocate(bytes, true, (flags & 2) != 0, &made); /* CU_MEMHOSTALLOC_DEVICEMAP */
    if (result == SUCCESS) *pointer = made->begin;
    return result;
}

API(cuMemHostGetDevicePointer_v2)(void **device, void *host, unsigned) {
    ENTER_CONTEXT(cuMemHostGetDevicePointer)
    Allocation *a = find(host);
    if (!a || !a->live || !a->mapped) return INVALID_VALUE;
    *device = host;
    return SUCCESS;
}

API(cuMemFreeHost)(void *pointer) {
    ENTER_CONTEXT(cuMemFreeHost)
    drain_all();
    return release(pointer, true);
}

/* A copy, checked when it is done: the memory may have been freed by then. */
static Result copied(void *to, const void *from, size_t bytes, const void *device, const char *call) {
    if (!within(device, bytes)) {
        report(std::string(call) + " of " + std::to_string(bytes) + " bytes outside of what was allocated");
        return INVALID_VALUE;
    }
    memcpy(to, from, bytes);
    return SUCCESS;
}

API(cuMemcpyHtoDAsync_v2)(void *to, const void *from, size_t bytes, Stream *stream) {
    ENTER_CONTEXT(cuMemcpyHtoDAsync)
    if (!within(to, bytes)) return INVALID_VALUE;
    if (pinned(from, bytes)) {
        return enqueue(stream, [=] { return copied(to, from, bytes, to, "cuMemcpyHtoDAsync"); });
    }
    /* pageable memory is read before the call returns */
    std::vector<char> content((const char *)from, (const char *)from + bytes);
    return enqueue(stream, [=] { return copied(to, content.data(), bytes, to, "cuMemcpyHtoDAsync"); });
}

API(cuMemcpyDtoHAsync_v2)(void *to, const void *from, size_t bytes, Stream *stream) {
    ENTER_CONTEXT(cuMemcpyDtoHAsync)
    if (!within(from, bytes)) return INVALID_VALUE;
    Result result = enqueue(stream, [=] { return copied(to, from, bytes, from, "cuMemcpyDtoHAsync"); });
    return result == SUCCESS && !pinned(to, bytes) && !stream->capturing ? drain(stream) : result;
}

API(cuMemcpyHtoD_v2)(void *to, const void *from, size_t bytes) {
    ENTER_CONTEXT(cuMemcpyHtoD)
    if (Result result = drain_all()) return result;
    return copied(to, from, bytes, to, "cuMemcpyHtoD");
}

API(cuMemcpyDtoH_v2)(void *to, const void *from, size_t bytes) {
    ENTER_CONTEXT(cuMemcpyDtoH)
    if (Result result = drain_all()) return result;
    return copied(to, from, bytes, from, "cuMemcpyDtoH");
}

API(cuMemcpyDtoDAsync_v2)(void *to, const void *from, size_t bytes, Stream *stream) {
    ENTER_CONTEXT(cuMemcpyDtoDAsync)
    if (!within(to, bytes) || !within(from, bytes)) return INVALID_VALUE;
    return enqueue(stream, [=] { return copied(to, from, bytes, to, "cuMemcpyDtoDAsync"); });
}

API(cuMemsetD32Async)(unsigned *to, unsigned value, size_t count, Stream *stream) {
    ENTER_CONTEXT(cuMemsetD32Async)
    if (!within(to, 4 * count)) return INVALID_VALUE;
    return enqueue(stream, [=] {
        if (!within(to, 4 * count)) return INVALID_VALUE;
        for (size_t i = 0; i < count; i++) to[i] = value;
        return SUCCESS;
    });
}
