package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRetain;

import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUcontext;
import org.quern.QuernException;

/**
 * The primary context of a device with the kernels in it. Made when the device is first used and
 * kept until the process ends: making one takes some tenths of a second.
 */
final class CudaContext {
    private static final Map<Integer, CudaContext> CONTEXTS = new HashMap<>();

    private final CUcontext context = new CUcontext();
    private final CudaHardware hardware;
    private final Map<String, CudaModule> modules = new HashMap<>();
    private final Map<String, QuernException> refused = new HashMap<>();

    private CudaContext(CudaHardware hardware) {
        CudaErrors.check(
                cuDevicePrimaryCtxRetain(context, hardware.device()), "cuDevicePrimaryCtxRetain");
        this.hardware = hardware;
    }

    /** The context of a device. */
    static CudaContext of(CudaHardware hardware) {
        synchronized (CONTEXTS) {
            CudaContext made = CONTEXTS.get(hardware.number());
            if (made == null) {
                made = new CudaContext(hardware);
                CONTEXTS.put(hardware.number(), made);
            }
            return made;
        }
    }

    /** Makes it that of the calling thread. */
    void enter() {
        CudaErrors.check(cuCtxSetCurrent(context), "cuCtxSetCurrent");
    }

    /**
     * A unit of kernels, loaded when it is first asked for; the context must be entered. A driver
     * that does not take a unit is not asked for it again.
     */
    CudaModule module(String unit) {
        synchronized (modules) {
            if (refused.containsKey(unit)) {
                throw refused.get(unit);
            }
            CudaModule module = modules.get(unit);
            if (module == null) {
                try {
                    module = CudaModule.of(unit, hardware.capability());
                } catch (QuernException e) {
                    refused.put(unit, e);
                    throw e;
                }
                modules.put(unit, module);
            }
            return module;
        }
    }
}
