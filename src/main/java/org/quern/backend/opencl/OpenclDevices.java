package org.quern.backend.opencl;

import static org.lwjgl.system.MemoryUtil.memAddressSafe;
import static org.quern.QuernException.absent;
import static org.quern.QuernException.backend;
import static org.quern.backend.gpu.GpuDevice.direct;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.lwjgl.opencl.CL12;
import org.quern.QuernException;
import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.GpuBackend;
import org.quern.backend.nativelib.NativeLibraries;

/**
 * The devices of all platforms, looked for once. A platform or a device that answers with an error
 * is told of and left out; it keeps nobody from using the others.
 */
final class OpenclDevices {
    private static final int LEAST_LOCAL_BYTES = 25 * 1024;
    private static final int MOST = 64;
    private static final int LONGEST_TEXT = 1 << 16;

    /** The loader's own code for "no platform", CL_PLATFORM_NOT_FOUND_KHR. */
    private static final int NO_PLATFORM = -1001;

    static final GpuBackend.Found<OpenclHardware> FOUND = new OpenclDevices().found();

    private final List<OpenclHardware> all = new ArrayList<>();
    private final List<String> refusals = new ArrayList<>();
    private QuernException problem;
    private boolean byBridge;

    private OpenclDevices() {}

    private GpuBackend.Found<OpenclHardware> found() {
        try {
            String loader = LwjglNatives.loader();
            boolean bridge = NativeLibraries.hasBridge();
            if (bridge) {
                keepSignals();
            }
            try {
                look(loader, bridge);
            } finally {
                if (bridge) {
                    restoreSignals();
                }
            }
        } catch (QuernException e) {
            problem = e;
        }
        if (problem != null) {
            all.clear();
        }
        List<String> parts = new ArrayList<>(refusals);
        if (!all.isEmpty()) {
            parts.add(0, GpuBackend.numbered(all));
        }
        String listed = String.join("; ", parts);
        if (problem == null && all.stream().allMatch(device -> device.lacks() != null)) {
            problem =
                    parts.isEmpty()
                            ? absent("no OpenCL device was found: %s", LwjglNatives.INSTALL)
                            : backend(
                                    "no OpenCL device can be used: %s; %s",
                                    listed, LwjglNatives.INSTALL);
        }
        boolean isPlain = all.size() == 1 && refusals.isEmpty();
        return new GpuBackend.Found<>(all, problem, isPlain ? "" : "; devices: " + listed);
    }

    /**
     * Something that OpenCL can be asked; {@code native/opencl.c} has the same order. Each takes a
     * handle, what is wanted of it, and room for the answer: its size (a count of handles or of
     * bytes), the memory, and the memory for how much there is.
     */
    private enum Call {
        PLATFORMS("clGetPlatformIDs"),
        PLATFORM("clGetPlatformInfo"),
        DEVICES("clGetDeviceIDs"),
        DEVICE("clGetDeviceInfo");

        final String function;

        Call(String function) {
            this.function = function;
        }
    }

    /** Asks; the answer is OpenCL's code. */
    private int ask(Call call, long handle, long what, int size, ByteBuffer to, ByteBuffer length) {
        if (byBridge) {
            return ask(call.ordinal(), handle, what, size, to, length);
        }
        long at = memAddressSafe(to);
        long count = memAddressSafe(length);
        return switch (call) {
            case PLATFORMS -> CL12.nclGetPlatformIDs(size, at, count);
            case PLATFORM -> CL12.nclGetPlatformInfo(handle, (int) what, size, at, count);
            case DEVICES -> CL12.nclGetDeviceIDs(handle, what, size, at, count);
            case DEVICE -> CL12.nclGetDeviceInfo(handle, (int) what, size, at, count);
        };
    }

    private static native int ask(
            int call, long handle, long what, int size, ByteBuffer to, ByteBuffer length);

    /**
     * Notes the JVM's signal handlers, which drivers replace when they are first called: LLVM, by
     * which PoCL and others compile, has handlers that serve for one signal alone. If two threads
     * then come upon a null at once, which is a SIGSEGV each, the process is gone.
     */
    private static native void keepSignals();

    /** Puts the JVM's handlers back; how many a driver had replaced. */
    static native int restoreSignals();

    /** Opens OpenCL's loader for {@link #ask}; false if it cannot be, or lacks a function. */
    private static native boolean open(String loader, String[] functions);

    private void look(String loader, boolean bridge) {
        // LWJGL takes half a second of processor time and more to load, which most starts need
        // not spend: only a GPU is taken where the choice is left to Quern
        byBridge =
                System.getProperty("org.lwjgl.opencl.libname") == null
                        && bridge
                        && open(loader, LwjglNatives.FUNCTIONS.toArray(String[]::new));
        if (!byBridge) {
            LwjglNatives.load();
        }
        look();
        if (all.stream().anyMatch(one -> one.lacks() == null && one.isAutomatic())) {
            LwjglNatives.load();
        }
    }

    private void look() {
        long[] platforms = {};
        try {
            platforms = handles(Call.PLATFORMS, 0, 0);
        } catch (QuernException e) {
            refusals.add(e.getMessage());
        }
        for (int p = 0; p < platforms.length; p++) {
            String name = "platform " + p;
            try {
                String own = text(Call.PLATFORM, platforms[p], CL12.CL_PLATFORM_NAME);
                name += " (%s)".formatted(own);
                for (long device : handles(Call.DEVICES, platforms[p], CL12.CL_DEVICE_TYPE_ALL)) {
                    add(platforms[p], device, own);
                }
            } catch (QuernException e) {
                refusals.add(name + ": " + e.getMessage());
            }
        }
    }

    private void add(long platform, long device, String platformName) {
        String name = "a device";
        try {
            name = text(device, CL12.CL_DEVICE_NAME);
            all.add(describe(platform, device, name, platformName));
        } catch (QuernException e) {
            refusals.add("%s of %s: %s".formatted(name, platformName, e.getMessage()));
        }
    }

    private OpenclHardware describe(long platform, long device, String name, String platformName) {
        long type = number(device, CL12.CL_DEVICE_TYPE);
        String other = (type & CL12.CL_DEVICE_TYPE_CPU) != 0 ? "CPU" : "other";
        long floats = number(device, CL12.CL_DEVICE_SINGLE_FP_CONFIG);
        return new OpenclHardware(
                platform,
                device,
                name,
                platformName,
                text(device, CL12.CL_DEVICE_VERSION),
                text(device, CL12.CL_DRIVER_VERSION),
                (type & CL12.CL_DEVICE_TYPE_GPU) != 0 ? "GPU" : other,
                (int) number(device, CL12.CL_DEVICE_MAX_COMPUTE_UNITS),
                number(device, CL12.CL_DEVICE_GLOBAL_MEM_SIZE),
                number(device, CL12.CL_DEVICE_MAX_MEM_ALLOC_SIZE),
                (floats & CL12.CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0,
                (floats & CL12.CL_FP_FMA) != 0,
                lacks(device));
    }

    private String lacks(long device) {
        String version = text(device, CL12.CL_DEVICE_VERSION);
        if (isOld(version)) { // and may not know what else is asked
            return "has %s, and Quern needs OpenCL 1.2".formatted(version);
        }
        String language = text(device, CL12.CL_DEVICE_OPENCL_C_VERSION);
        if (isOld(language)) {
            return "compiles %s, and Quern needs OpenCL C 1.2".formatted(language);
        }
        if (number(device, CL12.CL_DEVICE_AVAILABLE) == 0) {
            return "is not available, as its driver says";
        }
        if (number(device, CL12.CL_DEVICE_COMPILER_AVAILABLE) == 0) {
            return "has no compiler, and Quern compiles its kernels for each device";
        }
        if (number(device, CL12.CL_DEVICE_ENDIAN_LITTLE) == 0) {
            return "is big-endian, and Quern needs little-endian";
        }
        long bits = number(device, CL12.CL_DEVICE_ADDRESS_BITS);
        if (bits != 64) {
            return "has addresses of %d bits, and Quern needs 64".formatted(bits);
        }
        long group = number(device, CL12.CL_DEVICE_MAX_WORK_GROUP_SIZE);
        if (group < Device.THREADS) {
            return "takes work-groups of %d, and Quern needs %d".formatted(group, Device.THREADS);
        }
        long local = number(device, CL12.CL_DEVICE_LOCAL_MEM_SIZE);
        return local < LEAST_LOCAL_BYTES
                ? "has %d bytes of local memory, and Quern needs %d"
                        .formatted(local, LEAST_LOCAL_BYTES)
                : null;
    }

    private static boolean isOld(String version) {
        return OpenclHardware.version(version) < 1002;
    }

    private long[] handles(Call call, long handle, long what) {
        ByteBuffer ids = direct(8 * MOST);
        ByteBuffer count = direct(4);
        int code = ask(call, handle, what, MOST, ids, count);
        if (code == NO_PLATFORM || code == CL12.CL_DEVICE_NOT_FOUND) {
            return new long[0];
        }
        check(call, code);
        long[] found = new long[Math.min(MOST, count.getInt(0))];
        ids.asLongBuffer().get(found);
        return found;
    }

    private long number(long device, int what) {
        ByteBuffer value = direct(8);
        check(Call.DEVICE, ask(Call.DEVICE, device, what, 8, value, null));
        return value.getLong(0);
    }

    private String text(long device, int what) {
        return text(Call.DEVICE, device, what);
    }

    private String text(Call call, long handle, int what) {
        ByteBuffer size = direct(8);
        check(call, ask(call, handle, what, 0, null, size));
        long length = size.getLong(0);
        if (length < 0 || length > LONGEST_TEXT) {
            throw backend("%s gave a text of %d bytes", call.function, length);
        }
        ByteBuffer value = direct((int) length);
        check(call, ask(call, handle, what, (int) length, value, null));
        return StandardCharsets.UTF_8.decode(value).toString().split("\0", 2)[0].strip();
    }

    private void check(Call call, int code) {
        if (code != CL12.CL_SUCCESS) {
            try {
                LwjglNatives.load(); // which has the names
            } catch (QuernException e) {
                problem = e;
                throw e;
            }
            throw backend("%s gave %s", call.function, OpenclErrors.name(code));
        }
    }
}
