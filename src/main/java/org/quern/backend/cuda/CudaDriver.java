package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.cuDriverGetVersion;
import static jcuda.driver.JCudaDriver.cuInit;

import java.util.List;
import jcuda.driver.CUresult;
import org.quern.QuernException;
import org.quern.backend.nativelib.NativeLibraries;

/** The driver, loaded and asked for its devices once. */
final class CudaDriver {
    /**
     * The first driver with all functions that JCuda calls for us (cuGraphInstantiateWithFlags is
     * the youngest): a missing one would end the process. The PTX alone, 6.3, would do from 10.0
     * on.
     */
    private static final int LEAST_VERSION = 11040;

    private static final CudaDriver INSTANCE = new CudaDriver();

    private final List<CudaHardware> devices;
    private final int version;
    private final String problem;

    private CudaDriver() {
        List<CudaHardware> found = List.of();
        int driver = 0;
        String reason;
        try {
            JCudaNatives.loadDriver(System.getenv());
            reason = initialise();
            if (reason == null) {
                int[] number = new int[1];
                CudaErrors.check(cuDriverGetVersion(number), "cuDriverGetVersion");
                driver = number[0];
                found = CudaHardware.all();
                reason = examine(driver, found);
            }
        } catch (NativeLibraries.UnavailableException | QuernException e) {
            reason = e.getMessage();
        }
        devices = found;
        version = driver;
        problem = reason;
    }

    static CudaDriver instance() {
        return INSTANCE;
    }

    private static String initialise() {
        int code = cuInit(0);
        return switch (code) {
            case CUresult.CUDA_SUCCESS -> null;
            case CUresult.CUDA_ERROR_NO_DEVICE -> noDevice();
            default ->
                    "the NVIDIA driver does not start (%s in cuInit): see nvidia-smi; after an update of the driver, restart the machine"
                            .formatted(CudaErrors.name(code));
        };
    }

    private static String examine(int version, List<CudaHardware> devices) {
        if (version < LEAST_VERSION) {
            return "the NVIDIA driver is for CUDA %d.%d, and Quern needs one for 11.4 or newer: update it"
                    .formatted(version / 1000, version % 1000 / 10);
        }
        return devices.isEmpty() ? noDevice() : null;
    }

    private static String noDevice() {
        return "no CUDA device is visible: see nvidia-smi, and whether CUDA_VISIBLE_DEVICES hides it";
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
