package org.quern.backend.cuda;

import jcuda.driver.CUfunction;
import org.quern.backend.nativelib.NativeLibraries.UnavailableException;

/** What the driver knows of clusters and JCuda does not ask: {@code native/occupancy.c} does. */
final class CudaOccupancy {
    /** No answer of the driver's: it does not have the call, or this jar does not. */
    private static final int UNKNOWN = Integer.MIN_VALUE;

    private CudaOccupancy() {}

    /** A function whose address can be read, which JCuda shows to subclasses alone. */
    static final class Function extends CUfunction {
        long address() {
            return getNativePointer();
        }
    }

    /**
     * Clusters of a kernel that the current device runs at a time; a negative number if the driver
     * does not say, that of its error or another one.
     *
     * @param blocks of a cluster, for which the kernel was compiled
     * @param bytes of dynamic shared memory of a block
     */
    static int clusters(CUfunction function, int blocks, int threads, int bytes) {
        try {
            JCudaNatives.loadBridge(System.getenv());
        } catch (UnavailableException e) {
            return UNKNOWN; // a jar that was built without a C compiler
        }
        int answer = clusters(((Function) function).address(), blocks, threads, bytes);
        if (answer != UNKNOWN && answer < 0 && CudaErrors.isSticky(-answer)) {
            throw CudaErrors.failure(-answer, "cuOccupancyMaxActiveClusters");
        }
        return answer;
    }

    private static native int clusters(long function, int blocks, int threads, int bytes);
}
