/* Included behind the kernels, with CUDASIM_ENTRIES set to E(name) E(name) ...: the module's table, and its checks. */
#define E(name) cudasim::Kernel<name>::entry(#name),
static const cudasim::Entry cudasim_entries[] = {CUDASIM_ENTRIES};
#undef E

/* The linker sets these to the bounds of the section; a module without shared memory still needs the section. */
extern "C" char __start_cudasim_shared[], __stop_cudasim_shared[];
/* Null where no kernel takes dynamic shared memory. */
extern "C" __attribute__((weak)) char __start_cudasim_dynamic[], __stop_cudasim_dynamic[];
__shared__ float cudasim_shared_least[4] __attribute__((used, aligned(64)));

extern "C" __attribute__((visibility("default"), no_sanitize("thread"))) const cudasim::Module *cudasim_module(
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
/* What gcc calls at every load and store under -fsanitize=thread, a store that follows a load of the same value, too. */
#define UNSEEN extern "C" __attribute__((no_sanitize("thread"), visibility("hidden"))) void
#define ACCESS(size)                                                                       \
    UNSEEN __tsan_read##size(void *p) { cudasim_runtime->access(p, size, false); }           \
    UNSEEN __tsan_write##size(void *p) { cudasim_runtime->access(p, size, true); }           \
    UNSEEN __tsan_unaligned_read##size(void *p) { cudasim_runtime->access(p, size, false); } \
    UNSEEN __tsan_unaligned_write##size(void *p) { cudasim_runtime->access(p, size, true); } \
    UNSEEN __tsan_volatile_read##size(void *p) { cudasim_runtime->access(p, size, false); }  \
    UNSEEN __tsan_volatile_write##size(void *p) { cudasim_runtime->access(p, size, true); }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)
UNSEEN __tsan_read_range(void *p, size_t size) { cudasim_runtime->access(p, size, false); }
UNSEEN __tsan_write_range(void *p, size_t size) { cudasim_runtime->access(p, size, true); }
UNSEEN __tsan_init() {}
UNSEEN __tsan_atomic_thread_fence(int) {}
#endif
