package org.quern.backend.cuda;

import static org.quern.QuernException.usage;
import static org.quern.backend.gpu.GpuDevice.direct;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasMath;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Release;
import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.Gemm;
import org.quern.backend.gpu.GemmTable;

/**
 * Matrix products by cuBLAS, in the device's stream and with a workspace of our own, so that they
 * can be captured in graphs and give the same bits every time.
 */
final class Cublas implements Device.Library, AutoCloseable {
    /** What NVIDIA recommends for Hopper, and more than enough before it. */
    private static final long WORKSPACE = 32L << 20;

    // off the heap, where an array would be pinned or copied at each call
    private static final Pointer ONE = Pointer.to(direct(Float.BYTES).putFloat(0, 1));
    private static final Pointer ZERO = Pointer.to(direct(Float.BYTES).putFloat(0, 0));

    private final CudaDevice device;
    private final cublasHandle handle = new cublasHandle();
    private final CudaDevice.Memory workspace;
    private final int version;
    final Backend.Precision precision;
    final boolean mayBeOwn;
    final GemmTable table;
    private CublasLt light;
    private String lightProblem; // why products may not have epilogues; else null

    private Cublas(CudaDevice device, Backend.Options options, CublasLibrary library) {
        this.device = device;
        precision = options.precision();
        mayBeOwn = options.gemm() != Backend.Gemm.CUBLAS && precision == Backend.Precision.FP32;
        check(JCublas2.cublasCreate(handle), "cublasCreate");
        try {
            workspace = device.allocate(WORKSPACE, "cuBLAS's workspace");
            cudaStream_t stream = new cudaStream_t(device.stream);
            check(JCublas2.cublasSetStream(handle, stream), "cublasSetStream");
            check(JCublas2.cublasSetWorkspace(handle, workspace, WORKSPACE), "cublasSetWorkspace");
            int mode =
                    precision == Backend.Precision.TF32
                            ? cublasMath.CUBLAS_TF32_TENSOR_OP_MATH
                            : cublasMath.CUBLAS_DEFAULT_MATH;
            check(JCublas2.cublasSetMathMode(handle, mode), "cublasSetMathMode");
            int[] number = new int[1];
            check(JCublas2.cublasGetVersion(handle, number), "cublasGetVersion");
            version = number[0];
            table =
                    new GemmTable(
                            device,
                            device.key() + " " + versionText() + " " + text(precision),
                            mayBeOwn
                                    ? "Quern's own kernels are used, in tiles chosen by a rule"
                                            + " (--gemm cublas uses cuBLAS)"
                                    : "cuBLAS is used without cublasLt");
            openLight(library);
        } catch (RuntimeException | Error e) {
            Release.after(e, this::close);
            throw e;
        }
    }

    private void openLight(CublasLibrary library) {
        try {
            CublasLt.load(library);
        } catch (QuernException e) {
            lightProblem = e.getMessage();
            return;
        }
        light = new CublasLt(precision, workspace, device.stream);
    }

    private static CublasLibrary find(String wanted) {
        return CublasLibrary.find(wanted, System.getenv(), Path.of("/"));
    }

    /** Whether there is a cuBLAS, in a few words. */
    static String found() {
        try {
            return find(null).description();
        } catch (QuernException e) {
            return e.getMessage();
        }
    }

    /** Opens cuBLAS; null if the options do not want it, or leave it open and there is none. */
    static Cublas open(CudaDevice device, Backend.Options options) {
        boolean rounds = options.precision() != Backend.Precision.FP32;
        if (options.gemm() == Backend.Gemm.OWN) {
            if (rounds) {
                throw usage(
                        "--precision %s needs cuBLAS, and --gemm own keeps it out: leave one of them out",
                        text(options.precision()));
            }
            return null;
        }
        CublasLibrary library;
        try {
            library = find(options.cublas());
            library.load();
        } catch (QuernException e) {
            if (rounds || options.gemm() == Backend.Gemm.CUBLAS || options.cublas() != null) {
                throw e;
            }
            return null;
        }
        return new Cublas(device, options, library);
    }

    /** What the user should know of how it was opened, in a sentence; null for nothing. */
    String notice() {
        return lightProblem == null
                ? null
                : "cuBLAS has no cublasLt beside it (%s): biases and activations take longer"
                        .formatted(lightProblem);
    }

    private static String text(Backend.Precision precision) {
        return precision.name().toLowerCase(Locale.ROOT);
    }

    static void check(int status, String call) {
        if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            throw failure(call, status);
        }
    }

    /** A fault of a kernel before it shows as a status of cuBLAS's: the driver knows better. */
    static QuernException failure(String call, int status) {
        int code = JCudaDriver.cuCtxSynchronize();
        return CudaErrors.isSticky(code)
                ? CudaErrors.failure(code, call)
                : QuernException.device(
                        "cuBLAS failed: %s gave %s: try --gemm own",
                        call, cublasStatus.stringFor(status));
    }

    @Override
    public boolean roundsFactors() {
        return precision == Backend.Precision.BF16;
    }

    @Override
    public Device.GemmVariant choose(Gemm product, List<Device.GemmVariant> ways) {
        List<Device.GemmVariant> allowed =
                ways.stream().filter(way -> mayBeOwn || !way.name().equals(Device.OWN)).toList();
        return allowed.size() == 1 ? allowed.get(0) : fastest(product, allowed);
    }

    private Device.GemmVariant fastest(Gemm p, List<Device.GemmVariant> ways) {
        return table.fastest(p.what(), p.m(), p.n(), p.k(), ways);
    }

    @Override
    public boolean hasEpilogues() {
        return light != null;
    }

    String description() {
        String in = precision == Backend.Precision.FP32 ? "" : " in " + text(precision);
        return "cuBLAS " + versionText() + in;
    }

    String versionText() {
        return version / 10000 + "." + version % 10000 / 100 + "." + version % 100;
    }

    /** Runs it once: cuBLAS loads kernels when first wanted, and may not amid a capture. */
    @Override
    public CudaLaunch product(Gemm p) {
        if (p.epilogue() != Gemm.Epilogue.NONE) {
            return light == null ? null : light.launch(p);
        }
        CudaLaunch launch = new Multiplication(p);
        launch.run();
        return launch;
    }

    /** Where an operand begins in its buffer, in bytes. */
    static long offset(Gemm.Operand operand) {
        return (operand.bfloat16() ? 2L : 4L) * operand.at();
    }

    static int type(Gemm.Operand operand) {
        return operand.bfloat16() ? cudaDataType.CUDA_R_16BF : cudaDataType.CUDA_R_32F;
    }

    static int operation(Gemm.Operand operand) {
        return operand.transposed() ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N;
    }

    private final class Multiplication extends CudaLaunch {
        private final Gemm p;
        private final CUdeviceptr a;
        private final CUdeviceptr b;
        private final CUdeviceptr c;

        Multiplication(Gemm p) {
            super("the product of " + p.what());
            this.p = p;
            // a row-major matrix is its transpose to cuBLAS: C' = B'·A'
            a = at(p.b());
            b = at(p.a());
            c = at(p.c());
        }

        private CUdeviceptr at(Gemm.Operand operand) {
            return CudaDevice.at(operand.buffer(), offset(operand));
        }

        @Override
        int put() {
            return JCublas2.cublasGemmEx(
                    handle,
                    operation(p.b()),
                    operation(p.a()),
                    p.n(),
                    p.m(),
                    p.k(),
                    ONE,
                    a,
                    type(p.b()),
                    p.b().stride(),
                    b,
                    type(p.a()),
                    p.a().stride(),
                    ZERO,
                    c,
                    type(p.c()),
                    p.c().stride(),
                    // JCuda takes this function's older form: the type, not a compute type
                    cudaDataType.CUDA_R_32F,
                    cublasGemmAlgo.CUBLAS_GEMM_DEFAULT);
        }

        @Override
        QuernException failure(int status) {
            return Cublas.failure(what, status);
        }
    }

    @Override
    public void close() {
        Release release = new Release();
        if (light != null) {
            release.then(light::close);
        }
        release.then(() -> check(JCublas2.cublasDestroy(handle), "cublasDestroy"));
        if (workspace != null) { // where there was no room for it
            release.then(() -> device.release(workspace));
        }
        release.end();
    }
}
