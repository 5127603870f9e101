package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuEventSynchronize;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;
import static jcuda.driver.JCudaDriver.cuStreamWaitEvent;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import org.quern.backend.gpu.Device;

/** Pinned host memory and its place on the device, copied in the stream for copies. */
final class CudaSlot implements Device.Slot {
    private final CudaDevice owner;
    private final CudaMemory device;
    private final Pointer pinned;
    private final ByteBuffer host;
    private final CUevent sent = new CUevent();
    private final CUevent used = new CUevent();
    private boolean inUse;

    CudaSlot(CudaDevice owner, CudaMemory device, Pointer pinned) {
        this.owner = owner;
        this.device = device;
        this.pinned = pinned;
        host = pinned.getByteBuffer(0, device.bytes()).order(ByteOrder.nativeOrder());
        int flags = CUevent_flags.CU_EVENT_DISABLE_TIMING;
        CudaErrors.check(cuEventCreate(sent, flags), "cuEventCreate");
        CudaErrors.check(cuEventCreate(used, flags), "cuEventCreate");
    }

    @Override
    public ByteBuffer host() {
        return host;
    }

    @Override
    public Device.Buffer device() {
        return device;
    }

    @Override
    public void free() {
        if (inUse) {
            owner.enter();
            CudaErrors.check(cuEventSynchronize(used), "cuEventSynchronize");
            inUse = false;
        }
    }

    @Override
    public void send(long bytes) {
        owner.enter();
        CudaErrors.check(
                cuMemcpyHtoDAsync(device.pointer(), pinned, bytes, owner.copies()),
                "cuMemcpyHtoDAsync");
        CudaErrors.check(cuEventRecord(sent, owner.copies()), "cuEventRecord");
        CudaErrors.check(cuStreamWaitEvent(owner.stream(), sent, 0), "cuStreamWaitEvent");
    }

    @Override
    public void used() {
        owner.enter();
        CudaErrors.check(cuEventRecord(used, owner.stream()), "cuEventRecord");
        inUse = true;
    }

    @Override
    public void close() {
        free();
        CudaErrors.check(cuEventDestroy(sent), "cuEventDestroy");
        CudaErrors.check(cuEventDestroy(used), "cuEventDestroy");
        CudaErrors.check(cuMemFreeHost(pinned), "cuMemFreeHost");
        owner.release(device);
    }
}
