/* Included behind the kernels, with CUDASIM_ENTRIES set to E(name) E(name) ...: the module's table, and its checks. */
#define E(name) cudasim::Kernel<name>::entry(#name),
static const cudasim::Entry cudasim_entries[] = {CUDASIM_ENTRIES};
#undef E

/* The linker sets these to the bounds of the section; a module without shared memory still needs the section. */
extern "C" char __start_cudasim_shared[], __stop_cudasim_shared[];
extern "C" char __start_cudasim_dynamic[], __stop_cudasim_dynamic[];
__shared__ float cudasim_shared_least[4] __attribute__((used, aligned(64)));
static __attribute__((section("cudasim_dynamic"), used, aligned(64))) float cudasim_dynamic_least[16];

extern "C" __attribute__((visibility("default"), no_sanitize("kernel-address"))) const cudasim::Module *cudasim_module(
    cudasim::Runtime *runtime) {
    static cudasim::Module module;
    cudasim_runtime = runtime;
    module.entries = cudasim_entries;
    module.count = sizeof cudasim_entries / sizeof *cudasim_entries;
    module.shared_begin = __start_cudasim_shared;
    module.shared_end = __stop_cudasim_shared;
    module.dynamic_begin = __start_cudasim_dynamic;
    module.dynamic_end = __stop_cudasim_dynamic;
#ifdef CUDASIM_CHECKED
    module.checked = true;
#endif
    return &module;
}

#ifdef CUDASIM_CHECKED
/* What gcc calls at every load and store under -fsanitize=kernel-address. */
#define ACCESS(kind, size, write)                                                                               \
    extern "C" __attribute__((no_sanitize("kernel-address"))) void __asan_##kind##size##_noabort(void *p) {     \
        cudasim_runtime->access(p, size, write);                                                                \
    }
ACCESS(load, 1, false)
ACCESS(load, 2, false)
ACCESS(load, 4, false)
ACCESS(load, 8, false)
ACCESS(load, 16, false)
ACCESS(store, 1, true)
ACCESS(store, 2, true)
ACCESS(store, 4, true)
ACCESS(store, 8, true)
ACCESS(store, 16, true)
extern "C" __attribute__((no_sanitize("kernel-address"))) void __asan_loadN_noabort(void *p, size_t size) {
    cudasim_runtime->access(p, size, false);
}
extern "C" __attribute__((no_sanitize("kernel-address"))) void __asan_storeN_noabort(void *p, size_t size) {
    cudasim_runtime->access(p, size, true);
}
extern "C" void __asan_handle_no_return() {}
#endif
