package org.quern.backend.opencl;

import static org.lwjgl.opencl.CL10.nclEnqueueReadBuffer;
import static org.lwjgl.system.MemoryUtil.memAddress;

import java.nio.ByteBuffer;
import org.quern.backend.gpu.Device;

/** A log in the device's memory, copied when all of it is there. */
final class OpenclLog implements Device.Log {
    private final OpenclDevice device;
    private final Device.Buffer buffer;
    private final ByteBuffer host;
    private final long address;

    OpenclLog(OpenclDevice device, int bytes) {
        this.device = device;
        buffer = device.allocate(bytes, "the step log");
        device.fill(buffer, 0, bytes / 4, 0);
        host = OpenclHardware.direct(bytes);
        address = memAddress(host);
    }

    @Override
    public Device.Buffer buffer() {
        return buffer;
    }

    @Override
    public void reset() {
        device.fill(buffer, 0, 1, 0);
    }

    @Override
    public boolean isLive() {
        return false;
    }

    @Override
    public ByteBuffer read(int wanted) {
        OpenclErrors.check(
                nclEnqueueReadBuffer(
                        device.queue(),
                        OpenclDevice.handle(buffer),
                        1,
                        0,
                        wanted,
                        address,
                        0,
                        0,
                        0),
                "clEnqueueReadBuffer");
        return host;
    }

    @Override
    public void close() {
        device.release(buffer);
    }
}
