/*
 * What a device does with Quern's machine code, and what the steps of its fused kernels are made of there: asked from
 * the driver, and measured. Carried by ci/gpu-bundle, built where the GPU is:
 *
 *   nvcc -std=c++17 -o probe gpu-probe.cc -ldl; nvcc -std=c++17 -cubin -arch=sm_90 -o probe.cubin gpu-probe.cu
 *   probe REPORT.jsonl probe.cubin FOLDER_OF_CUBINS
 *
 * Whole fused steps are not among it: they want the network's description, which is Java's (run's parts team-N).
 * The driver is opened at run time (QUERN_LIBCUDA, or libcuda.so.1), so that a machine without one can build it, and
 * the CUDA simulator run it as far as its driver goes; a call that the driver lacks is named.
 */
#include <cuda.h>
#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

static void *driver;
static int wrong;
static std::string report_file;

/* A driver's function by the name that cuda.h makes of it; null if it has none. */
#define NAME_(name) #name
#define NAME(name) NAME_(name)
#define DRIVER(name) ((decltype(&name))dlsym(driver, NAME(name)))

static std::string text(const char *format, ...) {
    char line[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    return line;
}

/* A line for people, and one for programs, which is there as soon as it is known. */
static void tell(const std::string &line, const std::string &json) {
    printf("%s\n", line.c_str());
    fflush(stdout);
    if (json.empty()) return;
    FILE *report = fopen(report_file.c_str(), "a");
    if (report == nullptr) {
        perror(report_file.c_str());
        exit(1);
    }
    fprintf(report, "{\"what\":\"probe\",%s}\n", json.c_str());
    fclose(report);
}

static std::string error(CUresult code) {
    const char *name = nullptr;
    auto named = DRIVER(cuGetErrorName);
    if (named != nullptr) named(code, &name);
    return name == nullptr ? "error " + std::to_string(code) : name;
}

/* Whether a call succeeded; if not, it is told and counted. */
static bool good(CUresult code, const std::string &call) {
    if (code == CUDA_SUCCESS) return true;
    wrong++;
    tell("WRONG " + call + ": " + error(code), text("\"wrong\":\"%s: %s\"", call.c_str(), error(code).c_str()));
    return false;
}

static bool lacks(const void *function, const char *name) {
    if (function == nullptr) tell(text("%s: not in this driver, and so left out", name), "");
    return function == nullptr;
}

static std::vector<char> content(const std::string &file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/* The kernels of a cubin: what its sections .nv.info.NAME are of. */
static std::vector<std::string> kernels(const std::vector<char> &cubin) {
    std::vector<std::string> names;
    if (cubin.size() < sizeof(Elf64_Ehdr)) return names;
    auto header = (const Elf64_Ehdr *)cubin.data();
    auto sections = (const Elf64_Shdr *)(cubin.data() + header->e_shoff);
    const char *strings = cubin.data() + sections[header->e_shstrndx].sh_offset;
    const std::string prefix = ".nv.info.";
    for (int i = 0; i < header->e_shnum; i++) {
        std::string name = strings + sections[i].sh_name;
        if (name.compare(0, prefix.size(), prefix) == 0) names.push_back(name.substr(prefix.size()));
    }
    std::sort(names.begin(), names.end());
    return names;
}

static int attribute(CUdevice device, CUdevice_attribute which) {
    int value = 0;
    auto ask = DRIVER(cuDeviceGetAttribute);
    return ask(&value, which, device) == CUDA_SUCCESS ? value : 0;
}

static double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

static double micros(const std::function<void()> &work) {
    auto started = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - started).count();
}

/* ---- the jar's cubins ----------------------------------------------------------------------------------------------- */

static void clusters(CUfunction function, const std::string &name, int most_shared) {
    auto ask = DRIVER(cuOccupancyMaxActiveClusters);
    auto set = DRIVER(cuFuncSetAttribute);
    if (lacks((void *)ask, "cuOccupancyMaxActiveClusters")) return;
    unsigned blocks = (unsigned)std::stoi(name.substr(name.rfind('_') + 1));
    if (!good(set(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, most_shared), name + ", shared memory") ||
        !good(set(function, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1), name + ", cluster size")) {
        return;
    }
    std::string line = name + ", clusters at once by KiB of a block:", json;
    for (int kib : {48, 64, 80, 98, 104, 113, 123, 160, 200, most_shared >> 10}) {
        CUlaunchAttribute size = {};
        size.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
        size.value.clusterDim.x = blocks;
        size.value.clusterDim.y = size.value.clusterDim.z = 1;
        CUlaunchConfig config = {};
        config.gridDimX = blocks;
        config.gridDimY = config.gridDimZ = 1;
        config.blockDimX = 320;
        config.blockDimY = config.blockDimZ = 1;
        config.sharedMemBytes = (unsigned)kib << 10;
        config.attrs = &size;
        config.numAttrs = 1;
        int count = 0;
        CUresult code = ask(&count, function, &config);
        line += code == CUDA_SUCCESS ? text(" %d: %d", kib, count) : text(" %d: %s", kib, error(code).c_str());
        json += text("%s\"%d\":%d", json.empty() ? "" : ",", kib, code == CUDA_SUCCESS ? count : -1);
    }
    tell(line, text("\"cluster\":\"%s\",\"atOnceByKiB\":{%s}", name.c_str(), json.c_str()));
}

/* Whether a cubin has the format of CUDA 13, which drivers of CUDA 12 do not read: Quern then takes the PTX. */
static bool is_newer(const std::vector<char> &cubin, int version) {
    return version < 13000 && cubin.size() > EI_ABIVERSION && cubin[EI_ABIVERSION] >= 8;
}

static void cubin(const std::string &file, const std::string &unit, int most_shared, int version) {
    std::vector<char> image = content(file);
    if (is_newer(image, version)) {
        tell(unit + ": left out, it is of CUDA 13, and the driver of CUDA 12", "");
        return;
    }
    std::vector<std::string> names = kernels(image);
    auto ask = DRIVER(cuFuncGetAttribute);
    CUmodule module;
    bool loaded = false;
    double taken = micros([&] { loaded = good(DRIVER(cuModuleLoadData)(&module, image.data()), "loading " + unit); });
    if (!loaded) return;
    tell(text("%s: %zu kernels, %zu bytes, loaded in %.1f ms", unit.c_str(), names.size(), image.size(), taken / 1000),
         text("\"cubin\":\"%s\",\"kernels\":%zu,\"millis\":%.3f", unit.c_str(), names.size(), taken / 1000));
    bool silent = lacks((void *)ask, "cuFuncGetAttribute");
    for (const std::string &name : names) {
        CUfunction function;
        if (!good(DRIVER(cuModuleGetFunction)(&function, module, name.c_str()), name)) continue;
        bool fused = name.compare(0, 6, "fused_") == 0;
        if (!silent) {
            int registers = 0, local = 0, shared = 0, most = 0;
            ask(&registers, CU_FUNC_ATTRIBUTE_NUM_REGS, function);
            ask(&local, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, function);
            ask(&shared, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, function);
            ask(&most, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function);
            std::string json = text("\"kernel\":\"%s\",\"registers\":%d,\"localBytes\":%d,\"sharedBytes\":%d,\"mostThreads\":%d",
                                    name.c_str(), registers, local, shared, most);
            std::string line = text("%s: %d registers, %d bytes local (spills, arrays), %d shared, at most %d threads", name.c_str(),
                                    registers, local, shared, most);
            tell(line, json);
        }
        if (fused && name.find("cluster") != std::string::npos) clusters(function, name, most_shared);
    }
    auto unload = DRIVER(cuModuleUnload);
    good(unload(module), "unloading " + unit);
}

/* ---- what a step is made of ------------------------------------------------------------------------------------------ */

struct Times {
    long long cycles, nanos;
};

static CUmodule own;
static CUdeviceptr times_there, sink;

/* Launches one of our kernels and tells what a round of it took. `arguments` come behind Times, `rounds` last. */
static void measure(const char *kernel, const std::string &label, unsigned blocks, unsigned threads, std::vector<CUdeviceptr> arguments,
                    int rounds, double parts) {
    CUfunction function;
    if (!good(DRIVER(cuModuleGetFunction)(&function, own, kernel), kernel)) return;
    std::vector<void *> pointers = {&times_there};
    for (auto &argument : arguments) pointers.push_back(&argument);
    pointers.push_back(&rounds);
    CUresult code;
    if (blocks > 1) {
        if (!good(DRIVER(cuFuncSetAttribute)(function, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1), label)) return;
        CUlaunchAttribute size = {};
        size.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
        size.value.clusterDim.x = blocks;
        size.value.clusterDim.y = size.value.clusterDim.z = 1;
        CUlaunchConfig config = {};
        config.gridDimX = blocks;
        config.blockDimX = threads;
        config.gridDimY = config.gridDimZ = config.blockDimY = config.blockDimZ = 1;
        config.attrs = &size;
        config.numAttrs = 1;
        auto launch = DRIVER(cuLaunchKernelEx);
        if (lacks((void *)launch, "cuLaunchKernelEx")) return;
        code = launch(&config, function, pointers.data(), nullptr);
    } else {
        code = DRIVER(cuLaunchKernel)(function, 1, 1, 1, threads, 1, 1, 0, nullptr, pointers.data(), nullptr);
    }
    Times times = {};
    if (!good(code, label) || !good(DRIVER(cuCtxSynchronize)(), label) ||
        !good(DRIVER(cuMemcpyDtoH)(&times, times_there, sizeof times), label)) {
        return;
    }
    double cycles = times.cycles / parts, nanos = times.nanos / parts;
    tell(text("%s: %.1f cycles, %.1f ns", label.c_str(), cycles, nanos),
         text("\"measured\":\"%s\",\"cycles\":%.3f,\"nanos\":%.3f", label.c_str(), cycles, nanos));
}

static void log_entries(int rounds) {
    const size_t bytes = 8192;
    CUdeviceptr device_log, mapped;
    void *host_log;
    if (!good(DRIVER(cuMemAlloc)(&device_log, bytes), "a log on the device") ||
        !good(DRIVER(cuMemHostAlloc)(&host_log, bytes, CU_MEMHOSTALLOC_DEVICEMAP), "a log on the host") ||
        !good(DRIVER(cuMemHostGetDevicePointer)(&mapped, host_log, 0), "the log's address")) {
        return;
    }
    std::vector<char> copy(bytes);
    std::vector<double> reads, looks;
    for (int i = 0; i < 101; i++) {
        reads.push_back(micros([&] { good(DRIVER(cuMemcpyDtoH)(copy.data(), device_log, bytes), "reading the log"); }));
        looks.push_back(micros([&] { memcpy(copy.data(), host_log, bytes); }));
    }
    tell(text("log of 1,024 steps read by the host: %.2f us from the device, %.2f us where it is mapped", median(reads), median(looks)),
         text("\"measured\":\"log read by the host\",\"deviceMicros\":%.3f,\"mappedMicros\":%.3f", median(reads), median(looks)));
    if (own != nullptr) {
        measure("log_entry", "log entry and fence, on the device", 1, 32, {device_log}, rounds, rounds);
        measure("log_entry", "log entry and fence, in the host's memory", 1, 32, {mapped}, rounds, rounds);
    }
    good(DRIVER(cuMemFree)(device_log), "cuMemFree");
    good(DRIVER(cuMemFreeHost)(host_log), "cuMemFreeHost");
}

static void micro_benchmarks(int capability) {
    const int rounds = 1000;
    log_entries(rounds);
    if (own == nullptr) return;
    /* 8 warps, two on each of an SM's four schedulers */
    measure("bytes_by_conversion", "a byte to a float by I2F, per warp and scheduler", 1, 256, {sink}, rounds, rounds * 4 * 2);
    measure("bytes_by_permutation", "a byte to a float by PRMT and FADD, per warp and scheduler", 1, 256, {sink}, rounds, rounds * 4 * 2);
    if (capability < 90) {
        tell("clusters: this device has none", "");
        return;
    }
    for (unsigned blocks : {4u, 8u, 12u, 16u}) {
        for (unsigned threads : {32u, 320u}) {
            measure("cluster_barrier", text("barrier of a cluster of %u blocks of %u threads", blocks, threads), blocks, threads, {}, rounds,
                    rounds);
        }
    }
    /* last: who waits for what does not come waits for ever, and is stopped from outside */
    for (unsigned blocks : {4u, 8u, 12u, 16u}) {
        measure("exchange", text("16 bytes from each to each of %u blocks by st.async and mbarrier", blocks), blocks, 32, {sink}, rounds,
                rounds);
    }
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "probe REPORT.jsonl probe.cubin FOLDER_OF_CUBINS\n");
        return 2;
    }
    report_file = arguments[1];
    const char *library = getenv("QUERN_LIBCUDA");
    driver = dlopen(library == nullptr ? "libcuda.so.1" : library, RTLD_NOW | RTLD_GLOBAL);
    if (driver == nullptr) {
        tell(std::string("WRONG ") + dlerror(), "");
        return 1;
    }
    CUdevice device;
    CUcontext context;
    char name[128] = "";
    int version = 0;
    if (!good(DRIVER(cuInit)(0), "cuInit") || !good(DRIVER(cuDeviceGet)(&device, 0), "cuDeviceGet") ||
        !good(DRIVER(cuDevicePrimaryCtxRetain)(&context, device), "cuDevicePrimaryCtxRetain") ||
        !good(DRIVER(cuCtxSetCurrent)(context), "cuCtxSetCurrent")) {
        return 1;
    }
    good(DRIVER(cuDeviceGetName)(name, sizeof name, device), "cuDeviceGetName");
    good(DRIVER(cuDriverGetVersion)(&version), "cuDriverGetVersion");
    int capability = 10 * attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) +
                     attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    int units = attribute(device, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    int most_shared = attribute(device, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    tell(text("%s, compute capability %d, %d multiprocessors, %d KiB of shared memory a block, %d KiB of L2, driver %d", name, capability,
              units, most_shared >> 10, attribute(device, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE) >> 10, version),
         text("\"device\":\"%s\",\"capability\":%d,\"units\":%d,\"sharedBytes\":%d,\"driver\":%d", name, capability, units, most_shared,
              version));

    std::string ending = text("-sm_%d.cubin", capability);
    std::vector<std::string> units_there;
    DIR *folder = opendir(arguments[3]);
    for (dirent *entry; folder != nullptr && (entry = readdir(folder)) != nullptr;) {
        std::string file = entry->d_name;
        if (file.size() > ending.size() && file.compare(file.size() - ending.size(), ending.size(), ending) == 0) {
            units_there.push_back(file);
        }
    }
    if (folder != nullptr) closedir(folder);
    std::sort(units_there.begin(), units_there.end());
    if (units_there.empty()) tell(text("%s has no cubin for this device", arguments[3]), "");
    for (const std::string &file : units_there) cubin(std::string(arguments[3]) + "/" + file, file, most_shared, version);

    std::vector<char> image = content(arguments[2]);
    if (library != nullptr) {
        tell("micro-benchmarks: left out, QUERN_LIBCUDA names another driver, which need not run machine code", "");
    } else if (!good(DRIVER(cuModuleLoadData)(&own, image.data()), arguments[2])) {
        own = nullptr;
    }
    if (!good(DRIVER(cuMemAlloc)(&times_there, sizeof(Times)), "cuMemAlloc") ||
        !good(DRIVER(cuMemAlloc)(&sink, 4 * 32 * 16), "cuMemAlloc")) {
        return 1;
    }
    micro_benchmarks(capability);
    good(DRIVER(cuMemFree)(times_there), "cuMemFree");
    good(DRIVER(cuMemFree)(sink), "cuMemFree");
    return wrong > 0;
}
