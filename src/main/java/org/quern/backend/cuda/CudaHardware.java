package org.quern.backend.cuda;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuDeviceGetAttribute;
import static jcuda.driver.JCudaDriver.cuDeviceGetCount;
import static jcuda.driver.JCudaDriver.cuDeviceGetName;
import static jcuda.driver.JCudaDriver.cuDeviceTotalMem;
import static org.quern.QuernException.usage;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import jcuda.driver.CUdevice;

/**
 * A CUDA device.
 *
 * @param number its place in the driver's order
 * @param device its handle
 * @param name as the driver gives it
 * @param capability compute capability, ten times the major number plus the minor one
 * @param units multiprocessors
 * @param memory bytes of global memory
 * @param blockMemory bytes of shared memory that a block can have
 * @param clusters whether blocks of a cluster can be launched
 * @param cooperative whether blocks of a grid can wait for each other
 */
record CudaHardware(
        int number,
        CUdevice device,
        String name,
        int capability,
        int units,
        long memory,
        int blockMemory,
        boolean clusters,
        boolean cooperative) {
    /** The least compute capability that the kernels are compiled for. */
    static final int LEAST_CAPABILITY = 75;

    /** Since when devices have clusters; drivers older than it do not know the question. */
    private static final int CLUSTER_CAPABILITY = 90;

    /** How the simulator's devices are named; {@code auto} leaves them alone. */
    private static final String SIMULATED = "cudasim";

    /** All devices, in the driver's order; the driver must have been initialised. */
    static List<CudaHardware> all() {
        int[] count = new int[1];
        CudaErrors.check(cuDeviceGetCount(count), "cuDeviceGetCount");
        List<CudaHardware> all = new ArrayList<>();
        for (int i = 0; i < count[0]; i++) {
            CUdevice device = new CUdevice();
            CudaErrors.check(cuDeviceGet(device, i), "cuDeviceGet");
            byte[] name = new byte[256];
            CudaErrors.check(cuDeviceGetName(name, name.length, device), "cuDeviceGetName");
            long[] memory = new long[1];
            CudaErrors.check(cuDeviceTotalMem(memory, device), "cuDeviceTotalMem");
            int major = attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
            int minor = attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
            all.add(
                    new CudaHardware(
                            i,
                            device,
                            text(name),
                            10 * major + minor,
                            attribute(device, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
                            memory[0],
                            attribute(
                                    device, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
                            10 * major + minor >= CLUSTER_CAPABILITY
                                    && attribute(device, CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH) != 0,
                            attribute(device, CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH) != 0));
        }
        return all;
    }

    private static int attribute(CUdevice device, int attribute) {
        int[] value = new int[1];
        CudaErrors.check(cuDeviceGetAttribute(value, attribute, device), "cuDeviceGetAttribute");
        return value[0];
    }

    private static String text(byte[] zeroTerminated) {
        int length = 0;
        while (length < zeroTerminated.length && zeroTerminated[length] != 0) {
            length++;
        }
        return new String(zeroTerminated, 0, length, StandardCharsets.UTF_8);
    }

    /** The device that is meant, by number or by part of its name; if null, the first that can. */
    static CudaHardware choose(List<CudaHardware> all, String wanted) {
        if (wanted == null) {
            return all.stream().filter(one -> one.lacks() == null).findFirst().orElse(all.get(0));
        }
        if (wanted.matches("[0-9]{1,3}")) {
            int number = Integer.parseInt(wanted);
            if (number < all.size()) {
                return all.get(number);
            }
        } else {
            String part = wanted.toLowerCase(Locale.ROOT);
            for (CudaHardware one : all) {
                if (one.name.toLowerCase(Locale.ROOT).contains(part)) {
                    return one;
                }
            }
        }
        throw usage("--device %s: no such CUDA device; there %s", wanted, listed(all));
    }

    /** The devices with their numbers. */
    static String listed(List<CudaHardware> all) {
        return IntStream.range(0, all.size())
                .mapToObj(i -> i + " (" + all.get(i).name + ")")
                .collect(Collectors.joining(", ", all.size() == 1 ? "is " : "are ", ""));
    }

    /** Why the kernels cannot run on it, or null. */
    String lacks() {
        return capability >= LEAST_CAPABILITY
                ? null
                : "%s has compute capability %d.%d, and the kernels need 7.5 (Turing) or newer: use"
                                .formatted(name, capability / 10, capability % 10)
                        + " --backend opencl";
    }

    boolean isSimulated() {
        return name.startsWith(SIMULATED);
    }

    /** For logs. */
    String description() {
        return "%s (compute capability %d.%d, %d multiprocessors, %,d MiB)"
                .formatted(name, capability / 10, capability % 10, units, memory >> 20);
    }
}
