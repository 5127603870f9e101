package org.quern.backend.opencl;

import static org.lwjgl.opencl.CL10.CL_CONTEXT_PLATFORM;
import static org.lwjgl.opencl.CL10.CL_SUCCESS;
import static org.lwjgl.opencl.CL10.clReleaseCommandQueue;
import static org.lwjgl.opencl.CL10.clReleaseContext;
import static org.lwjgl.opencl.CL10.nclCreateCommandQueue;
import static org.lwjgl.opencl.CL10.nclCreateContext;
import static org.lwjgl.system.MemoryUtil.memAddress;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import org.lwjgl.opencl.CL10;
import org.quern.backend.gpu.KernelSource;

/** A device that is open: its context, an in-order queue, and the kernels, compiled. */
final class OpenclContext implements AutoCloseable {
    /** The unit that all kernels but the fused one are in. */
    static final String KERNELS = "quern";

    private static final Map<Long, OpenclContext> READY = new HashMap<>();

    private final OpenclHardware hardware;
    private final long handle;
    private final long queue;
    private final Map<String, Long> programs = new HashMap<>();
    private final long nanos;

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
        long made = 0;
        try {
            made = newQueue();
            queue = made;
            long started = System.nanoTime();
            program(KERNELS);
            nanos = System.nanoTime() - started;
        } catch (RuntimeException e) {
            if (made != 0) {
                clReleaseCommandQueue(made);
            }
            clReleaseContext(handle);
            throw e;
        }
    }

    /** Opens a device for the next {@link #of}. */
    static void prepare(OpenclHardware hardware) {
        synchronized (READY) {
            if (!READY.containsKey(hardware.id())) {
                READY.put(hardware.id(), new OpenclContext(hardware));
            }
        }
    }

    /** A device that is open, and the caller's to close. */
    static OpenclContext of(OpenclHardware hardware) {
        synchronized (READY) {
            OpenclContext ready = READY.remove(hardware.id());
            return ready != null ? ready : new OpenclContext(hardware);
        }
    }

    long handle() {
        return handle;
    }

    long queue() {
        return queue;
    }

    /** One more queue. */
    long newQueue() {
        ByteBuffer code = OpenclHardware.direct(4);
        long created = nclCreateCommandQueue(handle, hardware.id(), 0, memAddress(code));
        if (code.getInt(0) != CL_SUCCESS) {
            throw OpenclErrors.unopened(hardware.name(), "clCreateCommandQueue", code.getInt(0));
        }
        return created;
    }

    /** A unit of the kernels, compiled when it is first asked for. */
    long program(String unit) {
        return programs.computeIfAbsent(
                unit,
                name ->
                        new OpenclProgram(
                                        hardware,
                                        handle,
                                        KernelSource.text(name),
                                        OpenclProgram.cache())
                                .build());
    }

    /** What compiling or loading the kernels has taken. */
    long nanos() {
        return nanos;
    }

    @Override
    public void close() {
        programs.values().forEach(CL10::clReleaseProgram);
        clReleaseCommandQueue(queue);
        clReleaseContext(handle);
    }
}
