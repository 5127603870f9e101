package org.quern.backend.cuda;

import static org.quern.backend.cuda.CudaErrors.check;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUfunction;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.gpu.BlockTeam;
import org.quern.backend.gpu.Call;
import org.quern.backend.gpu.GpuDevice;

/** A CUDA device in use: one stream for kernels and one for copies beside them. */
final class CudaDevice extends GpuDevice {
    static final String KERNELS = "quern";

    private static final int STAGING = 2 << 20;

    final CudaHardware hardware;
    private final CudaContext context;
    final Stream stream = new Stream();
    private final CUstream copies = new CUstream();
    private final CudaModule module;
    private final Cublas cublas;
    private final long budget;

    /** While the device copies from one, the host fills the other. */
    private final Pinned[] staging = new Pinned[2];

    private int current;

    private Thread entered;
    private ByteBuffer lastBuffer;
    private Pointer lastPointer;

    CudaDevice(CudaHardware hardware, Backend.Options options) {
        super(hardware);
        this.hardware = hardware;
        context = CudaContext.of(hardware);
        enter();
        module = context.module(KERNELS);
        int flags = CUstream_flags.CU_STREAM_NON_BLOCKING;
        check(JCudaDriver.cuStreamCreate(stream, flags), "cuStreamCreate");
        check(JCudaDriver.cuStreamCreate(copies, flags), "cuStreamCreate");
        for (int i = 0; i < staging.length; i++) {
            staging[i] = new Pinned(STAGING, 0);
        }
        budget = options.deviceMemory() > 0 ? (long) options.deviceMemory() << 20 : -1;
        try {
            cublas = Cublas.open(this, options);
        } catch (RuntimeException e) {
            release();
            throw e;
        }
    }

    private void enter() {
        if (entered != Thread.currentThread()) {
            context.enter();
            entered = Thread.currentThread();
        }
    }

    @Override
    public String description() {
        return cublas == null
                ? hardware.description()
                : hardware.description() + ", " + cublas.description();
    }

    @Override
    public String notice() {
        if (cublas != null && cublas.lightProblem != null) {
            return "cuBLAS has no cublasLt beside it (%s): biases and activations take longer"
                    .formatted(cublas.lightProblem);
        }
        return module.notice();
    }

    @Override
    public Executor.KernelImage code() {
        return module.image;
    }

    @Override
    public long dataBudget() {
        return budget >= 0 ? budget : free() / 10 * 9;
    }

    @Override
    public long free() {
        enter();
        long[] free = new long[1];
        check(JCudaDriver.cuMemGetInfo(free, new long[1]), "cuMemGetInfo");
        return free[0];
    }

    /** Memory that kernels reach: JCuda's pointer, which shows its number to subclasses alone. */
    static final class Memory extends CUdeviceptr implements Buffer {
        private final long bytes;

        Memory(long bytes) {
            this.bytes = bytes;
        }

        @Override
        public long bytes() {
            return bytes;
        }

        @Override
        public long handle() {
            return getNativePointer() + getByteOffset();
        }
    }

    /** The stream for kernels, which shows its number to subclasses alone, too. */
    static final class Stream extends CUstream {
        long address() {
            return getNativePointer();
        }
    }

    /** An event, which the caller destroys. */
    CUevent event(int flags) {
        enter();
        CUevent event = new CUevent();
        check(JCudaDriver.cuEventCreate(event, flags), "cuEventCreate");
        return event;
    }

    static CUdeviceptr at(Buffer buffer, long offset) {
        CUdeviceptr pointer = (Memory) buffer;
        return offset == 0 ? pointer : pointer.withByteOffset(offset);
    }

    @Override
    public Memory allocate(long bytes, String what) {
        enter();
        Memory memory = new Memory(bytes);
        int code = JCudaDriver.cuMemAlloc(memory, bytes);
        if (code == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            throw outOfMemory(bytes, what, free(), "");
        }
        check(code, "cuMemAlloc");
        taken(bytes, what);
        return memory;
    }

    @Override
    public void release(Buffer buffer) {
        enter();
        check(JCudaDriver.cuMemFree(at(buffer, 0)), "cuMemFree");
    }

    /** Host memory that the device copies from and to by itself. */
    private class Pinned implements AutoCloseable {
        final Pointer pointer = new Pointer();
        final ByteBuffer view;
        private final CUevent done;
        private boolean isBusy;

        Pinned(long bytes, int flags) {
            enter();
            check(JCudaDriver.cuMemHostAlloc(pointer, bytes, flags), "cuMemHostAlloc");
            view = pointer.getByteBuffer(0, bytes).order(ByteOrder.nativeOrder());
            done = event(CUevent_flags.CU_EVENT_DISABLE_TIMING);
        }

        /** Says that what was put into the stream until now needs what is in it. */
        public void used() {
            enter();
            check(JCudaDriver.cuEventRecord(done, stream), "cuEventRecord");
            isBusy = true;
        }

        /** Waits until that has run. */
        public void free() {
            if (isBusy) {
                enter();
                check(JCudaDriver.cuEventSynchronize(done), "cuEventSynchronize");
                isBusy = false;
            }
        }

        /** Gives it back; nothing may be under way. */
        @Override
        public void close() {
            enter();
            check(JCudaDriver.cuEventDestroy(done), "cuEventDestroy");
            check(JCudaDriver.cuMemFreeHost(pointer), "cuMemFreeHost");
        }
    }

    @Override
    public ByteBuffer staging() {
        enter();
        current = (current + 1) % staging.length;
        staging[current].free();
        return staging[current].view;
    }

    private Pointer pointer(ByteBuffer buffer) {
        if (buffer == staging[current].view) {
            return staging[current].pointer;
        }
        if (buffer != lastBuffer) { // the same one every time, in a loop that must not allocate
            lastBuffer = buffer;
            lastPointer = Pointer.to(buffer);
        }
        return lastPointer;
    }

    @Override
    public void write(Buffer to, long offset, ByteBuffer from) {
        enter();
        int code =
                JCudaDriver.cuMemcpyHtoDAsync(
                        at(to, offset), pointer(from), from.remaining(), stream);
        check(code, "cuMemcpyHtoDAsync");
        if (from == staging[current].view) {
            staging[current].used(); // the host fills the other one meanwhile
        } else {
            finish();
        }
    }

    @Override
    public void read(Buffer from, long offset, ByteBuffer to) {
        enter();
        int code =
                JCudaDriver.cuMemcpyDtoHAsync(
                        pointer(to), at(from, offset), to.remaining(), stream);
        check(code, "cuMemcpyDtoHAsync");
        finish();
        to.position(to.limit());
    }

    @Override
    public void fill(Buffer buffer, long offset, long words, int value) {
        enter();
        int code = JCudaDriver.cuMemsetD32Async(at(buffer, offset), value, words, stream);
        check(code, "cuMemsetD32Async");
    }

    @Override
    public void copy(Buffer from, Buffer to, long bytes) {
        enter();
        int code = JCudaDriver.cuMemcpyDtoDAsync(at(to, 0), at(from, 0), bytes, stream);
        check(code, "cuMemcpyDtoDAsync");
    }

    @Override
    public Launch prepare(Call call) {
        enter();
        return new CudaLaunch.Kernel(call, module.function(call.kernel()), stream);
    }

    @Override
    public List<BlockTeam> teams() {
        return CudaTeams.of(hardware);
    }

    @Override
    public int room(BlockTeam team, long bytes) throws BlockTeam.Refused {
        enter();
        return CudaTeams.room(context, team, bytes);
    }

    @Override
    public Launch prepare(Call call, BlockTeam team, long bytes) throws BlockTeam.Refused {
        enter();
        CUfunction function = CudaTeams.function(context, team);
        if (team.blocks() == 1) {
            return new CudaLaunch.Kernel(call, function, stream);
        }
        CudaTeams.allow(function, team, bytes);
        return new CudaLaunch.Team(call, team, bytes, function, stream);
    }

    @Override
    public void tries(Launch launch) throws BlockTeam.Refused {
        enter();
        if (launch instanceof CudaLaunch.Team team) {
            team.tries();
        } else {
            run(launch);
        }
        finish();
    }

    @Override
    public boolean captures() {
        return true;
    }

    @Override
    public void run(Launch launch) {
        enter();
        ((CudaLaunch) launch).launch();
    }

    @Override
    public Launch sequence(List<Launch> launches, int repeats) {
        enter();
        return new CudaLaunch.Graph(stream, launches, repeats);
    }

    /** A log in the host's memory, which kernels write through its address on the device. */
    private final class MappedLog extends Pinned implements Log {
        private final Memory device;

        MappedLog(int bytes) {
            super(bytes, JCudaDriver.CU_MEMHOSTALLOC_DEVICEMAP);
            device = new Memory(bytes);
            int code = JCudaDriver.cuMemHostGetDevicePointer(device, pointer, 0);
            check(code, "cuMemHostGetDevicePointer");
            for (int i = 0; i < bytes; i++) {
                view.put(i, (byte) 0);
            }
        }

        @Override
        public Buffer buffer() {
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
    }

    @Override
    public Log log(int bytes) {
        return new MappedLog(bytes);
    }

    /** Pinned host memory and its place on the device, copied in the stream for copies. */
    private final class PinnedSlot extends Pinned implements Slot {
        private final Memory device;
        private final CUevent sent;

        PinnedSlot(Memory device) {
            super(device.bytes(), 0);
            this.device = device;
            sent = event(CUevent_flags.CU_EVENT_DISABLE_TIMING);
        }

        @Override
        public ByteBuffer host() {
            return view;
        }

        @Override
        public Buffer device() {
            return device;
        }

        @Override
        public void send(long bytes) {
            enter();
            int code = JCudaDriver.cuMemcpyHtoDAsync(device, pointer, bytes, copies);
            check(code, "cuMemcpyHtoDAsync");
            check(JCudaDriver.cuEventRecord(sent, copies), "cuEventRecord");
            check(JCudaDriver.cuStreamWaitEvent(stream, sent, 0), "cuStreamWaitEvent");
        }

        @Override
        public void close() {
            free();
            check(JCudaDriver.cuEventDestroy(sent), "cuEventDestroy");
            super.close();
            release(device);
        }
    }

    @Override
    public Slot slot(long bytes, String what) {
        return new PinnedSlot(allocate(bytes, what));
    }

    @Override
    public Library library() {
        return cublas;
    }

    @Override
    public boolean isIdle() {
        enter();
        int code = JCudaDriver.cuStreamQuery(stream);
        if (code != CUresult.CUDA_ERROR_NOT_READY) {
            check(code, "cuStreamQuery");
        }
        return code == CUresult.CUDA_SUCCESS;
    }

    @Override
    public void finish() {
        enter();
        check(JCudaDriver.cuStreamSynchronize(stream), "cuStreamSynchronize");
    }

    @Override
    public void close() {
        enter();
        if (cublas != null) {
            cublas.close();
        }
        release();
    }

    private void release() {
        finish();
        for (Pinned half : staging) {
            half.close();
        }
        check(JCudaDriver.cuStreamDestroy(copies), "cuStreamDestroy");
        check(JCudaDriver.cuStreamDestroy(stream), "cuStreamDestroy");
        entered = null;
    }
}
