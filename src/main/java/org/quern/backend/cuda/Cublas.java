package org.quern.backend.cuda;

import static jcuda.jcublas.JCublas2.cublasCreate;
import static jcuda.jcublas.JCublas2.cublasDestroy;
import static jcuda.jcublas.JCublas2.cublasGemmEx;
import static jcuda.jcublas.JCublas2.cublasGetVersion;
import static jcuda.jcublas.JCublas2.cublasSetStream;
import static jcuda.jcublas.JCublas2.cublasSetWorkspace;
import static org.quern.QuernException.backend;

import java.util.Locale;
import java.util.Map;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.kernel.Device;
import org.quern.backend.kernel.Product;
import org.quern.backend.nativelib.NativeLibraries;

/**
 * Matrix products by cuBLAS, in the device's stream and with a workspace of our own, so that they
 * can be captured in graphs and give the same bits every time.
 */
final class Cublas implements AutoCloseable {
    // cublasComputeType_t
    private static final int COMPUTE_32F = 68;
    private static final int COMPUTE_32F_FAST_16BF = 75;
    private static final int COMPUTE_32F_FAST_TF32 = 77;

    /** What NVIDIA recommends for Hopper, and more than enough before it. */
    private static final long WORKSPACE = 32L << 20;

    private final CudaDevice device;
    private final cublasHandle handle = new cublasHandle();
    private final Device.Buffer workspace;
    private final int version;
    private final int compute;
    private final Backend.Precision precision;
    private final Pointer one = Pointer.to(new float[] {1});
    private final Pointer zero = Pointer.to(new float[] {0});

    private Cublas(CudaDevice device, Backend.Precision precision) {
        this.device = device;
        this.precision = precision;
        compute =
                switch (precision) {
                    case FP32 -> COMPUTE_32F;
                    case TF32 -> COMPUTE_32F_FAST_TF32;
                    case BF16 -> COMPUTE_32F_FAST_16BF;
                };
        check(cublasCreate(handle), "cublasCreate");
        workspace = device.allocate(WORKSPACE, "cuBLAS's workspace");
        check(cublasSetStream(handle, new cudaStream_t(device.stream())), "cublasSetStream");
        check(
                cublasSetWorkspace(handle, ((CudaMemory) workspace).pointer(), WORKSPACE),
                "cublasSetWorkspace");
        int[] number = new int[1];
        check(cublasGetVersion(handle, number), "cublasGetVersion");
        version = number[0];
    }

    /** Whether there is a cuBLAS, in a few words. */
    static String found(Map<String, String> environment) {
        try {
            return CublasLibrary.find(null, environment).description();
        } catch (NativeLibraries.UnavailableException e) {
            return e.getMessage();
        }
    }

    /**
     * Opens cuBLAS if the options want it; null if they do not, or leave it open and there is none.
     */
    static Cublas open(CudaDevice device, Backend.Options options) {
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
        try {
            CublasLibrary.find(options.cublas(), System.getenv()).load(System.getenv());
        } catch (NativeLibraries.UnavailableException e) {
            if (asked) {
                throw backend("%s", e.getMessage());
            }
            return null;
        }
        return new Cublas(device, options.precision());
    }

    private static void check(int status, String call) {
        if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            throw new QuernException(
                    QuernException.Kind.DEVICE,
                    "cuBLAS failed: %s gave %s: try --gemm own"
                            .formatted(call, cublasStatus.stringFor(status)));
        }
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

    /** A product, ready to be run. */
    CudaDevice.Launchable launch(Product p) {
        CudaMemory arena = (CudaMemory) p.arena();
        Pointer a = arena.at(4L * p.a());
        Pointer b = arena.at(4L * p.b());
        Pointer c = arena.at(4L * p.c());
        // a row-major matrix is its transpose to cuBLAS: C' = B'·A'
        int opA = operation(p.transposeA());
        int opB = operation(p.transposeB());
        int strideA = p.transposeA() ? p.m() : p.k();
        int strideB = p.transposeB() ? p.k() : p.n();
        return new CudaDevice.Launchable() {
            @Override
            public void launch() {
                check(
                        cublasGemmEx(
                                handle,
                                opB,
                                opA,
                                p.n(),
                                p.m(),
                                p.k(),
                                one,
                                b,
                                cudaDataType.CUDA_R_32F,
                                strideB,
                                a,
                                cudaDataType.CUDA_R_32F,
                                strideA,
                                zero,
                                c,
                                cudaDataType.CUDA_R_32F,
                                p.n(),
                                compute,
                                cublasGemmAlgo.CUBLAS_GEMM_DEFAULT),
                        "the product of " + p.what());
            }

            @Override
            public void close() {
                // the garbage collector has it
            }
        };
    }

    private static int operation(boolean transpose) {
        return transpose ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N;
    }

    @Override
    public void close() {
        check(cublasDestroy(handle), "cublasDestroy");
        device.release(workspace);
    }
}
