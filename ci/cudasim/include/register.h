/* Included behind a unit's kernels, with CUDASIM_ENTRIES set to E(name) E(name) ...: adds them to the module's table. */
#define E(name) cudasim::Kernel<name>::entry(#name),
static const cudasim::Entry cudasim_entries[] = {CUDASIM_ENTRIES};
#undef E

/* The pointer is set here and its address taken nowhere: the checks need not look at it. */
CUDASIM_UNCHECKED static void cudasim_attach(cudasim::Runtime *runtime) { cudasim_runtime = runtime; }

CUDASIM_UNCHECKED __attribute__((constructor)) static void cudasim_add_unit() {
    static cudasim::Unit unit{cudasim_entries, sizeof cudasim_entries / sizeof *cudasim_entries, cudasim_attach, nullptr};
    unit.next = cudasim_units;
    cudasim_units = &unit;
}
