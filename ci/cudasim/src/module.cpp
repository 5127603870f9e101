/* Modules: PTX or a cubin says which kernels there should be and what they take, a shared library has them in C++. */
#include <dlfcn.h>

#include <cstdio>
#include <cstring>
#include <sstream>

#include "sim.h"

namespace cudasim {

/* The CUDA version (1000 major + 10 minor) whose driver first took a PTX version. */
static int needed_driver(int major, int minor) {
    if (major < 6) return 9000;
    if (major == 6) return minor <= 3 ? 10000 : minor == 4 ? 10010 : 10020;
    if (major == 7) return 11000 + 10 * minor;
    if (major == 8) return minor <= 5 ? 12000 + 10 * minor : minor == 6 ? 12070 : 12080;
    return 13000;
}

static std::string default_module() {
    Dl_info info;
    dladdr((void *)default_module, &info);
    std::string self = info.dli_fname;
    return self.substr(0, self.rfind('/') + 1) + "module.so";
}

/* Of a type such as u64. */
static unsigned bytes_of(const std::string &type) {
    unsigned bits = 0;
    return sscanf(type.c_str(), "%*1[usbf]%u", &bits) == 1 ? bits / 8 : 0;
}

static Entries entries_of(const std::string &ptx) {
    Entries entries;
    std::istringstream lines(ptx);
    std::string line, name, last;
    char type[16];
    while (getline(lines, line)) {
        size_t at = line.find(".visible .entry ");
        if (at != std::string::npos) {
            name = line.substr(at + 16, line.find('(') - at - 16);
            entries[name];
            last = name;
        } else if (!name.empty()) {
            unsigned bytes; /* of a parameter that is a struct */
            if (sscanf(line.c_str(), " .param .align %*u .b8 %*[^[][%u]", &bytes) == 1) {
                entries[name].sizes.push_back(bytes);
            } else if (sscanf(line.c_str(), " .param .%15[a-z0-9]", type) == 1) {
                entries[name].sizes.push_back(bytes_of(type));
            }
            if (line.find(')') != std::string::npos) name.clear();
        } else if ((at = line.find(".reqnctapercluster ")) != std::string::npos) {
            entries[last].cluster = (unsigned)std::stoul(line.substr(at + 19));
        }
    }
    return entries;
}

/* What follows a word in a text; null where it is not in it. */
static const char *after(const std::string &text, const char *word) {
    size_t at = text.find(word);
    return at == std::string::npos ? nullptr : text.c_str() + at + strlen(word);
}

/* What PTX says of itself, unless the driver is too old for it. */
static Result read_ptx(const std::string &ptx, int driver_version, std::string *log, std::string *path,
                       Entries *entries) {
    std::string head = ptx.substr(0, 2000);
    const char *version = after(head, ".version "), *target = after(head, ".target sm_");
    const char *named = after(head, "// cudasim-module: ");
    int major, minor;
    if (!version || sscanf(version, "%d.%d", &major, &minor) != 2) {
        *log = "ptxas fatal   : no .version in what should be PTX";
        return INVALID_PTX;
    }
    if (needed_driver(major, minor) > driver_version) {
        *log = "ptxas application ptx input, line 1; fatal   : Unsupported .version " + std::to_string(major) + "." +
               std::to_string(minor);
        return UNSUPPORTED_PTX_VERSION;
    }
    int architecture;
    if (target && sscanf(target, "%d", &architecture) == 1 && architecture > (int)capability(current_device())) {
        *log = "ptxas fatal   : the program was compiled for a newer device: .target sm_" + std::to_string(architecture);
        return NO_BINARY_FOR_GPU;
    }
    if (named) *path = std::string(named, strcspn(named, " \t\r\n"));
    *entries = entries_of(ptx);
    return SUCCESS;
}

Result load_module(const char *image, int driver_version, std::string *log, LoadedModule **made) {
    std::string path = setting("QUERN_CUDASIM_MODULE", default_module().c_str());
    Entries wanted;
    Result result = is_cubin(image) ? read_cubin(image, driver_version, log, &wanted)
                                    : read_ptx(image, driver_version, log, &path, &wanted);
    if (result != SUCCESS) return result;
    void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        *log = dlerror();
        report("a module cannot be loaded: " + *log);
        return INVALID_IMAGE;
    }
    auto attach = (const Module *(*)(Runtime *))dlsym(handle, "cudasim_module");
    auto *module = new LoadedModule{handle, {}};
    static std::map<std::string, std::unique_ptr<Runtime>> runtimes; /* one for a library, however often it is loaded */
    auto &runtime = runtimes[path];
    if (!runtime) runtime = std::make_unique<Runtime>();
    const Module *description = attach(runtime.get());
    for (unsigned i = 0; i < description->count; i++) {
        const Entry &entry = description->entries[i];
        auto in_image = wanted.find(entry.name);
        if (in_image == wanted.end()) continue; /* of another unit: the library has all */
        std::vector<unsigned> sizes(entry.sizes, entry.sizes + entry.parameters);
        if (in_image->second.sizes != sizes) {
            *log = std::string(entry.name) + ": the image and the simulator's module disagree on it: build both anew";
            report(*log);
            delete module;
            return INVALID_IMAGE;
        }
        module->kernels[entry.name] =
            std::make_unique<Kernel>(Kernel{*description, entry, runtime.get(), in_image->second.cluster});
    }
    for (auto &[name, entry] : wanted) {
        if (!module->kernels.count(name)) {
            *log = name + " is in the image and not in the simulator's module " + path;
            report(*log);
            delete module;
            return INVALID_IMAGE;
        }
    }
    *made = module;
    return SUCCESS;
}

void unload_module(LoadedModule *module) {
    /* the library stays loaded: its checks and shared memory may be shared with another module of the same file */
    delete module;
}

}  // namespace cudasim
