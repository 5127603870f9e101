/*
 * Runs one kernel of the simulator's own tests: run NAME BLOCKS THREADS TOGETHER FAULT WORDS, with the words of `from` on stdin.
 * TOGETHER: blocks of a cluster, 0 for a cooperative grid. Prints the result's number, then WORDS words of `to`.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

extern "C" {
int cuInit(unsigned), cuDeviceGet(int *, int), cuDevicePrimaryCtxRetain(void **, int), cuCtxSetCurrent(void *);
int cuModuleLoadData(void **, const void *), cuModuleGetFunction(void **, void *, const char *), cuCtxSynchronize();
int cuMemAlloc_v2(uint64_t *, size_t), cuMemcpyHtoD_v2(uint64_t, const void *, size_t), cuMemcpyDtoH_v2(void *, uint64_t, size_t);
int cuMemFree_v2(uint64_t), cuStreamCreate(void **, unsigned), cuStreamDestroy_v2(void *), cuDevicePrimaryCtxRelease_v2(int);
int cuLaunchKernel(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **);
int cuLaunchCooperativeKernel(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **);
}

static void check(int result, const char *call) {
    if (result == 0) return;
    fprintf(stderr, "%s: %d\n", call, result);
    exit(1);
}

int main(int count, char **arguments) {
    if (count != 7) return 2;
    std::string name = arguments[1];
    unsigned blocks = (unsigned)atoi(arguments[2]), threads = (unsigned)atoi(arguments[3]), together = (unsigned)atoi(arguments[4]);
    int fault = atoi(arguments[5]);
    size_t words = (size_t)atoi(arguments[6]);
    std::vector<uint32_t> from, to(words);
    for (uint32_t word; scanf("%x", &word) == 1;) from.push_back(word);
    /* as much of PTX as the simulator reads */
    std::string ptx = ".version 8.0\n.target sm_90\n.address_size 64\n.visible .entry " + name +
                      "(\n\t.param .u64 a,\n\t.param .u64 b,\n\t.param .u32 c\n)\n";
    if (together > 1) ptx += ".reqnctapercluster " + std::to_string(together) + ", 1, 1\n";
    void *context, *module, *function, *stream;
    uint64_t input, output;
    check(cuInit(0), "cuInit");
    check(cuDevicePrimaryCtxRetain(&context, 0), "cuDevicePrimaryCtxRetain");
    check(cuCtxSetCurrent(context), "cuCtxSetCurrent");
    check(cuStreamCreate(&stream, 0), "cuStreamCreate");
    check(cuModuleLoadData(&module, (ptx + "{ ret; }\n").c_str()), "cuModuleLoadData");
    check(cuModuleGetFunction(&function, module, name.c_str()), "cuModuleGetFunction");
    check(cuMemAlloc_v2(&input, 4 * from.size()), "cuMemAlloc");
    check(cuMemAlloc_v2(&output, 4 * words), "cuMemAlloc");
    check(cuMemcpyHtoD_v2(input, from.data(), 4 * from.size()), "cuMemcpyHtoD");
    void *parameters[] = {&input, &output, &fault};
    check(together ? cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, stream, parameters, nullptr)
                   : cuLaunchCooperativeKernel(function, blocks, 1, 1, threads, 1, 1, 0, stream, parameters),
          "launch");
    int result = cuCtxSynchronize();
    printf("%d\n", result);
    if (result == 0) {
        check(cuMemcpyDtoH_v2(to.data(), output, 4 * words), "cuMemcpyDtoH");
        for (uint32_t word : to) printf("%x\n", word);
        check(cuMemFree_v2(input), "cuMemFree");
        check(cuMemFree_v2(output), "cuMemFree");
        check(cuStreamDestroy_v2(stream), "cuStreamDestroy");
        check(cuDevicePrimaryCtxRelease_v2(0), "cuDevicePrimaryCtxRelease");
    }
    return 0;
}
