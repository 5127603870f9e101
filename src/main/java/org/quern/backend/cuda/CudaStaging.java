package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuEventSynchronize;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;

/**
 * Pinned host memory for copies, in two halves: while the device copies from one, the host fills
 * the other.
 */
final class CudaStaging {
    private static final int HALVES = 2;
    private static final int BYTES = 2 << 20;

    private final Pointer[] pointers = new Pointer[HALVES];
    private final ByteBuffer[] halves = new ByteBuffer[HALVES];
    private final CUevent[] sent = new CUevent[HALVES];
    private final boolean[] underWay = new boolean[HALVES];
    private int current;

    CudaStaging(CudaDevice owner) {
        for (int i = 0; i < HALVES; i++) {
            pointers[i] = owner.pinned(BYTES, 0);
            halves[i] = pointers[i].getByteBuffer(0, BYTES).order(ByteOrder.nativeOrder());
            sent[i] = new CUevent();
            CudaErrors.check(
                    cuEventCreate(sent[i], CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
        }
    }

    /** The half that was not given last, once the copy from it is done. */
    ByteBuffer next() {
        current = (current + 1) % HALVES;
        if (underWay[current]) {
            CudaErrors.check(cuEventSynchronize(sent[current]), "cuEventSynchronize");
            underWay[current] = false;
        }
        return halves[current];
    }

    /** The address of the half that was given last; null for any other buffer. */
    Pointer pointer(ByteBuffer buffer) {
        return buffer == halves[current] ? pointers[current] : null;
    }

    /** Says that a copy from the half that was given last is in the stream. */
    void sent(CUstream stream) {
        CudaErrors.check(cuEventRecord(sent[current], stream), "cuEventRecord");
        underWay[current] = true;
    }

    /** Gives it back; nothing may be under way. */
    void close() {
        for (int i = 0; i < HALVES; i++) {
            CudaErrors.check(cuEventDestroy(sent[i]), "cuEventDestroy");
            CudaErrors.check(cuMemFreeHost(pointers[i]), "cuMemFreeHost");
        }
    }
}
