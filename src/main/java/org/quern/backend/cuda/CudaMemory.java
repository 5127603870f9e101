package org.quern.backend.cuda;

import jcuda.driver.CUdeviceptr;
import org.quern.backend.gpu.Device;

/**
 * Memory that kernels reach.
 *
 * @param pointer its address on the device
 * @param address the same as a number
 */
record CudaMemory(CUdeviceptr pointer, long address, long bytes) implements Device.Buffer {

    /** Wraps an address of the driver's. */
    static CudaMemory of(CUdeviceptr pointer, long bytes) {
        return new CudaMemory(pointer, new Address(pointer).value(), bytes);
    }

    CUdeviceptr at(long offset) {
        return offset == 0 ? pointer : pointer.withByteOffset(offset);
    }

    /** Reads the number out of a pointer, which JCuda shows to subclasses alone. */
    private static final class Address extends CUdeviceptr {
        Address(CUdeviceptr pointer) {
            super(pointer);
        }

        long value() {
            return getNativePointer() + getByteOffset();
        }
    }
}
