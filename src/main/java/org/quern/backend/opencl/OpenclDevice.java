package org.quern.backend.opencl;

import static org.quern.backend.opencl.OpenclErrors.check;

import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.lwjgl.PointerBuffer;
import org.lwjgl.opencl.CL12;
import org.lwjgl.system.MemoryUtil;
import org.quern.QuernException;
import org.quern.backend.Executor;
import org.quern.backend.Release;
import org.quern.backend.gpu.BlockTeam;
import org.quern.backend.gpu.Call;
import org.quern.backend.gpu.GemmTable;
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
    private final IntBuffer code = direct(4).asIntBuffer();
    private final ByteBuffer staging = direct(STAGING);
    private final ByteBuffer pattern = direct(4);

    /** Where buffers begin: asked once, since newer JDKs allocate to tell. */
    private final Map<ByteBuffer, Long> addresses = new IdentityHashMap<>();

    private final PointerBuffer group = PointerBuffer.allocateDirect(2).put(0, THREADS).put(1, 1);
    private final long context;
    private final Map<String, Long> programs = new HashMap<>();
    private final GemmTable table;
    private long queue;
    private long nanos;
    private long budget;
    private long allocated;

    private OpenclDevice(OpenclHardware hardware) {
        super(hardware);
        this.hardware = hardware;
        PointerBuffer properties = PointerBuffer.allocateDirect(3);
        properties.put(CL12.CL_CONTEXT_PLATFORM).put(hardware.platform()).put(0).flip();
        context = CL12.clCreateContext(properties, hardware.id(), null, 0, code);
        checkOpen("clCreateContext");
        try {
            queue = newQueue();
            long started = System.nanoTime();
            program(KERNELS);
            nanos = System.nanoTime() - started;
            table =
                    hardware.isAutomatic() && GemmTable.measuresTiles()
                            ? new GemmTable(this, key())
                            : null;
        } catch (RuntimeException | Error e) {
            Release.after(e, this::close);
            throw e;
        }
    }

    private String key() {
        return String.join(
                " ",
                hardware.name(),
                hardware.platformName(),
                hardware.versionText(),
                hardware.driver());
    }

    @Override
    public GemmTable table() {
        return table;
    }

    @Override
    public String notice() {
        return table == null ? null : table.notice(true);
    }

    private long newQueue() {
        long made = CL12.clCreateCommandQueue(context, hardware.id(), 0, code);
        checkOpen("clCreateCommandQueue");
        return made;
    }

    private void checkOpen(String call) {
        if (code.get(0) != CL12.CL_SUCCESS) {
            throw QuernException.backend(
                    "%s cannot be opened: %s gave %s: use another --device or --backend",
                    hardware.name(), call, OpenclErrors.name(code.get(0)));
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

    private final class Prepared implements Launch {
        final String name;
        final long kernel;
        final PointerBuffer sizes = PointerBuffer.allocateDirect(2);

        Prepared(Call call, long program) {
            name = call.kernel();
            kernel = CL12.clCreateKernel(program, name, code);
            check(code.get(0), "clCreateKernel of " + name);
            ByteBuffer value = direct(8);
            for (int i = 0; i < call.arguments().size(); i++) {
                int result = CL12.clSetKernelArg(kernel, i, value.limit(call.put(i, value, 0)));
                if (result != CL12.CL_SUCCESS) {
                    CL12.clReleaseKernel(kernel);
                    String what = "clSetKernelArg %d of %s";
                    throw OpenclErrors.failure(result, what.formatted(i, name));
                }
                value.clear();
            }
            sizes.put(0, (long) call.groupsX() * THREADS).put(1, call.groupsY());
        }

        @Override
        public void run() {
            int result =
                    CL12.clEnqueueNDRangeKernel(queue, kernel, 2, null, sizes, group, null, null);
            if (result != CL12.CL_SUCCESS) { // no text is made for a launch that goes well
                throw OpenclErrors.failure(result, "the launch of " + name);
            }
        }

        @Override
        public void close() {
            CL12.clReleaseKernel(kernel);
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
        boolean fits = bytes <= free();
        long handle = fits ? CL12.clCreateBuffer(context, flags, bytes, code) : 0;
        if (!fits || code.get(0) != CL12.CL_SUCCESS) {
            String limit = "; at most %,d MiB in one piece".formatted(hardware.mostBytes() >> 20);
            throw outOfMemory(bytes, what, hardware.memory() - allocated, limit);
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

    private long address(ByteBuffer buffer) {
        return addresses.computeIfAbsent(buffer, MemoryUtil::memAddress0) + buffer.position();
    }

    @Override
    public void write(Buffer to, long offset, ByteBuffer from) {
        long at = address(from);
        int result =
                CL12.nclEnqueueWriteBuffer(
                        queue, to.handle(), 1, offset, from.remaining(), at, 0, 0, 0);
        check(result, "clEnqueueWriteBuffer");
    }

    @Override
    public void read(Buffer from, long offset, ByteBuffer to) {
        long at = address(to);
        int result =
                CL12.nclEnqueueReadBuffer(
                        queue, from.handle(), 1, offset, to.remaining(), at, 0, 0, 0);
        check(result, "clEnqueueReadBuffer");
        to.position(to.limit());
    }

    @Override
    public void fill(Buffer buffer, long offset, long words, int value) {
        long at = address(pattern.putInt(0, value));
        int result =
                CL12.nclEnqueueFillBuffer(
                        queue, buffer.handle(), at, 4, offset, 4 * words, 0, 0, 0);
        check(result, "clEnqueueFillBuffer");
    }

    @Override
    public void copy(Buffer from, Buffer to, long bytes) {
        int result =
                CL12.clEnqueueCopyBuffer(
                        queue, from.handle(), to.handle(), 0, 0, bytes, null, null);
        check(result, "clEnqueueCopyBuffer");
    }

    @Override
    public Launch prepare(Call call) {
        return new Prepared(call, program(KERNELS));
    }

    /** Compiles the team's program, so that no step waits for it. */
    @Override
    public int room(BlockTeam team, long bytes) {
        long started = System.nanoTime();
        program(team.unit());
        nanos += System.nanoTime() - started;
        return 1;
    }

    @Override
    public Launch prepare(Call call, BlockTeam team, long bytes) {
        return new Prepared(call, program(team.unit()));
    }

    @Override
    public Launch sequence(List<Launch> launches, int repeats) {
        Launch all = super.sequence(launches, repeats);
        return () -> {
            all.run();
            check(CL12.clFlush(queue), "clFlush");
        };
    }

    /** Pinned host memory and its place on the device, copied in a queue of its own. */
    private final class PinnedSlot implements Slot {
        private final Buffer device;
        private final Buffer pinned;
        private final long copies;
        private final ByteBuffer host;
        private final long address;
        private final PointerBuffer event = PointerBuffer.allocateDirect(1);
        private long usedEvent;

        /** What gives back what was taken, the last first. */
        private final Deque<Runnable> undo = new ArrayDeque<>();

        PinnedSlot(long bytes, String what) {
            if (bytes > Integer.MAX_VALUE) { // LWJGL would cut it off
                throw outOfMemory(
                        bytes, what, OpenclDevice.this.free(), "; at most 2,047 MiB in one piece");
            }
            try {
                device = allocate(bytes, what);
                undo.push(() -> OpenclDevice.this.release(device));
                pinned = allocate(bytes, CL12.CL_MEM_ALLOC_HOST_PTR, what);
                undo.push(() -> OpenclDevice.this.release(pinned));
                copies = newQueue();
                undo.push(() -> CL12.clReleaseCommandQueue(copies));
                long flags = CL12.CL_MAP_WRITE;
                host =
                        CL12.clEnqueueMapBuffer(
                                copies,
                                pinned.handle(),
                                true,
                                flags,
                                0,
                                bytes,
                                null,
                                null,
                                code,
                                null);
                check(code.get(0), "clEnqueueMapBuffer");
                undo.push(this::unmap);
            } catch (RuntimeException | Error e) {
                Release.after(e, this::close);
                throw e;
            }
            address = MemoryUtil.memAddress(host);
        }

        private void unmap() {
            int result = CL12.clEnqueueUnmapMemObject(copies, pinned.handle(), host, null, null);
            check(result, "clEnqueueUnmapMemObject");
            check(CL12.clFinish(copies), "clFinish");
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
                check(CL12.clWaitForEvents(usedEvent), "clWaitForEvents");
                CL12.clReleaseEvent(usedEvent);
                usedEvent = 0;
            }
        }

        @Override
        public void send(long size) {
            int result =
                    CL12.nclEnqueueWriteBuffer(
                            copies, device.handle(), 0, 0, size, address, 0, 0, event.address());
            check(result, "clEnqueueWriteBuffer");
            check(CL12.clFlush(copies), "clFlush");
            int waits = CL12.clEnqueueBarrierWithWaitList(queue, event, null);
            check(waits, "clEnqueueBarrierWithWaitList");
            CL12.clReleaseEvent(event.get(0));
        }

        @Override
        public void used() {
            int result = CL12.clEnqueueMarkerWithWaitList(queue, null, event);
            check(result, "clEnqueueMarkerWithWaitList");
            check(CL12.clFlush(queue), "clFlush");
            usedEvent = event.get(0);
        }

        @Override
        public void close() {
            Release release = new Release().then(this::free);
            while (!undo.isEmpty()) {
                release.then(undo.pop());
            }
            release.end();
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
