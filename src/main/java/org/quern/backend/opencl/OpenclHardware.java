package org.quern.backend.opencl;

import org.quern.backend.gpu.GpuBackend;

/**
 * A device of some OpenCL platform.
 *
 * @param type {@code GPU}, {@code CPU} or {@code other}
 * @param mostBytes of one buffer
 * @param exact whether it can round division and square root correctly
 * @param lacks what Quern needs and it has not, or null
 */
record OpenclHardware(
        long platform,
        long id,
        String name,
        String version,
        String driver,
        String type,
        int units,
        long memory,
        long mostBytes,
        boolean exact,
        String lacks)
        implements GpuBackend.Hardware {

    @Override
    public boolean isAutomatic() {
        return type.equals("GPU");
    }

    @Override
    public String label() {
        return lacks == null ? name : name + ", which " + lacks;
    }

    @Override
    public String description() {
        return "%s (%s, %s, %d compute units, %d MiB)"
                .formatted(name, type, version, units, memory >> 20);
    }
}
