/* What the environment says, and what is said back. */
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>

#include "sim.h"

namespace cudasim {

std::string setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

void report(const std::string &line) {
    std::string file = setting("QUERN_CUDASIM_REPORT", "");
    FILE *out = file.empty() ? stderr : fopen(file.c_str(), "a");
    if (out) {
        fprintf(out, "cudasim: %s\n", line.c_str());
        if (out != stderr) fclose(out);
    }
}

std::string setting(const char *name, const char *otherwise, unsigned device) {
    std::stringstream all(setting(name, otherwise));
    std::string one;
    for (unsigned i = 0; i <= device && getline(all, one, ','); i++) {
    }
    return one;
}

unsigned capability(unsigned device) {
    std::string text = setting("QUERN_CUDASIM_CC", "9.0", device);
    size_t point = text.find('.');
    return (unsigned)(std::stoi(text.substr(0, point)) * 10 + std::stoi(text.substr(point + 1)));
}

/* QUERN_CUDASIM_FAIL is NAME:N:RESULT: the Nth call of NAME gives RESULT, a number or one of these names. */
Result injected(const char *call) {
    static const std::string plan = setting("QUERN_CUDASIM_FAIL", "");
    if (plan.empty()) return SUCCESS;
    static std::map<std::string, int> calls;
    int number = ++calls[call];
    std::stringstream parts(plan);
    std::string name, nth, result;
    getline(parts, name, ':');
    getline(parts, nth, ':');
    getline(parts, result, ':');
    if (name != call || atoi(nth.c_str()) != number) return SUCCESS;
    static const std::map<std::string, Result> names = {
        {"CUDA_ERROR_ECC_UNCORRECTABLE", ECC_UNCORRECTABLE}, {"CUDA_ERROR_ILLEGAL_ADDRESS", ILLEGAL_ADDRESS},
        {"CUDA_ERROR_LAUNCH_TIMEOUT", LAUNCH_TIMEOUT},       {"CUDA_ERROR_OUT_OF_MEMORY", OUT_OF_MEMORY},
        {"CUDA_ERROR_UNKNOWN", UNKNOWN},                     {"CUDA_ERROR_INVALID_IMAGE", INVALID_IMAGE},
        {"CUDA_ERROR_NO_BINARY_FOR_GPU", NO_BINARY_FOR_GPU},
    };
    auto found = names.find(result);
    Result made = found != names.end() ? found->second : (Result)atoi(result.c_str());
    bool harmless = made == OUT_OF_MEMORY || made == INVALID_IMAGE || made == NO_BINARY_FOR_GPU ||
                    made == UNSUPPORTED_PTX_VERSION || made == NOT_SUPPORTED;
    if (!harmless) set_sticky(made);
    return made;
}

/* splitmix64 (Steele, Lea and Flood, OOPSLA 2014) over QUERN_CUDASIM_SEED. */
uint64_t draw() {
    static uint64_t state = strtoull(setting("QUERN_CUDASIM_SEED", "1").c_str(), nullptr, 10);
    uint64_t z = (state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

}  // namespace cudasim
