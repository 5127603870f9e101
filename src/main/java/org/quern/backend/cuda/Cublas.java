package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.jcublas.JCublas2.cublasCreate;
import static jcuda.jcublas.JCublas2.cublasDestroy;
import static jcuda.jcublas.JCublas2.cublasGemmEx;
import static jcuda.jcublas.JCublas2.cublasGetVersion;
import static jcuda.jcublas.JCublas2.cublasSetMathMode;
import static jcuda.jcublas.JCublas2.cublasSetStream;
import static jcuda.jcublas.JCublas2.cublasSetWorkspace;
import static org.quern.QuernException.backend;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Locale;
import java.util.Map;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasMath;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.Gemm;
import org.quern.backend.nativelib.NativeLibraries.UnavailableException;

/**
 * Matrix products by cuBLAS, in the device's stream and with a workspace of our own, so that they
 * can be captured in graphs and give the same bits every time.
 */
final class Cublas implements AutoCloseable {
    /** What NVIDIA recommends for Hopper, and more than enough before it. */
    private static final long WORKSPACE = 32L << 20;

    private static final Pointer ONE = number(1);
    private static final Pointer ZERO = number(0);

    private final CudaDevice device;
    private final cublasHandle handle = new cublasHandle();
    private final Device.Buffer workspace;
    private final int version;
    private final Backend.Precision precision;
    private CublasLt light;
    private String lightProblem;

    private Cublas(CudaDevice device, Backend.Precision precision) {
        this.device = device;
        this.precision = precision;
        check(cublasCreate(handle), "cublasCreate");
        workspace = device.allocate(WORKSPACE, "cuBLAS's workspace");
        check(cublasSetStream(handle, new cudaStream_t(device.stream())), "cublasSetStream");
        check(
                cublasSetWorkspace(handle, ((CudaMemory) workspace).pointer(), WORKSPACE),
                "cublasSetWorkspace");
        check(
                cublasSetMathMode(
                        handle,
                        precision == Backend.Precision.TF32
                                ? cublasMath.CUBLAS_TF32_TENSOR_OP_MATH
                                : cublasMath.CUBLAS_DEFAULT_MATH),
                "cublasSetMathMode");
        int[] number = new int[1];
        check(cublasGetVersion(handle, number), "cublasGetVersion");
        version = number[0];
    }

    /** Whether there is a cuBLAS, in a few words. */
    static String found(Map<String, String> environment) {
        try {
            return CublasLibrary.find(null, environment).description();
        } catch (UnavailableException e) {
            return e.getMessage();
        }
    }

    /**
     * Opens cuBLAS if the options want it; null if they do not, or leave it open and there is none.
     */
    static Cublas open(CudaDevice device, Backend.Options options, Epilogues epilogues) {
        boolean asked =
                options.gemm() == Backend.Gemm.CUBLAS
                        || options.precision() != Backend.Precision.FP32
                        || options.cublas() != null;
        if (options.gemm() == Backend.Gemm.OWN) {
            if (options.precision() != Backend.Precision.FP32) {
                throw QuernException.usage(
                        "--precision %s needs cuBLAS, and --gemm own keeps it out: leave one of them out",
                        options.precision().name().toLowerCase(Locale.ROOT));
            }
            return null;
        }
        CublasLibrary library;
        try {
            library = CublasLibrary.find(options.cublas(), System.getenv());
            library.load(System.getenv());
        } catch (UnavailableException e) {
            if (asked) {
                throw backend("%s", e.getMessage());
            }
            return null;
        }
        Cublas cublas = new Cublas(device, options.precision());
        if (epilogues != Epilogues.NEVER) {
            cublas.openLight(library, epilogues == Epilogues.ALWAYS);
        }
        return cublas;
    }

    private void openLight(CublasLibrary library, boolean strict) {
        try {
            light =
                    CublasLt.open(
                            library,
                            System.getenv(),
                            precision,
                            strict,
                            (CudaMemory) workspace,
                            device.stream());
        } catch (UnavailableException e) {
            lightProblem = e.getMessage();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private static void check(int status, String call) {
        if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            throw failure(call, status);
        }
    }

    /**
     * A fault of a kernel before it shows as a status of cuBLAS's, too: the driver knows better.
     */
    static QuernException failure(String call, int status) {
        int code = cuCtxSynchronize();
        if (CudaErrors.isSticky(code)) {
            return CudaErrors.failure(code, call);
        }
        return new QuernException(
                QuernException.Kind.DEVICE,
                "cuBLAS failed: %s gave %s: try --gemm own"
                        .formatted(call, cublasStatus.stringFor(status)));
    }

    /** Whether products may have epilogues. */
    boolean hasEpilogues() {
        return light != null;
    }

    /** Why products may not have epilogues, if they might have had; else null. */
    String lightProblem() {
        return lightProblem;
    }

    /** The version, and the precision if it is not float32. */
    String description() {
        String text = "cuBLAS " + versionText();
        return precision == Backend.Precision.FP32
                ? text
                : text + " in " + precision.name().toLowerCase(Locale.ROOT);
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
    CudaDevice.Launchable launch(Gemm p) {
        if (p.epilogue() != Gemm.Epilogue.NONE) {
            return light == null ? null : light.launch(p);
        }
        CudaDevice.Launchable launchable = new Multiplication(p);
        launchable.launch();
        return launchable;
    }

    /** A number off the heap, where an array would be pinned or copied at each call. */
    private static Pointer number(float value) {
        ByteBuffer number = ByteBuffer.allocateDirect(4).order(ByteOrder.nativeOrder());
        number.putFloat(0, value);
        return Pointer.to(number);
    }

    static long address(Gemm.Operand operand) {
        return ((CudaMemory) operand.buffer()).address() + bytes(operand);
    }

    private static Pointer pointer(Gemm.Operand operand) {
        return ((CudaMemory) operand.buffer()).at(bytes(operand));
    }

    private static long bytes(Gemm.Operand operand) {
        return (operand.bfloat16() ? 2L : 4L) * operand.at();
    }

    private static int type(Gemm.Operand operand) {
        return operand.bfloat16() ? cudaDataType.CUDA_R_16BF : cudaDataType.CUDA_R_32F;
    }

    /** One call of cublasGemmEx. */
    private final class Multiplication implements CudaDevice.Launchable {
        private final Gemm p;
        private final Pointer a;
        private final Pointer b;
        private final Pointer c;

        Multiplication(Gemm p) {
            this.p = p;
            a = pointer(p.a());
            b = pointer(p.b());
            c = pointer(p.c());
        }

        @Override
        public void launch() {
            check(
                    cublasGemmEx(
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
                            cublasGemmAlgo.CUBLAS_GEMM_DEFAULT),
                    "the product of " + p.what());
        }

        @Override
        public void close() {
            // nothing is held
        }
    }

    private static int operation(boolean transpose) {
        return transpose ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N;
    }

    @Override
    public void close() {
        if (light != null) {
            light.close();
        }
        check(cublasDestroy(handle), "cublasDestroy");
        device.release(workspace);
    }
}
