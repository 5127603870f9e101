package org.quern.backend.cuda;

import static org.quern.backend.cuda.CudaErrors.check;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
import org.quern.backend.Release;
import org.quern.backend.gpu.BlockTeam;
import org.quern.backend.gpu.Call;
import org.quern.backend.gpu.GemmTable;
import org.quern.backend.gpu.GpuDevice;

/** A CUDA device in use: one stream for kernels and one for copies beside them. */
final class CudaDevice extends GpuDevice {
    static final String KERNELS = "quern";

    private static final int STAGING = 2 << 20;

    final CudaHardware hardware;
    final Stream stream = new Stream();
    private final CUstream copies = new CUstream();

    /** What gives back what was taken, the last first. */
    private final Deque<Runnable> undo = new ArrayDeque<>();

    private final CudaModule module;
    private final Cublas cublas;
    private final GemmTable table;
    private final long budget;

    /** While the device copies from one, the host fills the other. */
    private final Pinned[] staging = new Pinned[2];

    private int current;

    /** Of the buffers copied to and from, kept so that a loop allocates nothing. */
    private final Map<ByteBuffer, Pointer> pointers = new IdentityHashMap<>();

    private Thread entered;

    CudaDevice(CudaHardware hardware, Backend.Options options) {
        super(hardware);
        this.hardware = hardware;
        enter();
        module = hardware.module(KERNELS);
        budget = options.deviceMemory() > 0 ? (long) options.deviceMemory() << 20 : -1;
        try {
            create(stream);
            create(copies);
            for (int i = 0; i < staging.length; i++) {
                staging[i] = new Pinned(STAGING, 0);
                undo.push(staging[i]::close);
                pointers.put(staging[i].view, staging[i].pointer);
            }
            cublas = Cublas.open(this, options);
            if (cublas != null) {
                undo.push(cublas::close);
            }
            boolean tiles = GemmTable.measuresTiles() && (cublas == null || cublas.mayBeOwn);
            table = !tiles ? null : cublas != null ? cublas.table : new GemmTable(this, key());
        } catch (RuntimeException | Error e) {
            Release.after(e, this::close);
            throw e;
        }
    }

    private void create(CUstream one) {
        int flags = CUstream_flags.CU_STREAM_NON_BLOCKING;
        check(JCudaDriver.cuStreamCreate(one, flags), "cuStreamCreate");
        undo.push(() -> check(JCudaDriver.cuStreamDestroy(one), "cuStreamDestroy"));
    }

    private void enter() {
        if (entered != Thread.currentThread()) {
            hardware.enter();
            entered = Thread.currentThread();
        }
    }

    /** The stream, for the calling thread to give work to. */
    private Stream stream() {
        enter();
        return stream;
    }

    @Override
    public String description() {
        return super.description() + (cublas == null ? "" : ", " + cublas.description());
    }

    @Override
    public String notice() {
        String library = cublas == null ? null : cublas.notice();
        GemmTable measured = cublas == null ? table : cublas.table;
        String times = measured == null ? null : measured.notice(table != null);
        return Arrays.asList(library, module.notice(), times).stream()
                .filter(Objects::nonNull)
                .reduce((a, b) -> a + "; " + b)
                .orElse(null);
    }

    /** What times depend on here, beside kernels and libraries. */
    String key() {
        return hardware.name() + " " + CudaHardware.driver();
    }

    @Override
    public GemmTable table() {
        return table;
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
        private final Pinned host; // the same memory; null if it is the device's own

        private Memory(long bytes, Pinned host) {
            this.bytes = bytes;
            this.host = host;
        }

        @Override
        public long bytes() {
            return bytes;
        }

        @Override
        public long handle() {
            return getNativePointer() + getByteOffset();
        }

        @Override
        public ByteBuffer view() {
            return host == null ? null : host.view;
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
        Memory memory = new Memory(bytes, null);
        int code = JCudaDriver.cuMemAlloc(memory, bytes);
        if (code == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            throw outOfMemory(bytes, what, free(), "");
        }
        check(code, "cuMemAlloc");
        taken(bytes, what);
        return memory;
    }

    @Override
    public Memory allocateShared(int bytes, String what) {
        Pinned host = new Pinned(bytes, JCudaDriver.CU_MEMHOSTALLOC_DEVICEMAP);
        Memory memory = new Memory(bytes, host);
        try {
            int code = JCudaDriver.cuMemHostGetDevicePointer(memory, host.pointer, 0);
            check(code, "cuMemHostGetDevicePointer");
        } catch (RuntimeException e) {
            Release.after(e, host::close);
            throw e;
        }
        return memory;
    }

    @Override
    public void release(Buffer buffer) {
        enter();
        Memory memory = (Memory) buffer;
        if (memory.host != null) {
            memory.host.close();
        } else {
            check(JCudaDriver.cuMemFree(memory), "cuMemFree");
        }
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
            try {
                done = event(CUevent_flags.CU_EVENT_DISABLE_TIMING);
            } catch (RuntimeException e) {
                Release.after(e, this::freeHost);
                throw e;
            }
        }

        private void freeHost() {
            check(JCudaDriver.cuMemFreeHost(pointer), "cuMemFreeHost");
        }

        /** Says that what was put into the stream until now needs what is in it. */
        public void used() {
            check(JCudaDriver.cuEventRecord(done, stream()), "cuEventRecord");
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
            new Release()
                    .then(() -> check(JCudaDriver.cuEventDestroy(done), "cuEventDestroy"))
                    .then(this::freeHost)
                    .end();
        }
    }

    @Override
    public ByteBuffer staging() {
        current = (current + 1) % staging.length;
        staging[current].free();
        return staging[current].view;
    }

    private Pointer pointer(ByteBuffer buffer) {
        return pointers.computeIfAbsent(buffer, Pointer::to);
    }

    @Override
    public void write(Buffer to, long offset, ByteBuffer from) {
        int code =
                JCudaDriver.cuMemcpyHtoDAsync(
                        at(to, offset), pointer(from), from.remaining(), stream());
        check(code, "cuMemcpyHtoDAsync");
        if (from == staging[current].view) {
            staging[current].used(); // the host fills the other one meanwhile
        } else {
            finish();
        }
    }

    @Override
    public void read(Buffer from, long offset, ByteBuffer to) {
        int code =
                JCudaDriver.cuMemcpyDtoHAsync(
                        pointer(to), at(from, offset), to.remaining(), stream());
        check(code, "cuMemcpyDtoHAsync");
        finish();
        to.position(to.limit());
    }

    @Override
    public void fill(Buffer buffer, long offset, long words, int value) {
        int code = JCudaDriver.cuMemsetD32Async(at(buffer, offset), value, words, stream());
        check(code, "cuMemsetD32Async");
    }

    @Override
    public void copy(Buffer from, Buffer to, long bytes) {
        int code = JCudaDriver.cuMemcpyDtoDAsync(at(to, 0), at(from, 0), bytes, stream());
        check(code, "cuMemcpyDtoDAsync");
    }

    @Override
    public Launch prepare(Call call) {
        return new CudaLaunch.Kernel(call, module.function(call.kernel()), stream());
    }

    @Override
    public List<BlockTeam> teams() {
        return CudaTeams.of(hardware);
    }

    @Override
    public int room(BlockTeam team, long bytes) throws BlockTeam.Refused {
        enter();
        return CudaTeams.room(hardware, team, bytes);
    }

    @Override
    public Launch prepare(Call call, BlockTeam team, long bytes) throws BlockTeam.Refused {
        enter();
        CUfunction function = CudaTeams.function(hardware, team);
        if (team.blocks() == 1) {
            return new CudaLaunch.Kernel(call, function, stream);
        }
        CudaTeams.allow(function, team, bytes);
        return new CudaLaunch.Team(call, team, bytes, function, stream);
    }

    @Override
    public boolean captures() {
        return true;
    }

    @Override
    public Launch sequence(List<Launch> launches, int repeats) {
        return new CudaLaunch.Graph(stream(), launches, repeats);
    }

    /** Pinned host memory and its place on the device, copied in the stream for copies. */
    private final class PinnedSlot extends Pinned implements Slot {
        private final Memory device;
        private final CUevent sent;

        PinnedSlot(Memory device) {
            super(device.bytes(), 0);
            this.device = device;
            try {
                sent = event(CUevent_flags.CU_EVENT_DISABLE_TIMING);
            } catch (RuntimeException e) {
                Release.after(e, super::close);
                throw e;
            }
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
            new Release()
                    .then(this::free)
                    .then(() -> check(JCudaDriver.cuEventDestroy(sent), "cuEventDestroy"))
                    .then(super::close)
                    .then(() -> release(device))
                    .end();
        }
    }

    @Override
    public Slot slot(long bytes, String what) {
        Memory memory = allocate(bytes, what);
        try {
            return new PinnedSlot(memory);
        } catch (RuntimeException | Error e) {
            Release.after(e, () -> release(memory));
            throw e;
        }
    }

    @Override
    public Library library() {
        return cublas;
    }

    @Override
    public boolean isIdle() {
        int code = JCudaDriver.cuStreamQuery(stream());
        if (code != CUresult.CUDA_ERROR_NOT_READY) {
            check(code, "cuStreamQuery");
        }
        return code == CUresult.CUDA_SUCCESS;
    }

    @Override
    public void finish() {
        check(JCudaDriver.cuStreamSynchronize(stream()), "cuStreamSynchronize");
    }

    @Override
    public void close() {
        Release release = new Release().then(this::finish);
        while (!undo.isEmpty()) {
            release.then(undo.pop());
        }
        release.end();
    }
}
