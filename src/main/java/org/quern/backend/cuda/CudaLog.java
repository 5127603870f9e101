package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.CU_MEMHOSTALLOC_DEVICEMAP;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemHostGetDevicePointer;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import org.quern.backend.gpu.Device;

/** A log in the host's memory, which kernels write through its address on the device. */
final class CudaLog implements Device.Log {
    private final CudaDevice owner;
    private final Pointer host;
    private final CudaMemory device;
    private final ByteBuffer view;

    CudaLog(CudaDevice owner, int bytes) {
        this.owner = owner;
        host = owner.pinned(bytes, CU_MEMHOSTALLOC_DEVICEMAP);
        CUdeviceptr mapped = new CUdeviceptr();
        CudaErrors.check(cuMemHostGetDevicePointer(mapped, host, 0), "cuMemHostGetDevicePointer");
        device = CudaMemory.of(mapped, bytes);
        view = host.getByteBuffer(0, bytes).order(ByteOrder.nativeOrder());
        for (int i = 0; i < bytes; i++) {
            view.put(i, (byte) 0);
        }
    }

    @Override
    public Device.Buffer buffer() {
        return device;
    }

    @Override
    public boolean isLive() {
        return true;
    }

    @Override
    public void reset() {
        view.putInt(0, 0);
    }

    @Override
    public ByteBuffer read(int bytes) {
        return view; // kernels have written it here
    }

    @Override
    public void close() {
        owner.enter();
        CudaErrors.check(cuMemFreeHost(host), "cuMemFreeHost");
    }
}
