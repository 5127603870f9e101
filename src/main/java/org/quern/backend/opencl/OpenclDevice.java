package org.quern.backend.opencl;

import static org.lwjgl.system.MemoryUtil.memAddress;
import static org.lwjgl.system.MemoryUtil.memByteBuffer;
import static org.quern.backend.opencl.OpenclErrors.check;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.lwjgl.opencl.CL12;
import org.quern.QuernException;
import org.quern.backend.Executor;
import org.quern.backend.gpu.BlockTeam;
import org.quern.backend.gpu.Call;
import org.quern.backend.gpu.GpuDevice;
import org.quern.backend.gpu.KernelSource;

/**
 * An OpenCL device that is open: one context, an in-order queue for kernels, a second one for
 * copies, and the kernels, compiled.
 */
final class OpenclDevice extends GpuDevice {
    /** The unit that all kernels but the fused one are in. */
    private static final String KERNELS = "quern";

    private static final int STAGING = 4 << 20;

    private static final Map<Long, OpenclDevice> READY = new HashMap<>();

    private final OpenclHardware hardware;
    private final ByteBuffer code = direct(4);
    private final ByteBuffer staging = direct(STAGING);
    private final ByteBuffer pattern = direct(4);
    private final long patternAddress = memAddress(pattern); // for fills that must not allocate
    private final long context;
    private final Map<String, Long> programs = new HashMap<>();
    private long queue;
    private long nanos;
    private long budget;
    private ByteBuffer lastBuffer;
    private long lastAddress;
    private long allocated;

    private OpenclDevice(OpenclHardware hardware) {
        super(hardware);
        this.hardware = hardware;
        ByteBuffer devices = direct(8).putLong(0, hardware.id());
        ByteBuffer properties = direct(24).putLong(0, CL12.CL_CONTEXT_PLATFORM);
        properties.putLong(8, hardware.platform());
        context =
                CL12.nclCreateContext(
                        memAddress(properties), 1, memAddress(devices), 0, 0, memAddress(code));
        checkOpen("clCreateContext");
        try {
            queue = newQueue();
            long started = System.nanoTime();
            program(KERNELS);
            nanos = System.nanoTime() - started;
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private long newQueue() {
        long made = CL12.nclCreateCommandQueue(context, hardware.id(), 0, memAddress(code));
        checkOpen("clCreateCommandQueue");
        return made;
    }

    private void checkOpen(String call) {
        if (code.getInt(0) != CL12.CL_SUCCESS) {
            throw QuernException.backend(
                    "%s cannot be opened: %s gave %s: use another --device or --backend",
                    hardware.name(), call, OpenclErrors.name(code.getInt(0)));
        }
    }

    private long program(String unit) {
        return programs.computeIfAbsent(
                unit,
                name -> new OpenclProgram(hardware, context, KernelSource.text(name)).build());
    }

    /** Opens a device for the next {@link #of}. */
    static void prepare(OpenclHardware hardware) {
        synchronized (READY) {
            READY.computeIfAbsent(hardware.id(), id -> new OpenclDevice(hardware));
        }
    }

    /** A device that is open, and the caller's to close. */
    static OpenclDevice of(OpenclHardware hardware, int budgetMib) {
        OpenclDevice ready;
        synchronized (READY) {
            ready = READY.remove(hardware.id());
        }
        OpenclDevice device = ready != null ? ready : new OpenclDevice(hardware);
        device.budget =
                budgetMib > 0
                        ? (long) budgetMib << 20
                        : Math.min(hardware.mostBytes(), hardware.memory() / 10 * 7);
        return device;
    }

    private record Memory(long handle, long bytes) implements Buffer {}

    private interface Enqueued extends Launch {
        void enqueue();
    }

    private final class Prepared implements Enqueued {
        final String name;
        final long kernel;
        final ByteBuffer sizes = direct(32);
        final long sizesAddress = memAddress(sizes);

        Prepared(Call call, long program) {
            name = call.kernel();
            ByteBuffer text = direct(name.length() + 1);
            text.put(name.getBytes(StandardCharsets.US_ASCII)).rewind();
            kernel = CL12.nclCreateKernel(program, memAddress(text), memAddress(code));
            check(code.getInt(0), "clCreateKernel of " + name);
            ByteBuffer value = direct(8);
            for (int i = 0; i < call.arguments().size(); i++) {
                int size = call.put(i, value, 0);
                check(
                        CL12.nclSetKernelArg(kernel, i, size, memAddress(value)),
                        "clSetKernelArg %d of %s".formatted(i, name));
            }
            sizes.putLong(0, (long) call.groupsX() * THREADS).putLong(8, call.groupsY());
            sizes.putLong(16, THREADS).putLong(24, 1);
        }

        @Override
        public void enqueue() {
            long local = sizesAddress + 16;
            int result =
                    CL12.nclEnqueueNDRangeKernel(queue, kernel, 2, 0, sizesAddress, local, 0, 0, 0);
            if (result != CL12.CL_SUCCESS) { // no text is made for a launch that goes well
                throw OpenclErrors.failure(result, "the launch of " + name);
            }
        }

        @Override
        public void close() {
            CL12.clReleaseKernel(kernel);
        }
    }

    /** Launches that are asked for one after the other. */
    private final class Listed implements Enqueued {
        final Launch[] launches;
        final int repeats;

        Listed(List<Launch> launches, int repeats) {
            this.launches = launches.toArray(Launch[]::new);
            this.repeats = repeats;
        }

        @Override
        public void enqueue() {
            for (int i = 0; i < repeats; i++) {
                for (Launch launch : launches) {
                    run(launch);
                }
            }
            check(CL12.clFlush(queue), "clFlush");
        }
    }

    @Override
    public Executor.KernelImage code() {
        return new Executor.KernelImage("OpenCL program", nanos);
    }

    @Override
    public long free() {
        return Math.min(hardware.mostBytes(), hardware.memory() - allocated);
    }

    @Override
    public long dataBudget() {
        return Math.max(0, budget);
    }

    @Override
    public Buffer allocate(long bytes, String what) {
        return allocate(bytes, CL12.CL_MEM_READ_WRITE, what);
    }

    private Buffer allocate(long bytes, long flags, String what) {
        long free = hardware.memory() - allocated;
        boolean fits = bytes <= hardware.mostBytes() && bytes <= free;
        long handle = fits ? CL12.nclCreateBuffer(context, flags, bytes, 0, memAddress(code)) : 0;
        if (!fits || code.getInt(0) != CL12.CL_SUCCESS) {
            String limit = "; at most %,d MiB in one piece".formatted(hardware.mostBytes() >> 20);
            throw outOfMemory(bytes, what, free, limit);
        }
        allocated += bytes;
        taken(bytes, what);
        return new Memory(handle, bytes);
    }

    @Override
    public void release(Buffer buffer) {
        CL12.clReleaseMemObject(buffer.handle());
        allocated -= buffer.bytes();
    }

    @Override
    public ByteBuffer staging() {
        return staging;
    }

    /** Where a buffer begins: asked once for the same one, since newer JDKs allocate to tell. */
    private long address(ByteBuffer buffer) {
        if (buffer != lastBuffer) {
            lastBuffer = buffer;
            lastAddress = memAddress(buffer) - buffer.position();
        }
        return lastAddress + buffer.position();
    }

    @Override
    public void write(Buffer to, long offset, ByteBuffer from) {
        long size = from.remaining();
        check(
                CL12.nclEnqueueWriteBuffer(
                        queue, to.handle(), 1, offset, size, address(from), 0, 0, 0),
                "clEnqueueWriteBuffer");
    }

    @Override
    public void read(Buffer from, long offset, ByteBuffer to) {
        read(from, offset, to.remaining(), address(to));
        to.position(to.limit());
    }

    private void read(Buffer from, long offset, long size, long address) {
        int result =
                CL12.nclEnqueueReadBuffer(queue, from.handle(), 1, offset, size, address, 0, 0, 0);
        check(result, "clEnqueueReadBuffer");
    }

    @Override
    public void fill(Buffer buffer, long offset, long words, int value) {
        pattern.putInt(0, value);
        int result =
                CL12.nclEnqueueFillBuffer(
                        queue, buffer.handle(), patternAddress, 4, offset, 4 * words, 0, 0, 0);
        check(result, "clEnqueueFillBuffer");
    }

    @Override
    public void copy(Buffer from, Buffer to, long bytes) {
        int result =
                CL12.nclEnqueueCopyBuffer(queue, from.handle(), to.handle(), 0, 0, bytes, 0, 0, 0);
        check(result, "clEnqueueCopyBuffer");
    }

    @Override
    public Launch prepare(Call call) {
        return new Prepared(call, program(KERNELS));
    }

    @Override
    public List<BlockTeam> teams() {
        return List.of(BlockTeam.ALONE);
    }

    @Override
    public Launch prepare(Call call, BlockTeam team, long bytes) {
        return new Prepared(call, program(team.unit()));
    }

    @Override
    public void run(Launch launch) {
        ((Enqueued) launch).enqueue();
    }

    @Override
    public Launch sequence(List<Launch> launches, int repeats) {
        return new Listed(launches, repeats);
    }

    /** A log in the device's memory, copied when all of it is there. */
    private final class DeviceLog implements Log {
        private final Buffer buffer;
        private final ByteBuffer host;
        private final long address;

        DeviceLog(int bytes) {
            buffer = allocate(bytes, "the step log");
            fill(buffer, 0, bytes / 4, 0);
            host = direct(bytes);
            address = memAddress(host);
        }

        @Override
        public Buffer buffer() {
            return buffer;
        }

        @Override
        public void reset() {
            fill(buffer, 0, 1, 0);
        }

        @Override
        public boolean isLive() {
            return false;
        }

        @Override
        public ByteBuffer read(int wanted) {
            OpenclDevice.this.read(buffer, 0, wanted, address);
            return host;
        }

        @Override
        public void close() {
            release(buffer);
        }
    }

    @Override
    public Log log(int bytes) {
        return new DeviceLog(bytes);
    }

    /** Pinned host memory and its place on the device, copied in a queue of its own. */
    private final class PinnedSlot implements Slot {
        private final Buffer device;
        private final Buffer pinned;
        private final long copies;
        private final long address;
        private final ByteBuffer host;
        private final ByteBuffer event = direct(8);
        private final long eventAddress = memAddress(event);
        private long usedEvent;

        PinnedSlot(long bytes, String what) {
            device = allocate(bytes, what);
            pinned = allocate(bytes, CL12.CL_MEM_ALLOC_HOST_PTR, what);
            copies = newQueue();
            address =
                    CL12.nclEnqueueMapBuffer(
                            copies,
                            pinned.handle(),
                            1,
                            CL12.CL_MAP_WRITE,
                            0,
                            bytes,
                            0,
                            0,
                            0,
                            memAddress(code));
            check(code.getInt(0), "clEnqueueMapBuffer");
            host = memByteBuffer(address, Math.toIntExact(bytes)).order(ByteOrder.nativeOrder());
        }

        @Override
        public ByteBuffer host() {
            return host;
        }

        @Override
        public Buffer device() {
            return device;
        }

        @Override
        public void free() {
            if (usedEvent != 0) {
                event.putLong(0, usedEvent);
                check(CL12.nclWaitForEvents(1, eventAddress), "clWaitForEvents");
                CL12.clReleaseEvent(usedEvent);
                usedEvent = 0;
            }
        }

        @Override
        public void send(long size) {
            int result =
                    CL12.nclEnqueueWriteBuffer(
                            copies, device.handle(), 0, 0, size, address, 0, 0, eventAddress);
            check(result, "clEnqueueWriteBuffer");
            check(CL12.clFlush(copies), "clFlush");
            int waits = CL12.nclEnqueueBarrierWithWaitList(queue, 1, eventAddress, 0);
            check(waits, "clEnqueueBarrierWithWaitList");
            CL12.clReleaseEvent(event.getLong(0));
        }

        @Override
        public void used() {
            int result = CL12.nclEnqueueMarkerWithWaitList(queue, 0, 0, eventAddress);
            check(result, "clEnqueueMarkerWithWaitList");
            check(CL12.clFlush(queue), "clFlush");
            usedEvent = event.getLong(0);
        }

        @Override
        public void close() {
            free();
            int result = CL12.nclEnqueueUnmapMemObject(copies, pinned.handle(), address, 0, 0, 0);
            check(result, "clEnqueueUnmapMemObject");
            CL12.clFinish(copies);
            CL12.clReleaseCommandQueue(copies);
            release(device);
            release(pinned);
        }
    }

    @Override
    public Slot slot(long bytes, String what) {
        return new PinnedSlot(bytes, what);
    }

    @Override
    public boolean isIdle() {
        finish(); // nothing here asks without waiting
        return true;
    }

    @Override
    public void finish() {
        check(CL12.clFinish(queue), "clFinish");
    }

    @Override
    public void close() {
        programs.values().forEach(CL12::clReleaseProgram);
        if (queue != 0) {
            CL12.clReleaseCommandQueue(queue);
        }
        CL12.clReleaseContext(context);
    }
}
