package org.quern.backend.cuda;

import static org.quern.backend.cuda.CudaErrors.check;

import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.JCudaDriver;
import org.quern.QuernException;

/**
 * The primary context of a device with the kernels in it. Made when it is first entered and kept
 * until the process ends: making one takes some tenths of a second.
 */
final class CudaContext {
    private final CUdevice device;
    private final int capability;
    private CUcontext context;
    private final Map<String, CudaModule> modules = new HashMap<>();
    private final Map<String, QuernException> refused = new HashMap<>();

    CudaContext(CUdevice device, int capability) {
        this.device = device;
        this.capability = capability;
    }

    /** Makes it that of the calling thread. */
    synchronized void enter() {
        if (context == null) {
            CUcontext made = new CUcontext();
            check(JCudaDriver.cuDevicePrimaryCtxRetain(made, device), "cuDevicePrimaryCtxRetain");
            context = made;
        }
        check(JCudaDriver.cuCtxSetCurrent(context), "cuCtxSetCurrent");
    }

    /** A unit of kernels for the context, which must be entered; a refusal is kept. */
    synchronized CudaModule module(String unit) {
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
