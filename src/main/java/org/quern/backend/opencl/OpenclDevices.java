package org.quern.backend.opencl;

import static org.lwjgl.opencl.CL10.CL_DEVICE_ADDRESS_BITS;
import static org.lwjgl.opencl.CL10.CL_DEVICE_AVAILABLE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_COMPILER_AVAILABLE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_ENDIAN_LITTLE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_GLOBAL_MEM_SIZE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_LOCAL_MEM_SIZE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_MAX_COMPUTE_UNITS;
import static org.lwjgl.opencl.CL10.CL_DEVICE_MAX_MEM_ALLOC_SIZE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_MAX_WORK_GROUP_SIZE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_NAME;
import static org.lwjgl.opencl.CL10.CL_DEVICE_NOT_FOUND;
import static org.lwjgl.opencl.CL10.CL_DEVICE_SINGLE_FP_CONFIG;
import static org.lwjgl.opencl.CL10.CL_DEVICE_TYPE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_TYPE_ALL;
import static org.lwjgl.opencl.CL10.CL_DEVICE_TYPE_CPU;
import static org.lwjgl.opencl.CL10.CL_DEVICE_TYPE_GPU;
import static org.lwjgl.opencl.CL10.CL_DEVICE_VERSION;
import static org.lwjgl.opencl.CL10.CL_DRIVER_VERSION;
import static org.lwjgl.opencl.CL10.CL_PLATFORM_NAME;
import static org.lwjgl.opencl.CL10.CL_SUCCESS;
import static org.lwjgl.opencl.CL10.nclGetDeviceIDs;
import static org.lwjgl.opencl.CL10.nclGetDeviceInfo;
import static org.lwjgl.opencl.CL10.nclGetPlatformIDs;
import static org.lwjgl.opencl.CL10.nclGetPlatformInfo;
import static org.lwjgl.opencl.CL11.CL_DEVICE_OPENCL_C_VERSION;
import static org.lwjgl.opencl.CL12.CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT;
import static org.lwjgl.system.MemoryUtil.memAddress;
import static org.lwjgl.system.MemoryUtil.memUTF8;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.quern.backend.gpu.Device;
import org.quern.backend.nativelib.NativeLibraries.UnavailableException;

/**
 * The devices of all platforms, looked for once. A platform or a device that answers with an error
 * is told of and left out; it keeps nobody from using the others.
 */
final class OpenclDevices {
    private static final int LEAST_LOCAL_BYTES = 25 * 1024;
    private static final int MOST = 64;
    private static final int LONGEST_TEXT = 1 << 16;
    private static final Pattern VERSION =
            Pattern.compile("OpenCL (?:C )?(\\d{1,4})\\.(\\d{1,4}).*");

    /** The loader's own code for "no platform", CL_PLATFORM_NOT_FOUND_KHR. */
    private static final int NO_PLATFORM = -1001;

    private static final OpenclDevices FOUND = new OpenclDevices();

    private final List<OpenclHardware> all = new ArrayList<>();
    private final List<String> refusals = new ArrayList<>();
    private final String problem;

    private OpenclDevices() {
        String reason = null;
        try {
            LwjglNatives.load(System.getenv());
            look();
        } catch (UnavailableException e) {
            reason = e.getMessage();
        }
        if (reason == null && all.stream().allMatch(device -> device.lacks() != null)) {
            reason =
                    all.isEmpty() && refusals.isEmpty()
                            ? "no OpenCL device was found: " + LwjglNatives.INSTALL
                            : "no OpenCL device can be used: %s; %s"
                                    .formatted(listed(), LwjglNatives.INSTALL);
        }
        problem = reason;
    }

    /** Those of this machine. */
    static OpenclDevices found() {
        return FOUND;
    }

    /** Why none can be used, in a sentence; null if one can. */
    String problem() {
        return problem;
    }

    /** All that answered, in OpenCL's order, those that cannot be used too. */
    List<OpenclHardware> all() {
        return all;
    }

    /** The devices with their numbers, and what was said instead of more of them. */
    String listed() {
        List<String> parts = new ArrayList<>(refusals);
        if (!all.isEmpty()) {
            parts.add(0, OpenclHardware.numbered(all));
        }
        return String.join("; ", parts);
    }

    /** Whether there is more to say of them than which one is taken. */
    boolean isPlain() {
        return all.size() == 1 && refusals.isEmpty();
    }

    /** Something was asked and the answer was an error; the message is the call and its code. */
    private static final class RefusedException extends Exception {
        private static final long serialVersionUID = 1L;

        RefusedException(String call, int code) {
            super(call + " gave " + OpenclErrors.name(code));
        }

        RefusedException(String message) {
            super(message);
        }
    }

    private void look() {
        long[] platforms = {};
        try {
            platforms =
                    handles(
                            "clGetPlatformIDs",
                            (n, ids, count) -> nclGetPlatformIDs(n, ids, count));
        } catch (RefusedException e) {
            refusals.add(e.getMessage());
        }
        for (int p = 0; p < platforms.length; p++) {
            long platform = platforms[p];
            String name = "platform " + p;
            try {
                name +=
                        " (%s)"
                                .formatted(
                                        text(
                                                "clGetPlatformInfo",
                                                (size, to, length) ->
                                                        nclGetPlatformInfo(
                                                                platform,
                                                                CL_PLATFORM_NAME,
                                                                size,
                                                                to,
                                                                length)));
                for (long device :
                        handles(
                                "clGetDeviceIDs",
                                (n, ids, count) ->
                                        nclGetDeviceIDs(
                                                platform, CL_DEVICE_TYPE_ALL, n, ids, count))) {
                    add(platform, device, name);
                }
            } catch (RefusedException e) {
                refusals.add(name + ": " + e.getMessage());
            }
        }
    }

    private void add(long platform, long device, String platformName) {
        String name = "a device";
        try {
            name = text(device, CL_DEVICE_NAME);
            all.add(describe(platform, device, name));
        } catch (RefusedException e) {
            refusals.add("%s of %s: %s".formatted(name, platformName, e.getMessage()));
        }
    }

    private interface Handles {
        int ask(int most, long ids, long count);
    }

    private static long[] handles(String call, Handles query) throws RefusedException {
        ByteBuffer ids = OpenclHardware.direct(8 * MOST);
        ByteBuffer count = OpenclHardware.direct(4);
        int code = query.ask(MOST, memAddress(ids), memAddress(count));
        if (code == NO_PLATFORM || code == CL_DEVICE_NOT_FOUND) {
            return new long[0];
        }
        if (code != CL_SUCCESS) {
            throw new RefusedException(call, code);
        }
        long[] found = new long[Math.min(MOST, count.getInt(0))];
        for (int i = 0; i < found.length; i++) {
            found[i] = ids.getLong(8 * i);
        }
        return found;
    }

    private static OpenclHardware describe(long platform, long device, String name)
            throws RefusedException {
        long type = number(device, CL_DEVICE_TYPE);
        return new OpenclHardware(
                platform,
                device,
                name,
                text(device, CL_DEVICE_VERSION),
                text(device, CL_DRIVER_VERSION),
                (type & CL_DEVICE_TYPE_GPU) != 0
                        ? "GPU"
                        : (type & CL_DEVICE_TYPE_CPU) != 0 ? "CPU" : "other",
                (int) number(device, CL_DEVICE_MAX_COMPUTE_UNITS),
                number(device, CL_DEVICE_GLOBAL_MEM_SIZE),
                number(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE),
                (number(device, CL_DEVICE_SINGLE_FP_CONFIG) & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT)
                        != 0,
                lacks(device));
    }

    /** What Quern needs and a device has not, or null. */
    private static String lacks(long device) throws RefusedException {
        String version = text(device, CL_DEVICE_VERSION);
        if (isOld(version)) { // and may not know what else is asked
            return "has %s, and Quern needs OpenCL 1.2".formatted(version);
        }
        String language = text(device, CL_DEVICE_OPENCL_C_VERSION);
        if (isOld(language)) {
            return "compiles %s, and Quern needs OpenCL C 1.2".formatted(language);
        }
        if (number(device, CL_DEVICE_AVAILABLE) == 0) {
            return "is not available, as its driver says";
        }
        if (number(device, CL_DEVICE_COMPILER_AVAILABLE) == 0) {
            return "has no compiler, and Quern compiles its kernels for each device";
        }
        if (number(device, CL_DEVICE_ENDIAN_LITTLE) == 0) {
            return "is big-endian, and Quern needs little-endian";
        }
        long bits = number(device, CL_DEVICE_ADDRESS_BITS);
        if (bits != 64) {
            return "has addresses of %d bits, and Quern needs 64".formatted(bits);
        }
        long group = number(device, CL_DEVICE_MAX_WORK_GROUP_SIZE);
        if (group < Device.THREADS) {
            return "takes work-groups of %d, and Quern needs %d".formatted(group, Device.THREADS);
        }
        long local = number(device, CL_DEVICE_LOCAL_MEM_SIZE);
        if (local < LEAST_LOCAL_BYTES) {
            return "has %d bytes of local memory, and Quern needs %d"
                    .formatted(local, LEAST_LOCAL_BYTES);
        }
        return null;
    }

    private static boolean isOld(String version) {
        Matcher numbers = VERSION.matcher(version);
        return !numbers.matches()
                || 1000 * Integer.parseInt(numbers.group(1)) + Integer.parseInt(numbers.group(2))
                        < 1002;
    }

    private static long number(long device, int what) throws RefusedException {
        ByteBuffer value = OpenclHardware.direct(8);
        int code = nclGetDeviceInfo(device, what, 8, memAddress(value), 0);
        if (code != CL_SUCCESS) {
            throw new RefusedException("clGetDeviceInfo", code);
        }
        return value.getLong(0);
    }

    private static String text(long device, int what) throws RefusedException {
        return text(
                "clGetDeviceInfo",
                (size, to, length) -> nclGetDeviceInfo(device, what, size, to, length));
    }

    private interface Text {
        int ask(long size, long to, long length);
    }

    private static String text(String call, Text query) throws RefusedException {
        ByteBuffer size = OpenclHardware.direct(8);
        int code = query.ask(0, 0, memAddress(size));
        long length = size.getLong(0);
        if (code == CL_SUCCESS && (length < 0 || length > LONGEST_TEXT)) {
            throw new RefusedException("%s gave a text of %d bytes".formatted(call, length));
        }
        ByteBuffer value = OpenclHardware.direct((int) length + 1);
        code = code != CL_SUCCESS ? code : query.ask(length, memAddress(value), 0);
        if (code != CL_SUCCESS) {
            throw new RefusedException(call, code);
        }
        return memUTF8(memAddress(value)).strip();
    }
}
