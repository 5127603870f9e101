/* The driver's functions about modules, launches, streams, graphs and events. */
#include <cstring>

#include "driver.h"

using namespace cudasim;

/* ---- modules ---- */

API(cuModuleLoadDataEx)(LoadedModule **module, const char *image, unsigned count, const int *options, void **values) {
    ENTER_CONTEXT(cuModuleLoadData)
    std::string log;
    Result result = load_module(image, driver_version(), &log, module);
    char *buffer = nullptr;
    size_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        if (options[i] == 5) buffer = (char *)values[i];         /* CU_JIT_ERROR_LOG_BUFFER */
        if (options[i] == 6) size = (size_t)(uintptr_t)values[i]; /* its size */
    }
    if (buffer && size) snprintf(buffer, size, "%s", log.c_str());
    return result;
}

API(cuModuleLoadData)(LoadedModule **module, const char *image) {
    return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

API(cuModuleUnload)(LoadedModule *module) {
    ENTER_CONTEXT(cuModuleUnload)
    drain_all();
    unload_module(module);
    return SUCCESS;
}

API(cuModuleGetFunction)(Kernel **function, LoadedModule *module, const char *name) {
    ENTER_CONTEXT(cuModuleGetFunction)
    auto found = module->kernels.find(name);
    if (found == module->kernels.end()) return NOT_FOUND;
    *function = found->second.get();
    return SUCCESS;
}

/* ---- launches ---- */

/* The packed arguments, from either way to give them. */
static Result pack(const Kernel &kernel, void **parameters, void **extra, std::vector<char> *packed) {
    const Entry &entry = kernel.entry;
    if (parameters) {
        unsigned at = 0;
        packed->resize(entry.bytes);
        for (unsigned i = 0; i < entry.parameters; i++) {
            unsigned size = entry.sizes[i];
            unsigned aligned = size > 8 ? 4 : size; /* a struct is of words */
            at = (at + aligned - 1) / aligned * aligned;
            memcpy(packed->data() + at, parameters[i], size);
            at += size;
        }
        return SUCCESS;
    }
    const char *buffer = nullptr;
    size_t size = 0;
    for (; extra && *extra; extra += 2) { /* up to CU_LAUNCH_PARAM_END */
        if ((uintptr_t)extra[0] == 1) buffer = (const char *)extra[1]; /* ..._BUFFER_POINTER */
        if ((uintptr_t)extra[0] == 2) size = *(const size_t *)extra[1]; /* ..._BUFFER_SIZE */
    }
    if (!buffer || size != entry.bytes) {
        report("the launch of " + std::string(entry.name) + " has " + std::to_string(size) +
               " bytes of arguments, and the kernel takes " + std::to_string(entry.bytes));
        return INVALID_VALUE;
    }
    packed->assign(buffer, buffer + size);
    return SUCCESS;
}

API(cuFuncSetAttribute)(Kernel *kernel, int attribute, int value) {
    ENTER_CONTEXT(cuFuncSetAttribute)
    switch (attribute) {
        case 8: /* CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES */
            if (value < 0 || (unsigned)value > most_shared(current_device())) return INVALID_VALUE;
            kernel->most_dynamic = (unsigned)value;
            return SUCCESS;
        case 14: /* CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED */
            kernel->any_cluster = value != 0;
            return SUCCESS;
        default:
            report("cuFuncSetAttribute " + std::to_string(attribute) + " is not simulated");
            return INVALID_VALUE;
    }
}

/* Blocks of a cluster that the device has together: 8 unless a kernel asks for more. */
static bool has_cluster(const Kernel &kernel) {
    static const unsigned most = (unsigned)std::stoi(setting("QUERN_CUDASIM_CLUSTER", "16"));
    return kernel.cluster <= std::min(most, kernel.any_cluster ? most : 8u);
}

/* CUlaunchConfig and CUlaunchAttribute, as cuda.h has them. */
struct Attribute {
    int id, pad;
    unsigned value[16];
};
struct Config {
    unsigned grid[3], block[3], shared;
    Stream *stream;
    const Attribute *attributes;
    unsigned count;
};

/* Where clusters pack into groups of multiprocessors is a device's secret; here QUERN_CUDASIM_CLUSTERS says how many. */
API(cuOccupancyMaxActiveClusters)(int *clusters, Kernel *kernel, const Config *config) {
    ENTER_CONTEXT(cuOccupancyMaxActiveClusters)
    if (config->shared > kernel->most_dynamic) return INVALID_VALUE;
    for (unsigned i = 0; i < config->count; i++) {
        const Attribute &a = config->attributes[i];
        if (a.id != 4 || a.value[0] * a.value[1] * a.value[2] != kernel->cluster) return INVALID_VALUE; /* ..._CLUSTER_DIMENSION */
    }
    if (kernel->cluster > 8 && !kernel->any_cluster) return INVALID_CLUSTER_SIZE;
    unsigned units = (unsigned)std::stoi(setting("QUERN_CUDASIM_UNITS", "4"));
    std::string otherwise = std::to_string(std::max(1u, units / kernel->cluster));
    *clusters = has_cluster(*kernel) ? std::stoi(setting("QUERN_CUDASIM_CLUSTERS", otherwise.c_str())) : 0;
    return SUCCESS;
}

/* As many as shared memory and threads leave room for: each block takes 1 KiB more than it asks for. */
API(cuOccupancyMaxActiveBlocksPerMultiprocessor)(int *blocks, Kernel *kernel, int threads, size_t shared) {
    ENTER_CONTEXT(cuOccupancyMaxActiveBlocksPerMultiprocessor)
    unsigned by_memory = (most_shared(current_device()) + 1024) / (unsigned)(shared + 1024), by_threads = 2048u / (unsigned)threads;
    *blocks = shared > kernel->most_dynamic ? 0 : (int)std::min(by_memory, by_threads);
    return SUCCESS;
}

static Result ask(Kernel *kernel, const Shape &shape, unsigned shared, Stream *stream, void **parameters,
                  void **extra) {
    const Index &g = shape.grid, &b = shape.block;
    if (!g.x || !g.y || !g.z || !b.x || !b.y || !b.z || g.y > 65535 || g.z > 65535) return INVALID_VALUE;
    if ((uint64_t)b.x * b.y * b.z > 1024 || shared > kernel->most_dynamic) return INVALID_VALUE;
    std::vector<char> arguments;
    if (Result result = pack(*kernel, parameters, extra, &arguments)) return result;
    Shape whole = shape;
    whole.dynamic = shared;
    return enqueue(stream, [=] { return launch(*kernel, whole, arguments); });
}

API(cuLaunchKernel)(Kernel *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                    unsigned shared, Stream *stream, void **parameters, void **extra) {
    ENTER_CONTEXT(cuLaunchKernel)
    if (gx % kernel->cluster != 0 || !has_cluster(*kernel)) return INVALID_CLUSTER_SIZE;
    return ask(kernel, {{gx, gy, gz}, {bx, by, bz}, kernel->cluster, 0}, shared, stream, parameters, extra);
}

API(cuLaunchCooperativeKernel)(Kernel *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                               unsigned bz, unsigned shared, Stream *stream, void **parameters) {
    ENTER_CONTEXT(cuLaunchCooperativeKernel)
    if ((uint64_t)gx * gy * gz > 64) return COOPERATIVE_LAUNCH_TOO_LARGE;
    return ask(kernel, {{gx, gy, gz}, {bx, by, bz}, 0, 0}, shared, stream, parameters, nullptr);
}

/* ---- streams ---- */

API(cuStreamCreate)(Stream **stream, unsigned) {
    ENTER_CONTEXT(cuStreamCreate)
    *stream = new Stream;
    add_stream(*stream);
    return SUCCESS;
}

API(cuStreamDestroy_v2)(Stream *stream) {
    ENTER_CONTEXT(cuStreamDestroy)
    Result result = drain(stream);
    remove_stream(stream);
    delete stream;
    return result;
}

API(cuStreamSynchronize)(Stream *stream) {
    ENTER_CONTEXT(cuStreamSynchronize)
    if (stream->capturing) {
        stream->invalid = true;
        return STREAM_CAPTURE_UNSUPPORTED;
    }
    return drain(stream);
}

API(cuStreamQuery)(Stream *stream) {
    ENTER_CONTEXT(cuStreamQuery)
    progress();
    if (sticky()) return sticky();
    return stream->tasks.empty() ? SUCCESS : NOT_READY;
}

API(cuStreamWaitEvent)(Stream *stream, Event *event, unsigned) {
    ENTER_CONTEXT(cuStreamWaitEvent)
    return enqueue_wait(stream, event);
}

/* ---- graphs ---- */

using Graph = std::vector<Work>;

API(cuStreamBeginCapture_v2)(Stream *stream, int) {
    ENTER_CONTEXT(cuStreamBeginCapture)
    if (stream->capturing) return INVALID_VALUE;
    stream->capturing = true;
    stream->invalid = false;
    stream->captured.clear();
    return SUCCESS;
}

API(cuStreamEndCapture)(Stream *stream, Graph **graph) {
    ENTER_CONTEXT(cuStreamEndCapture)
    if (!stream->capturing) return INVALID_VALUE;
    stream->capturing = false;
    *graph = nullptr;
    if (stream->invalid) return STREAM_CAPTURE_INVALIDATED;
    *graph = new Graph(std::move(stream->captured));
    stream->captured.clear();
    return SUCCESS;
}

API(cuStreamIsCapturing)(Stream *stream, int *status) {
    ENTER_CONTEXT(cuStreamIsCapturing)
    *status = stream->capturing ? 1 : 0;
    return SUCCESS;
}

API(cuGraphGetNodes)(Graph *graph, void **, size_t *count) {
    ENTER_CONTEXT(cuGraphGetNodes)
    *count = graph->size();
    return SUCCESS;
}

API(cuGraphInstantiateWithFlags)(Graph **exec, Graph *graph, unsigned long long) {
    ENTER_CONTEXT(cuGraphInstantiate)
    *exec = new Graph(*graph);
    return SUCCESS;
}

API(cuGraphLaunch)(Graph *exec, Stream *stream) {
    ENTER_CONTEXT(cuGraphLaunch)
    return enqueue(stream, [work = *exec] {
        for (const Work &one : work) {
            if (Result result = one()) return result;
        }
        return SUCCESS;
    });
}

API(cuGraphExecDestroy)(Graph *exec) {
    ENTER_CONTEXT(cuGraphExecDestroy)
    delete exec;
    return SUCCESS;
}

API(cuGraphDestroy)(Graph *graph) {
    ENTER_CONTEXT(cuGraphDestroy)
    delete graph;
    return SUCCESS;
}

/* ---- events ---- */

API(cuEventCreate)(Event **event, unsigned) {
    ENTER_CONTEXT(cuEventCreate)
    *event = new Event;
    return SUCCESS;
}

API(cuEventDestroy_v2)(Event *event) {
    ENTER_CONTEXT(cuEventDestroy)
    if (!happened(event)) drain_until(event->stream, event->number);
    delete event;
    return SUCCESS;
}

API(cuEventRecord)(Event *event, Stream *stream) {
    ENTER_CONTEXT(cuEventRecord)
    return record(stream, event);
}

API(cuEventQuery)(Event *event) {
    ENTER_CONTEXT(cuEventQuery)
    progress();
    if (sticky()) return sticky();
    return happened(event) ? SUCCESS : NOT_READY;
}

API(cuEventSynchronize)(Event *event) {
    ENTER_CONTEXT(cuEventSynchronize)
    return event->stream ? drain_until(event->stream, event->number) : SUCCESS;
}

API(cuEventElapsedTime)(float *millis, Event *from, Event *to) {
    ENTER_CONTEXT(cuEventElapsedTime)
    if (!happened(from) || !happened(to)) return NOT_READY;
    *millis = (float)((to->seconds - from->seconds) * 1e3);
    return SUCCESS;
}

/* ---- for the simulated cuBLAS, which is a library of its own ---- */

API(cudasim_enqueue)(Stream *stream, Result (*work)(const void *), const void *data, size_t bytes) {
    ENTER_CONTEXT(cublas)
    std::vector<char> copy((const char *)data, (const char *)data + bytes);
    return enqueue(stream, [=] { return work(copy.data()); });
}

API(cudasim_check)(const void *pointer, size_t bytes) { return within(pointer, bytes) ? SUCCESS : ILLEGAL_ADDRESS; }

API(cudasim_ready)() { return has_context() ? sticky() : NOT_INITIALIZED; }
