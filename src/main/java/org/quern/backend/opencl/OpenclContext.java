package org.quern.backend.opencl;

import static org.lwjgl.opencl.CL10.CL_CONTEXT_PLATFORM;
import static org.lwjgl.opencl.CL10.CL_SUCCESS;
import static org.lwjgl.opencl.CL10.nclCreateContext;
import static org.lwjgl.system.MemoryUtil.memAddress;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import org.quern.backend.kernel.KernelSource;

/**
 * A device's context with the kernels in it. Made when the device is first used and kept until the
 * process ends: compiling may take seconds.
 */
final class OpenclContext {
    private static final Map<Long, OpenclContext> CONTEXTS = new HashMap<>();

    private final OpenclHardware hardware;
    private final long handle;
    private final Map<String, Long> programs = new HashMap<>();
    private long nanos;

    private OpenclContext(OpenclHardware hardware) {
        this.hardware = hardware;
        ByteBuffer code = OpenclHardware.direct(4);
        ByteBuffer devices = OpenclHardware.direct(8).putLong(0, hardware.id());
        ByteBuffer properties = OpenclHardware.direct(24);
        properties.putLong(0, CL_CONTEXT_PLATFORM).putLong(8, hardware.platform());
        handle =
                nclCreateContext(
                        memAddress(properties), 1, memAddress(devices), 0, 0, memAddress(code));
        if (code.getInt(0) != CL_SUCCESS) {
            throw OpenclErrors.unopened(hardware.name(), "clCreateContext", code.getInt(0));
        }
    }

    /** The context of a device. */
    static OpenclContext of(OpenclHardware hardware) {
        synchronized (CONTEXTS) {
            OpenclContext made = CONTEXTS.get(hardware.id());
            if (made == null) {
                made = new OpenclContext(hardware);
                CONTEXTS.put(hardware.id(), made);
            }
            return made;
        }
    }

    long handle() {
        return handle;
    }

    /** A unit of the kernels, compiled when it is first asked for. */
    synchronized long program(String unit) {
        Long program = programs.get(unit);
        if (program == null) {
            long started = System.nanoTime();
            program =
                    new OpenclProgram(
                                    hardware,
                                    handle,
                                    KernelSource.text(unit),
                                    OpenclProgram.cache())
                            .build();
            nanos += System.nanoTime() - started;
            programs.put(unit, program);
        }
        return program;
    }

    /** What compiling or loading has taken so far. */
    synchronized long nanos() {
        return nanos;
    }
}
