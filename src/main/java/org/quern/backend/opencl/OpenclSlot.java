package org.quern.backend.opencl;

import static org.lwjgl.opencl.CL10.CL_MAP_WRITE;
import static org.lwjgl.opencl.CL10.clFlush;
import static org.lwjgl.opencl.CL10.clReleaseCommandQueue;
import static org.lwjgl.opencl.CL10.clReleaseEvent;
import static org.lwjgl.opencl.CL10.nclEnqueueMapBuffer;
import static org.lwjgl.opencl.CL10.nclEnqueueUnmapMemObject;
import static org.lwjgl.opencl.CL10.nclEnqueueWriteBuffer;
import static org.lwjgl.opencl.CL10.nclWaitForEvents;
import static org.lwjgl.opencl.CL12.nclEnqueueBarrierWithWaitList;
import static org.lwjgl.opencl.CL12.nclEnqueueMarkerWithWaitList;
import static org.lwjgl.system.MemoryUtil.memAddress;
import static org.lwjgl.system.MemoryUtil.memByteBuffer;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.quern.backend.gpu.Device;

/** Pinned host memory and its place on the device, copied in a queue of its own. */
final class OpenclSlot implements Device.Slot {
    private final OpenclDevice owner;
    private final Device.Buffer device;
    private final long deviceHandle;
    private final long pinned;
    private final long bytes;
    private final long copies;
    private final long address;
    private final ByteBuffer host;
    private final ByteBuffer event = OpenclHardware.direct(8);
    private long usedEvent;

    OpenclSlot(
            OpenclDevice owner, Device.Buffer device, long deviceHandle, long pinned, long bytes) {
        this.owner = owner;
        this.device = device;
        this.deviceHandle = deviceHandle;
        this.pinned = pinned;
        this.bytes = bytes;
        copies = owner.newQueue();
        ByteBuffer code = OpenclHardware.direct(4);
        address =
                nclEnqueueMapBuffer(
                        copies, pinned, 1, CL_MAP_WRITE, 0, bytes, 0, 0, 0, memAddress(code));
        OpenclErrors.check(code.getInt(0), "clEnqueueMapBuffer");
        host = memByteBuffer(address, Math.toIntExact(bytes)).order(ByteOrder.nativeOrder());
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
        if (usedEvent != 0) {
            event.putLong(0, usedEvent);
            OpenclErrors.check(nclWaitForEvents(1, memAddress(event)), "clWaitForEvents");
            clReleaseEvent(usedEvent);
            usedEvent = 0;
        }
    }

    @Override
    public void send(long size) {
        OpenclErrors.check(
                nclEnqueueWriteBuffer(
                        copies, deviceHandle, 0, 0, size, address, 0, 0, memAddress(event)),
                "clEnqueueWriteBuffer");
        OpenclErrors.check(clFlush(copies), "clFlush");
        long sent = event.getLong(0);
        OpenclErrors.check(
                nclEnqueueBarrierWithWaitList(owner.queue(), 1, memAddress(event), 0),
                "clEnqueueBarrierWithWaitList");
        clReleaseEvent(sent);
    }

    @Override
    public void used() {
        OpenclErrors.check(
                nclEnqueueMarkerWithWaitList(owner.queue(), 0, 0, memAddress(event)),
                "clEnqueueMarkerWithWaitList");
        OpenclErrors.check(clFlush(owner.queue()), "clFlush");
        usedEvent = event.getLong(0);
    }

    @Override
    public void close() {
        free();
        OpenclErrors.check(
                nclEnqueueUnmapMemObject(copies, pinned, address, 0, 0, 0),
                "clEnqueueUnmapMemObject");
        org.lwjgl.opencl.CL10.clFinish(copies);
        clReleaseCommandQueue(copies);
        owner.release(device, pinned, bytes);
    }
}
