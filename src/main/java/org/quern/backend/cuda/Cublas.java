package org.quern.backend.cuda;

import static org.quern.QuernException.usage;
import static org.quern.backend.gpu.GpuDevice.direct;

import java.nio.file.Path;
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
import org.quern.backend.gpu.Gemm;

/**
 * Matrix products by cuBLAS, in the device's stream and with a workspace of our own, so that they
 * can be captured in graphs and give the same bits every time.
 */
final class Cublas implements AutoCloseable {
    /** What NVIDIA recommends for Hopper, and more than enough before it. */
    private static final long WORKSPACE = 32L << 20;

    // off the heap, where an array would be pinned or copied at each call
    private static final Pointer ONE = Pointer.to(direct(Float.BYTES).putFloat(0, 1));
    private static final Pointer ZERO = Pointer.to(direct(Float.BYTES).putFloat(0, 0));

    private final CudaDevice device;
    private final cublasHandle handle = new cublasHandle();
    private final CudaDevice.Memory workspace;
    private final int version;
    private final Backend.Precision precision;
    private CublasLt light;
    private String lightProblem;

    private Cublas(CudaDevice device, Backend.Precision precision) {
        this.device = device;
        this.precision = precision;
        check(JCublas2.cublasCreate(handle), "cublasCreate");
        workspace = device.allocate(WORKSPACE, "cuBLAS's workspace");
        cudaStream_t stream = new cudaStream_t(device.stream());
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

    /**
     * Opens cuBLAS if the options want it; null if they do not, or leave it open and there is none.
     */
    static Cublas open(CudaDevice device, Backend.Options options) {
        Backend.Precision precision = options.precision();
        if (options.gemm() == Backend.Gemm.OWN) {
            if (precision != Backend.Precision.FP32) {
                throw usage(
                        "--precision %s needs cuBLAS, and --gemm own keeps it out: leave one of them out",
                        text(precision));
            }
            return null;
        }
        CublasLibrary library;
        try {
            library = find(options.cublas());
            library.load();
        } catch (QuernException e) {
            boolean asked =
                    options.gemm() == Backend.Gemm.CUBLAS
                            || precision != Backend.Precision.FP32
                            || options.cublas() != null;
            if (asked) {
                throw e;
            }
            return null;
        }
        Cublas cublas = new Cublas(device, precision);
        try {
            CublasLt.load(library);
        } catch (QuernException e) {
            cublas.lightProblem = e.getMessage();
            return cublas;
        }
        try {
            cublas.light = new CublasLt(precision, cublas.workspace, device.stream());
        } catch (RuntimeException e) {
            cublas.close();
            throw e;
        }
        return cublas;
    }

    private static String text(Backend.Precision precision) {
        return precision.name().toLowerCase(Locale.ROOT);
    }

    /** Fails unless a call gave success. */
    static void check(int status, String call) {
        if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            throw failure(call, status);
        }
    }

    /**
     * A fault of a kernel before it shows as a status of cuBLAS's, too: the driver knows better.
     */
    static QuernException failure(String call, int status) {
        int code = JCudaDriver.cuCtxSynchronize();
        return CudaErrors.isSticky(code)
                ? CudaErrors.failure(code, call)
                : new QuernException(
                        QuernException.Kind.DEVICE,
                        "cuBLAS failed: %s gave %s: try --gemm own"
                                .formatted(call, cublasStatus.stringFor(status)));
    }

    /** Whether products may have epilogues. */
    boolean hasEpilogues() {
        return light != null;
    }

    /** Why products may not have epilogues; else null. */
    String lightProblem() {
        return lightProblem;
    }

    /** The version, and the precision if it is not float32. */
    String description() {
        String in = precision == Backend.Precision.FP32 ? "" : " in " + text(precision);
        return "cuBLAS " + versionText() + in;
    }

    String versionText() {
        return version / 10000 + "." + version % 10000 / 100 + "." + version % 100;
    }

    Backend.Precision precision() {
        return precision;
    }

    /**
     * A product, ready to be run; null if it has an epilogue that there is not. It is run once
     * here, which writes what any run writes: cuBLAS loads its kernels when they are first wanted,
     * and may not while a graph is captured.
     */
    CudaLaunch launch(Gemm p) {
        if (p.epilogue() != Gemm.Epilogue.NONE) {
            return light == null ? null : light.launch(p);
        }
        CudaLaunch launch = new Multiplication(p);
        launch.launch();
        return launch;
    }

    /** Where an operand begins in its buffer, in bytes. */
    static long offset(Gemm.Operand operand) {
        return (operand.bfloat16() ? 2L : 4L) * operand.at();
    }

    static int type(Gemm.Operand operand) {
        return operand.bfloat16() ? cudaDataType.CUDA_R_16BF : cudaDataType.CUDA_R_32F;
    }

    static int operation(boolean transpose) {
        return transpose ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N;
    }

    /** One call of cublasGemmEx. */
    private final class Multiplication extends CudaLaunch {
        private final Gemm p;
        private final CUdeviceptr a;
        private final CUdeviceptr b;
        private final CUdeviceptr c;

        Multiplication(Gemm p) {
            this.p = p;
            a = CudaDevice.at(p.a().buffer(), offset(p.a()));
            b = CudaDevice.at(p.b().buffer(), offset(p.b()));
            c = CudaDevice.at(p.c().buffer(), offset(p.c()));
        }

        @Override
        void launch() {
            int status =
                    JCublas2.cublasGemmEx(
                            handle,
                            // a row-major matrix is its transpose to cuBLAS: C' = B'·A'
                            operation(p.transposeB()),
                            operation(p.transposeA()),
                            p.n(),
                            p.m(),
                            p.k(),
                            ONE,
                            b,
                            type(p.b()),
                            p.b().stride(),
                            a,
                            type(p.a()),
                            p.a().stride(),
                            ZERO,
                            c,
                            type(p.c()),
                            p.c().stride(),
                            // JCuda takes this function's older form: the type, not a compute type
                            cudaDataType.CUDA_R_32F,
                            cublasGemmAlgo.CUBLAS_GEMM_DEFAULT);
            if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
                throw failure("the product of " + p.what(), status);
            }
        }
    }

    @Override
    public void close() {
        if (light != null) {
            light.close();
        }
        check(JCublas2.cublasDestroy(handle), "cublasDestroy");
        device.release(workspace);
    }
}
