package org.quern.backend.cuda;

import java.util.List;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.quern.QuernException;
import org.quern.backend.gpu.GpuBackend;

/** The driver, loaded and asked for its devices once. */
final class CudaDriver {
    /**
     * The first driver with all functions that JCuda calls for us (cuGraphInstantiateWithFlags is
     * the youngest): a missing one would end the process. The PTX alone, 6.3, would do from 10.0
     * on.
     */
    private static final int LEAST_VERSION = 11040;

    private static final String NO_DEVICE =
            "no CUDA device is visible: see nvidia-smi, and whether CUDA_VISIBLE_DEVICES hides it";

    private static int version;

    /** All devices. */
    static final GpuBackend.Found<CudaHardware> FOUND = look();

    private CudaDriver() {}

    private static GpuBackend.Found<CudaHardware> look() {
        List<CudaHardware> all = List.of();
        String problem;
        try {
            JCudaNatives.loadDriver();
            problem = initialise();
            if (problem == null) {
                all = CudaHardware.all();
                problem =
                        version < LEAST_VERSION
                                ? "the NVIDIA driver is for CUDA %d.%d, and Quern needs one for 11.4 or newer: update it"
                                        .formatted(version / 1000, version % 1000 / 10)
                                : all.isEmpty() ? NO_DEVICE : null;
            }
        } catch (QuernException e) {
            problem = e.getMessage();
        }
        String others = all.size() > 1 ? "; devices: are " + GpuBackend.numbered(all) : "";
        return new GpuBackend.Found<>(all, problem, others);
    }

    private static String initialise() {
        int code = JCudaDriver.cuInit(0);
        if (code == CUresult.CUDA_ERROR_NO_DEVICE) {
            return NO_DEVICE;
        }
        if (code != CUresult.CUDA_SUCCESS) {
            return "the NVIDIA driver does not start (%s in cuInit): see nvidia-smi; after an update of the driver, restart the machine"
                    .formatted(CudaErrors.name(code));
        }
        int[] number = new int[1];
        CudaErrors.check(JCudaDriver.cuDriverGetVersion(number), "cuDriverGetVersion");
        version = number[0];
        return null;
    }

    /** The CUDA version that it is for: 1000 times the major number plus 10 times the minor one. */
    static int version() {
        return version;
    }
}
