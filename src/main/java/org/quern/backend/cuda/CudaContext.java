package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRetain;

import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUcontext;

/**
 * The primary context of a device with the kernels in it. Made when the device is first used and
 * kept until the process ends: making one takes some tenths of a second.
 */
final class CudaContext {
    private static final Map<Integer, CudaContext> CONTEXTS = new HashMap<>();

    private final CUcontext context = new CUcontext();
    private final Map<String, CudaModule> modules = new HashMap<>();

    private CudaContext(CudaHardware hardware) {
        CudaErrors.check(
                cuDevicePrimaryCtxRetain(context, hardware.device()), "cuDevicePrimaryCtxRetain");
        enter();
        module(CudaModule.MAIN);
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

    /** A unit of the kernels, loaded when it is first asked for; the context must be current. */
    CudaModule module(String unit) {
        synchronized (modules) {
            return modules.computeIfAbsent(unit, CudaModule::new);
        }
    }
}
