package org.quern.backend.opencl;

import static org.lwjgl.opencl.CL10.CL_MEM_ALLOC_HOST_PTR;
import static org.lwjgl.opencl.CL10.CL_MEM_READ_WRITE;
import static org.lwjgl.opencl.CL10.clFinish;
import static org.lwjgl.opencl.CL10.clFlush;
import static org.lwjgl.opencl.CL10.clReleaseKernel;
import static org.lwjgl.opencl.CL10.clReleaseMemObject;
import static org.lwjgl.opencl.CL10.nclCreateBuffer;
import static org.lwjgl.opencl.CL10.nclCreateKernel;
import static org.lwjgl.opencl.CL10.nclEnqueueCopyBuffer;
import static org.lwjgl.opencl.CL10.nclEnqueueNDRangeKernel;
import static org.lwjgl.opencl.CL10.nclEnqueueReadBuffer;
import static org.lwjgl.opencl.CL10.nclEnqueueWriteBuffer;
import static org.lwjgl.opencl.CL10.nclSetKernelArg;
import static org.lwjgl.opencl.CL12.nclEnqueueFillBuffer;
import static org.lwjgl.system.MemoryUtil.memAddress;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.quern.QuernException;
import org.quern.backend.Executor;
import org.quern.backend.gpu.BlockTeam;
import org.quern.backend.gpu.Call;
import org.quern.backend.gpu.Device;

/** An OpenCL device: one context, an in-order queue for kernels, a second one for copies. */
final class OpenclDevice implements Device {
    private static final int STAGING = 4 << 20;

    private final OpenclHardware hardware;
    private final long budget;
    private final OpenclContext context;
    private final long queue;
    private final ByteBuffer code = OpenclHardware.direct(4);
    private final ByteBuffer staging = OpenclHardware.direct(STAGING);
    private final ByteBuffer pattern = OpenclHardware.direct(4);
    private final long patternAddress = memAddress(pattern); // for fills that must not allocate
    private ByteBuffer lastBuffer;
    private long lastAddress;
    private long allocated;
    private String largest = "nothing";
    private long largestBytes;

    OpenclDevice(OpenclHardware hardware, int budgetMib) {
        this.hardware = hardware;
        budget =
                budgetMib > 0
                        ? (long) budgetMib << 20
                        : Math.min(hardware.mostBytes(), hardware.memory() / 10 * 7);
        context = OpenclContext.of(hardware);
        queue = context.queue();
    }

    long newQueue() {
        return context.newQueue();
    }

    long queue() {
        return queue;
    }

    private static final class Memory implements Buffer {
        final long handle;
        final long bytes;

        Memory(long handle, long bytes) {
            this.handle = handle;
            this.bytes = bytes;
        }

        @Override
        public long bytes() {
            return bytes;
        }
    }

    static long handle(Buffer buffer) {
        return ((Memory) buffer).handle;
    }

    private final class Prepared implements Launch {
        final String name;
        final long kernel;
        final ByteBuffer sizes = OpenclHardware.direct(32);
        final long sizesAddress = memAddress(sizes);

        Prepared(Call call, long program) {
            name = call.kernel();
            ByteBuffer text =
                    OpenclHardware.direct(name.length() + 1)
                            .put(name.getBytes(StandardCharsets.US_ASCII))
                            .put((byte) 0)
                            .flip();
            kernel = nclCreateKernel(program, memAddress(text), memAddress(code));
            OpenclErrors.check(code.getInt(0), "clCreateKernel of " + name);
            ByteBuffer value = OpenclHardware.direct(8);
            for (int i = 0; i < call.arguments().size(); i++) {
                Object argument = call.arguments().get(i);
                int size = 4;
                if (argument instanceof Memory memory) {
                    value.putLong(0, memory.handle);
                    size = 8;
                } else if (argument instanceof Integer number) {
                    value.putInt(0, number);
                } else {
                    value.putFloat(0, (Float) argument);
                }
                OpenclErrors.check(
                        nclSetKernelArg(kernel, i, size, memAddress(value)),
                        "clSetKernelArg %d of %s".formatted(i, name));
            }
            sizes.putLong(0, (long) call.groupsX() * THREADS).putLong(8, call.groupsY());
            sizes.putLong(16, THREADS).putLong(24, 1);
        }

        @Override
        public void close() {
            clReleaseKernel(kernel);
        }
    }

    /** Launches that are asked for one after the other. */
    private static final class Listed implements Launch {
        final Launch[] launches;
        final int repeats;

        Listed(List<Launch> launches, int repeats) {
            this.launches = launches.toArray(Launch[]::new);
            this.repeats = repeats;
        }

        @Override
        public void close() {
            // the launches are closed by whoever prepared them
        }
    }

    @Override
    public Executor.KernelImage code() {
        return new Executor.KernelImage("OpenCL program", context.nanos());
    }

    @Override
    public String description() {
        return hardware.description();
    }

    @Override
    public int computeUnits() {
        return hardware.units();
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
        return new Memory(allocate(bytes, CL_MEM_READ_WRITE, what), bytes);
    }

    private long allocate(long bytes, long flags, String what) {
        if (bytes > hardware.mostBytes() || allocated + bytes > hardware.memory()) {
            throw outOfMemory(bytes, what);
        }
        long handle = nclCreateBuffer(context.handle(), flags, bytes, 0, memAddress(code));
        if (code.getInt(0) != 0) {
            throw outOfMemory(bytes, what);
        }
        allocated += bytes;
        if (bytes > largestBytes) {
            largestBytes = bytes;
            largest = what;
        }
        return handle;
    }

    private QuernException outOfMemory(long bytes, String what) {
        return new QuernException(
                QuernException.Kind.DEVICE,
                ("out of memory on %s: %s needs %,d MiB, and %,d MiB of %,d MiB are free (largest:"
                                + " %s, %,d MiB; at most %,d MiB in one piece): use a smaller batch"
                                + " or --device-memory")
                        .formatted(
                                hardware.name(),
                                what,
                                mib(bytes),
                                hardware.memory() - allocated >> 20,
                                hardware.memory() >> 20,
                                largest,
                                mib(largestBytes),
                                hardware.mostBytes() >> 20));
    }

    private static long mib(long bytes) {
        return bytes + (1 << 20) - 1 >> 20;
    }

    @Override
    public void release(Buffer buffer) {
        Memory memory = (Memory) buffer;
        clReleaseMemObject(memory.handle);
        allocated -= memory.bytes;
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
        OpenclErrors.check(
                nclEnqueueWriteBuffer(
                        queue, handle(to), 1, offset, from.remaining(), address(from), 0, 0, 0),
                "clEnqueueWriteBuffer");
    }

    @Override
    public void read(Buffer from, long offset, ByteBuffer to) {
        OpenclErrors.check(
                nclEnqueueReadBuffer(
                        queue, handle(from), 1, offset, to.remaining(), address(to), 0, 0, 0),
                "clEnqueueReadBuffer");
        to.position(to.limit());
    }

    @Override
    public void fill(Buffer buffer, long offset, long words, int value) {
        pattern.putInt(0, value);
        OpenclErrors.check(
                nclEnqueueFillBuffer(
                        queue, handle(buffer), patternAddress, 4, offset, 4 * words, 0, 0, 0),
                "clEnqueueFillBuffer");
    }

    @Override
    public void copy(Buffer from, Buffer to, long bytes) {
        OpenclErrors.check(
                nclEnqueueCopyBuffer(queue, handle(from), handle(to), 0, 0, bytes, 0, 0, 0),
                "clEnqueueCopyBuffer");
    }

    @Override
    public Launch prepare(Call call) {
        return new Prepared(call, context.program(OpenclContext.KERNELS));
    }

    @Override
    public List<BlockTeam> teams() {
        return List.of(BlockTeam.ALONE);
    }

    @Override
    public Launch prepare(Call call, BlockTeam team, long bytes) {
        return new Prepared(call, context.program(team.unit()));
    }

    @Override
    public void run(Launch launch) {
        if (launch instanceof Listed listed) {
            runAll(listed);
            return;
        }
        Prepared p = (Prepared) launch;
        long sizes = p.sizesAddress;
        int result = nclEnqueueNDRangeKernel(queue, p.kernel, 2, 0, sizes, sizes + 16, 0, 0, 0);
        if (result != 0) {
            throw OpenclErrors.failure(result, "the launch of " + p.name);
        }
    }

    @Override
    public Launch sequence(List<Launch> launches, int repeats) {
        return new Listed(launches, repeats);
    }

    private void runAll(Listed listed) {
        for (int i = 0; i < listed.repeats; i++) {
            for (Launch launch : listed.launches) {
                run(launch);
            }
        }
        OpenclErrors.check(clFlush(queue), "clFlush");
    }

    @Override
    public Log log(int bytes) {
        return new OpenclLog(this, bytes);
    }

    @Override
    public Slot slot(long bytes, String what) {
        Memory device = (Memory) allocate(bytes, what);
        long pinned = allocate(bytes, CL_MEM_ALLOC_HOST_PTR, what);
        return new OpenclSlot(this, device, device.handle, pinned, bytes);
    }

    /** Gives a slot's memory back. */
    void release(Buffer device, long pinned, long bytes) {
        release(device);
        clReleaseMemObject(pinned);
        allocated -= bytes;
    }

    @Override
    public boolean isIdle() {
        finish(); // nothing here asks without waiting
        return true;
    }

    @Override
    public void finish() {
        OpenclErrors.check(clFinish(queue), "clFinish");
    }

    @Override
    public void close() {
        context.close();
    }
}
