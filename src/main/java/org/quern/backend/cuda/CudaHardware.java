package org.quern.backend.cuda;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
import static org.quern.QuernException.absent;
import static org.quern.QuernException.backend;
import static org.quern.backend.cuda.CudaErrors.check;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.quern.QuernException;
import org.quern.backend.gpu.GpuBackend;

/**
 * A CUDA device, and its primary context with the kernels in it. That is made when it is first
 * entered and kept until the process ends: making one takes some tenths of a second.
 */
final class CudaHardware implements GpuBackend.Hardware {
    private static final int LEAST_CAPABILITY = 75; // that the kernels are compiled for
    private static final int CLUSTER_CAPABILITY =
            90; // the first with clusters; older drivers know no such attribute
    private static final String SIMULATED = "cudasim"; // devices that auto leaves alone

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

    final CUdevice device = new CUdevice();
    private final String name;
    private final long memory;
    private final int units;
    private final int capability; // ten times the major number plus the minor one
    final int blockMemory; // bytes of shared memory that a block can have
    final boolean hasClusters;
    final boolean isCooperative; // whether blocks of a grid can wait for each other
    private CUcontext context;
    private final Map<String, CudaModule> modules = new HashMap<>();
    private final Map<String, QuernException> refused = new HashMap<>();

    private CudaHardware(int number) {
        check(JCudaDriver.cuDeviceGet(device, number), "cuDeviceGet");
        byte[] text = new byte[256];
        check(JCudaDriver.cuDeviceGetName(text, text.length, device), "cuDeviceGetName");
        name = new String(text, StandardCharsets.UTF_8).split("\0", 2)[0];
        long[] bytes = new long[1];
        check(JCudaDriver.cuDeviceTotalMem(bytes, device), "cuDeviceTotalMem");
        memory = bytes[0];
        int major = ask(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
        capability = 10 * major + ask(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
        units = ask(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
        blockMemory = ask(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
        hasClusters =
                capability >= CLUSTER_CAPABILITY && ask(CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH) != 0;
        isCooperative = ask(CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH) != 0;
    }

    private int ask(int attribute) {
        int[] value = new int[1];
        check(JCudaDriver.cuDeviceGetAttribute(value, attribute, device), "cuDeviceGetAttribute");
        return value[0];
    }

    /** What the driver is for: 1000 times CUDA's major version plus 10 times the minor one. */
    static int driver() {
        return driver;
    }

    private static GpuBackend.Found<CudaHardware> look() {
        List<CudaHardware> all = List.of();
        QuernException problem = null;
        try {
            JCudaNatives.loadDriver();
            all = IntStream.range(0, initialise()).mapToObj(CudaHardware::new).toList();
            if (driver < LEAST_DRIVER) {
                throw backend(
                        "the NVIDIA driver is for CUDA %d.%d, and Quern needs one for 11.4 or newer: update it",
                        driver / 1000, driver % 1000 / 10);
            }
            if (all.isEmpty()) {
                throw absent(NO_DEVICE);
            }
        } catch (QuernException e) {
            problem = e;
        }
        String others = all.size() > 1 ? "; devices: " + GpuBackend.numbered(all) : "";
        return new GpuBackend.Found<>(all, problem, others);
    }

    /** Starts the driver, and returns the number of its devices. */
    private static int initialise() {
        int code = JCudaDriver.cuInit(0);
        if (code == CUresult.CUDA_ERROR_NO_DEVICE) {
            throw absent(NO_DEVICE);
        }
        if (code != CUresult.CUDA_SUCCESS) {
            throw backend(
                    "the NVIDIA driver does not start (%s in cuInit): see nvidia-smi; after an update of the driver, restart the machine",
                    CudaErrors.name(code));
        }
        int[] number = new int[1];
        check(JCudaDriver.cuDriverGetVersion(number), "cuDriverGetVersion");
        driver = number[0];
        check(JCudaDriver.cuDeviceGetCount(number), "cuDeviceGetCount");
        return number[0];
    }

    /** Makes its context that of the calling thread. */
    synchronized void enter() {
        if (context == null) {
            CUcontext made = new CUcontext();
            check(JCudaDriver.cuDevicePrimaryCtxRetain(made, device), "cuDevicePrimaryCtxRetain");
            context = made;
        }
        check(JCudaDriver.cuCtxSetCurrent(context), "cuCtxSetCurrent");
    }

    /** A unit of kernels for the context, which must be entered; a refusal is kept. */
    CudaModule module(String unit) {
        synchronized (modules) { // others may enter the context meanwhile
            if (refused.containsKey(unit)) {
                throw refused.get(unit);
            }
            try {
                return modules.computeIfAbsent(unit, name -> CudaModule.of(name, capability));
            } catch (QuernException e) {
                refused.put(unit, e);
                throw e;
            }
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public int units() {
        return units;
    }

    @Override
    public long memory() {
        return memory;
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
