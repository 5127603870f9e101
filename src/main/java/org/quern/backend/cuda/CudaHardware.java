package org.quern.backend.cuda;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
import static org.quern.QuernException.backend;
import static org.quern.backend.cuda.CudaErrors.check;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.quern.QuernException;
import org.quern.backend.gpu.GpuBackend;

/**
 * A CUDA device.
 *
 * @param device its handle
 * @param capability compute capability, ten times the major number plus the minor one
 * @param blockMemory bytes of shared memory that a block can have
 * @param clusters whether blocks of a cluster can be launched
 * @param cooperative whether blocks of a grid can wait for each other
 */
record CudaHardware(
        CUdevice device,
        CudaContext context,
        String name,
        int capability,
        int units,
        long memory,
        int blockMemory,
        boolean clusters,
        boolean cooperative)
        implements GpuBackend.Hardware {
    /** The least compute capability that the kernels are compiled for. */
    private static final int LEAST_CAPABILITY = 75;

    /** Since when devices have clusters; drivers older than it do not know the question. */
    private static final int CLUSTER_CAPABILITY = 90;

    /** How the simulator's devices are named; {@code auto} leaves them alone. */
    private static final String SIMULATED = "cudasim";

    /**
     * The first driver with all functions that JCuda calls for us (cuGraphInstantiateWithFlags is
     * the youngest): a missing one would end the process. The PTX alone, 6.3, would do from 10.0
     * on.
     */
    private static final int LEAST_DRIVER = 11040;

    private static final String NO_DEVICE =
            "no CUDA device is visible: see nvidia-smi, and whether CUDA_VISIBLE_DEVICES hides it";

    private static int driver;

    /** All devices of the driver, which is loaded and asked for them once. */
    static final GpuBackend.Found<CudaHardware> FOUND = look();

    /** What the driver is for: 1000 times CUDA's major version plus 10 times the minor one. */
    static int driver() {
        return driver;
    }

    private static GpuBackend.Found<CudaHardware> look() {
        List<CudaHardware> all = List.of();
        String problem = null;
        try {
            JCudaNatives.loadDriver();
            initialise();
            all = all();
            if (driver < LEAST_DRIVER) {
                throw backend(
                        "the NVIDIA driver is for CUDA %d.%d, and Quern needs one for 11.4 or newer: update it",
                        driver / 1000, driver % 1000 / 10);
            }
            if (all.isEmpty()) {
                throw backend(NO_DEVICE);
            }
        } catch (QuernException e) {
            problem = e.getMessage();
        }
        String others = all.size() > 1 ? "; devices: " + GpuBackend.numbered(all) : "";
        return new GpuBackend.Found<>(all, problem, others);
    }

    private static void initialise() {
        int code = JCudaDriver.cuInit(0);
        if (code == CUresult.CUDA_ERROR_NO_DEVICE) {
            throw backend(NO_DEVICE);
        }
        if (code != CUresult.CUDA_SUCCESS) {
            throw backend(
                    "the NVIDIA driver does not start (%s in cuInit): see nvidia-smi; after an update of the driver, restart the machine",
                    CudaErrors.name(code));
        }
        int[] number = new int[1];
        check(JCudaDriver.cuDriverGetVersion(number), "cuDriverGetVersion");
        driver = number[0];
    }

    private static List<CudaHardware> all() {
        int[] count = new int[1];
        check(JCudaDriver.cuDeviceGetCount(count), "cuDeviceGetCount");
        List<CudaHardware> all = new ArrayList<>();
        for (int i = 0; i < count[0]; i++) {
            CUdevice device = new CUdevice();
            check(JCudaDriver.cuDeviceGet(device, i), "cuDeviceGet");
            byte[] name = new byte[256];
            check(JCudaDriver.cuDeviceGetName(name, name.length, device), "cuDeviceGetName");
            long[] memory = new long[1];
            check(JCudaDriver.cuDeviceTotalMem(memory, device), "cuDeviceTotalMem");
            int major = ask(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
            int minor = ask(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
            int capability = 10 * major + minor;
            all.add(
                    new CudaHardware(
                            device,
                            new CudaContext(device, capability),
                            new String(name, StandardCharsets.UTF_8).split("\0", 2)[0],
                            capability,
                            ask(device, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
                            memory[0],
                            ask(device, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
                            capability >= CLUSTER_CAPABILITY
                                    && ask(device, CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH) != 0,
                            ask(device, CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH) != 0));
        }
        return all;
    }

    private static int ask(CUdevice device, int attribute) {
        int[] value = new int[1];
        check(JCudaDriver.cuDeviceGetAttribute(value, attribute, device), "cuDeviceGetAttribute");
        return value[0];
    }

    @Override
    public String lacks() {
        return capability >= LEAST_CAPABILITY
                ? null
                : "has compute capability %d.%d, and the kernels need 7.5 (Turing) or newer"
                        .formatted(capability / 10, capability % 10);
    }

    @Override
    public boolean isAutomatic() {
        return !name.startsWith(SIMULATED);
    }

    @Override
    public String description() {
        return "%s (compute capability %d.%d, %d multiprocessors, %,d MiB)"
                .formatted(name, capability / 10, capability % 10, units, memory >> 20);
    }
}
