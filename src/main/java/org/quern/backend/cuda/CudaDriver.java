package org.quern.backend.cuda;

import java.util.List;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.quern.QuernException;

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

    private static final CudaDriver INSTANCE = new CudaDriver();

    private List<CudaHardware> devices = List.of();
    private int version;
    private final String problem;

    private CudaDriver() {
        String reason;
        try {
            JCudaNatives.loadDriver();
            reason = initialise();
        } catch (QuernException e) {
            reason = e.getMessage();
        }
        problem = reason;
    }

    static CudaDriver instance() {
        return INSTANCE;
    }

    private String initialise() {
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
        devices = CudaHardware.all();
        if (version < LEAST_VERSION) {
            return "the NVIDIA driver is for CUDA %d.%d, and Quern needs one for 11.4 or newer: update it"
                    .formatted(version / 1000, version % 1000 / 10);
        }
        return devices.isEmpty() ? NO_DEVICE : null;
    }

    /** All devices, if there is no problem. */
    List<CudaHardware> devices() {
        return devices;
    }

    /** The CUDA version that it is for: 1000 times the major number plus 10 times the minor one. */
    int version() {
        return version;
    }

    /** Why nothing can run, in a sentence; null if something can. */
    String problem() {
        return problem;
    }
}
