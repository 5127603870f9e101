package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemGetInfo;
import static jcuda.driver.JCudaDriver.cuMemHostAlloc;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoDAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;
import static jcuda.driver.JCudaDriver.cuMemsetD32Async;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static jcuda.driver.JCudaDriver.cuStreamQuery;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;

import java.nio.ByteBuffer;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.gpu.BlockTeam;
import org.quern.backend.gpu.Call;
import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.Gemm;
import org.quern.backend.gpu.TeamRefused;

/** A CUDA device in use: one stream for kernels and one for copies beside them. */
final class CudaDevice implements Device {

    /** The unit that all kernels but the fused ones are in. */
    static final String KERNELS = "quern";

    private final CudaHardware hardware;
    private final CudaContext context;
    private final CUstream stream = new CUstream();
    private final CUstream copies = new CUstream();
    private final CudaModule module;
    private final Cublas cublas;
    private final GemmTable table;
    private final Epilogues epilogues;
    private final boolean mayBeOwn;
    private final long budget;
    private final CudaStaging staging;
    private Thread current;
    private ByteBuffer lastBuffer;
    private Pointer lastPointer;
    private String largest = "nothing";
    private long largestBytes;

    CudaDevice(
            CudaHardware hardware,
            int driverVersion,
            Backend.Options options,
            Epilogues epilogues) {
        this.hardware = hardware;
        this.epilogues = epilogues;
        mayBeOwn =
                options.gemm() != Backend.Gemm.CUBLAS
                        && options.precision() == Backend.Precision.FP32;
        context = CudaContext.of(hardware);
        enter();
        module = context.module(KERNELS);
        CudaErrors.check(
                cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate");
        CudaErrors.check(
                cuStreamCreate(copies, CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate");
        staging = new CudaStaging(this);
        budget = options.deviceMemory() > 0 ? (long) options.deviceMemory() << 20 : -1;
        try {
            cublas = Cublas.open(this, options, epilogues);
        } catch (RuntimeException e) {
            release();
            throw e;
        }
        table = cublas != null ? new GemmTable(this, cublas, driverVersion) : null;
    }

    /** Makes the context that of the calling thread. */
    void enter() {
        if (current != Thread.currentThread()) {
            context.enter();
            current = Thread.currentThread();
        }
    }

    CUstream stream() {
        return stream;
    }

    CUstream copies() {
        return copies;
    }

    CudaHardware hardware() {
        return hardware;
    }

    @Override
    public String description() {
        return cublas == null
                ? hardware.description()
                : hardware.description() + ", " + cublas.description();
    }

    @Override
    public String notice() {
        if (cublas != null && cublas.lightProblem() != null) {
            return "cuBLAS has no cublasLt beside it (%s): biases and activations take longer"
                    .formatted(cublas.lightProblem());
        }
        return module.notice();
    }

    @Override
    public Executor.KernelImage code() {
        return new Executor.KernelImage(module.image(), module.nanos());
    }

    @Override
    public int computeUnits() {
        return hardware.units();
    }

    @Override
    public long dataBudget() {
        return budget >= 0 ? budget : free() / 10 * 9;
    }

    @Override
    public long free() {
        enter();
        long[] free = new long[1];
        long[] total = new long[1];
        CudaErrors.check(cuMemGetInfo(free, total), "cuMemGetInfo");
        return free[0];
    }

    @Override
    public Buffer allocate(long bytes, String what) {
        enter();
        CUdeviceptr pointer = new CUdeviceptr();
        int code = cuMemAlloc(pointer, bytes);
        if (code == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            throw outOfMemory(bytes, what);
        }
        CudaErrors.check(code, "cuMemAlloc");
        if (bytes > largestBytes) {
            largestBytes = bytes;
            largest = what;
        }
        return CudaMemory.of(pointer, bytes);
    }

    private QuernException outOfMemory(long bytes, String what) {
        return new QuernException(
                QuernException.Kind.DEVICE,
                ("out of memory on %s: %s needs %,d MiB, and %,d MiB of %,d MiB are free (largest:"
                                + " %s, %,d MiB): use a smaller batch or --device-memory")
                        .formatted(
                                hardware.name(),
                                what,
                                mib(bytes),
                                free() >> 20,
                                hardware.memory() >> 20,
                                largest,
                                mib(largestBytes)));
    }

    private static long mib(long bytes) {
        return bytes + (1 << 20) - 1 >> 20;
    }

    @Override
    public void release(Buffer buffer) {
        enter();
        CudaErrors.check(cuMemFree(((CudaMemory) buffer).pointer()), "cuMemFree");
    }

    /** Host memory that the device copies from and to by itself. */
    Pointer pinned(long bytes, int flags) {
        enter();
        Pointer pointer = new Pointer();
        CudaErrors.check(cuMemHostAlloc(pointer, bytes, flags), "cuMemHostAlloc");
        return pointer;
    }

    @Override
    public ByteBuffer staging() {
        enter();
        return staging.next();
    }

    private Pointer pointer(ByteBuffer buffer) {
        Pointer pinned = staging.pointer(buffer);
        if (pinned != null) {
            return pinned;
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
        CudaErrors.check(
                cuMemcpyHtoDAsync(
                        ((CudaMemory) to).at(offset), pointer(from), from.remaining(), stream),
                "cuMemcpyHtoDAsync");
        if (staging.pointer(from) != null) {
            staging.sent(stream); // the host fills the other half meanwhile
        } else {
            finish();
        }
    }

    @Override
    public void read(Buffer from, long offset, ByteBuffer to) {
        enter();
        CudaErrors.check(
                cuMemcpyDtoHAsync(
                        pointer(to), ((CudaMemory) from).at(offset), to.remaining(), stream),
                "cuMemcpyDtoHAsync");
        finish();
        to.position(to.limit());
    }

    @Override
    public void fill(Buffer buffer, long offset, long words, int value) {
        enter();
        CudaErrors.check(
                cuMemsetD32Async(((CudaMemory) buffer).at(offset), value, words, stream),
                "cuMemsetD32Async");
    }

    @Override
    public void copy(Buffer from, Buffer to, long bytes) {
        enter();
        CudaErrors.check(
                cuMemcpyDtoDAsync(
                        ((CudaMemory) to).pointer(), ((CudaMemory) from).pointer(), bytes, stream),
                "cuMemcpyDtoDAsync");
    }

    @Override
    public Launch prepare(Call call) {
        enter();
        return new CudaLaunch(call, module.function(call.kernel()), stream);
    }

    @Override
    public List<BlockTeam> teams() {
        return CudaTeams.of(hardware);
    }

    @Override
    public int room(BlockTeam team, long bytes) throws TeamRefused {
        enter();
        return CudaTeams.room(context, hardware, team, bytes);
    }

    @Override
    public Launch prepare(Call call, BlockTeam team, long bytes) throws TeamRefused {
        enter();
        CUfunction function = CudaTeams.function(context, team);
        return team.blocks() == 1
                ? new CudaLaunch(call, function, stream)
                : CudaTeams.prepare(call, team, bytes, function, stream);
    }

    @Override
    public void tries(Launch launch) throws TeamRefused {
        enter();
        if (launch instanceof CudaTeams.TeamLaunch team) {
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
        ((Launchable) launch).launch();
    }

    /** A launch of ours or of a library's, or a graph of such. */
    interface Launchable extends Launch {
        /** Puts it into the stream. */
        void launch();
    }

    @Override
    public Launch sequence(List<Launch> launches, int repeats) {
        enter();
        return CudaGraph.capture(stream, launches, repeats);
    }

    @Override
    public Log log(int bytes) {
        return new CudaLog(this, bytes);
    }

    @Override
    public Slot slot(long bytes, String what) {
        return new CudaSlot(this, (CudaMemory) allocate(bytes, what), pinned(bytes, 0));
    }

    @Override
    public boolean roundsFactors() {
        return cublas != null && cublas.precision() == Backend.Precision.BF16;
    }

    @Override
    public boolean hasEpilogues() {
        return cublas != null && cublas.hasEpilogues();
    }

    @Override
    public Launch product(Gemm product) {
        return cublas == null ? null : cublas.launch(product);
    }

    @Override
    public GemmVariant choose(Gemm product, List<GemmVariant> ways) {
        GemmVariant last = ways.get(ways.size() - 1);
        if (epilogues == Epilogues.ALWAYS && last.name().equals(EPILOGUE)) {
            return last;
        }
        List<GemmVariant> allowed =
                ways.stream().filter(way -> mayBeOwn || !way.name().equals(OWN)).toList();
        return allowed.size() == 1 ? allowed.get(0) : table.fastest(product, allowed);
    }

    @Override
    public boolean isIdle() {
        enter();
        int code = cuStreamQuery(stream);
        if (code != CUresult.CUDA_ERROR_NOT_READY) {
            CudaErrors.check(code, "cuStreamQuery");
        }
        return code == CUresult.CUDA_SUCCESS;
    }

    @Override
    public void finish() {
        enter();
        CudaErrors.check(cuStreamSynchronize(stream), "cuStreamSynchronize");
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
        staging.close();
        CudaErrors.check(cuStreamDestroy(copies), "cuStreamDestroy");
        CudaErrors.check(cuStreamDestroy(stream), "cuStreamDestroy");
        current = null;
    }
}
