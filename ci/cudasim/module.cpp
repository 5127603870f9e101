/* What a module exports, beside the units that its kernels are compiled as: their table, and what the checks call. */
#include <vector>

cudasim::Unit *cudasim_units;

/* The linker sets these to the bounds of the section; a module without shared memory still needs the section. */
extern "C" char __start_cudasim_shared[], __stop_cudasim_shared[];
/* Null where no kernel takes dynamic shared memory. */
extern "C" __attribute__((weak)) char __start_cudasim_dynamic[], __stop_cudasim_dynamic[];
__shared__ float cudasim_shared_least[4] __attribute__((used, aligned(64)));

extern "C" __attribute__((visibility("default"))) const cudasim::Module *cudasim_module(cudasim::Runtime *runtime) {
    static cudasim::Module module;
    static std::vector<cudasim::Entry> entries;
    cudasim_runtime = runtime;
    entries.clear();
    for (cudasim::Unit *unit = cudasim_units; unit; unit = unit->next) {
        unit->attach(runtime);
        entries.insert(entries.end(), unit->entries, unit->entries + unit->count);
    }
    module.entries = entries.data();
    module.count = (unsigned)entries.size();
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
#define UNSEEN extern "C" void
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
