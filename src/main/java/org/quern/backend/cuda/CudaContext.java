package org.quern.backend.cuda;

import static org.quern.backend.cuda.CudaErrors.check;

import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUcontext;
import jcuda.driver.JCudaDriver;
import org.quern.QuernException;

/**
 * The primary context of a device with the kernels in it. Made when the device is first used and
 * kept until the process ends: making one takes some tenths of a second.
 */
final class CudaContext {
    private static final Map<Integer, CudaContext> CONTEXTS = new HashMap<>();

    private final CUcontext context = new CUcontext();
    final CudaHardware hardware;
    private final Map<String, CudaModule> modules = new HashMap<>();
    private final Map<String, QuernException> refused = new HashMap<>();

    private CudaContext(CudaHardware hardware) {
        this.hardware = hardware;
        int code = JCudaDriver.cuDevicePrimaryCtxRetain(context, hardware.device());
        check(code, "cuDevicePrimaryCtxRetain");
    }

    static CudaContext of(CudaHardware hardware) {
        synchronized (CONTEXTS) {
            return CONTEXTS.computeIfAbsent(hardware.number(), number -> new CudaContext(hardware));
        }
    }

    /** Makes it that of the calling thread. */
    void enter() {
        check(JCudaDriver.cuCtxSetCurrent(context), "cuCtxSetCurrent");
    }

    /** A unit of kernels for the context, which must be entered; a refusal is kept. */
    CudaModule module(String unit) {
        synchronized (modules) {
            if (refused.containsKey(unit)) {
                throw refused.get(unit);
            }
            try {
                return modules.computeIfAbsent(
                        unit, name -> CudaModule.of(name, hardware.capability()));
            } catch (QuernException e) {
                refused.put(unit, e);
                throw e;
            }
        }
    }
}
