package org.quern.backend.opencl;

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
import static org.lwjgl.opencl.CL10.CL_SUCCESS;
import static org.lwjgl.opencl.CL10.nclGetDeviceIDs;
import static org.lwjgl.opencl.CL10.nclGetDeviceInfo;
import static org.lwjgl.opencl.CL10.nclGetPlatformIDs;
import static org.lwjgl.opencl.CL12.CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT;
import static org.lwjgl.system.MemoryUtil.memAddress;
import static org.lwjgl.system.MemoryUtil.memUTF8;
import static org.quern.QuernException.usage;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.quern.backend.kernel.Device;

/**
 * A device of some OpenCL platform.
 *
 * @param platform the platform's handle
 * @param id the device's handle
 * @param type {@code GPU}, {@code CPU} or {@code other}
 * @param units compute units
 * @param memory bytes of global memory
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
        String lacks) {
    private static final int LEAST_LOCAL_BYTES = 25 * 1024;
    private static final int MOST = 64;

    /** All devices of all platforms, in OpenCL's order. */
    static List<OpenclHardware> all() {
        List<OpenclHardware> all = new ArrayList<>();
        for (long platform : handles((n, ids, count) -> nclGetPlatformIDs(n, ids, count))) {
            for (long device :
                    handles(
                            (n, ids, count) ->
                                    nclGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, n, ids, count))) {
                all.add(describe(platform, device));
            }
        }
        return all;
    }

    private interface Query {
        int ask(int most, long ids, long count);
    }

    private static long[] handles(Query query) {
        ByteBuffer ids = direct(8 * MOST);
        ByteBuffer count = direct(4);
        int code = query.ask(MOST, memAddress(ids), memAddress(count));
        // the loader's own code for "no platform" (CL_PLATFORM_NOT_FOUND_KHR)
        if (code == -1001 || code == CL_DEVICE_NOT_FOUND) {
            return new long[0];
        }
        OpenclErrors.check(code, "asking for devices");
        long[] found = new long[Math.min(MOST, count.getInt(0))];
        for (int i = 0; i < found.length; i++) {
            found[i] = ids.getLong(8 * i);
        }
        return found;
    }

    private static OpenclHardware describe(long platform, long device) {
        long type = number(device, CL_DEVICE_TYPE);
        long local = number(device, CL_DEVICE_LOCAL_MEM_SIZE);
        long group = number(device, CL_DEVICE_MAX_WORK_GROUP_SIZE);
        String lacks = null;
        if (group < Device.THREADS) {
            lacks = "takes work-groups of %d, and Quern needs %d".formatted(group, Device.THREADS);
        } else if (local < LEAST_LOCAL_BYTES) {
            lacks =
                    "has %d bytes of local memory, and Quern needs %d"
                            .formatted(local, LEAST_LOCAL_BYTES);
        }
        return new OpenclHardware(
                platform,
                device,
                text(device, CL_DEVICE_NAME),
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
                lacks);
    }

    private static long number(long device, int what) {
        ByteBuffer value = direct(8);
        OpenclErrors.check(
                nclGetDeviceInfo(device, what, 8, memAddress(value), 0), "clGetDeviceInfo");
        return value.getLong(0);
    }

    private static String text(long device, int what) {
        ByteBuffer size = direct(8);
        int code = nclGetDeviceInfo(device, what, 0, 0, memAddress(size));
        OpenclErrors.check(code, "clGetDeviceInfo");
        ByteBuffer value = direct((int) size.getLong(0) + 1);
        code = nclGetDeviceInfo(device, what, value.capacity(), memAddress(value), 0);
        OpenclErrors.check(code, "clGetDeviceInfo");
        return code == CL_SUCCESS ? memUTF8(memAddress(value)).strip() : "";
    }

    /**
     * The device that is meant: by number or by part of its name; if null, a GPU before all others.
     */
    static OpenclHardware choose(List<OpenclHardware> all, String wanted) {
        OpenclHardware chosen = null;
        if (wanted == null) {
            for (OpenclHardware device : all) {
                boolean better = chosen == null || device.isGpu() && !chosen.isGpu();
                chosen = device.lacks == null && better ? device : chosen;
            }
            chosen = chosen == null && !all.isEmpty() ? all.get(0) : chosen;
        } else if (wanted.chars().allMatch(Character::isDigit) && wanted.length() < 4) {
            int number = Integer.parseInt(wanted.isEmpty() ? "0" : wanted);
            chosen = number < all.size() ? all.get(number) : null;
        } else {
            String part = wanted.toLowerCase(Locale.ROOT);
            chosen =
                    all.stream()
                            .filter(d -> d.name.toLowerCase(Locale.ROOT).contains(part))
                            .findFirst()
                            .orElse(null);
        }
        if (chosen == null) {
            throw usage("--device %s: no such OpenCL device; there %s", wanted, listed(all));
        }
        return chosen;
    }

    /** The devices with their numbers. */
    static String listed(List<OpenclHardware> all) {
        return all.isEmpty()
                ? "is none"
                : IntStream.range(0, all.size())
                        .mapToObj(i -> i + " (" + all.get(i).name + ")")
                        .collect(Collectors.joining(", ", all.size() == 1 ? "is " : "are ", ""));
    }

    boolean isGpu() {
        return type.equals("GPU");
    }

    /** For logs. */
    String description() {
        return "%s (%s, %s, %d compute units, %d MiB)"
                .formatted(name, type, version, units, memory >> 20);
    }

    static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }
}
