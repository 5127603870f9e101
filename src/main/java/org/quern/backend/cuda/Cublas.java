package org.quern.backend.cuda;

import static jcuda.jcublas.JCublas2.cublasCreate;
import static jcuda.jcublas.JCublas2.cublasDestroy;
import static jcuda.jcublas.JCublas2.cublasGemmEx;
import static jcuda.jcublas.JCublas2.cublasGetVersion;
import static jcuda.jcublas.JCublas2.cublasSetMathMode;
import static jcuda.jcublas.JCublas2.cublasSetStream;
import static jcuda.jcublas.JCublas2.cublasSetWorkspace;
import static org.quern.QuernException.backend;

import java.util.List;
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
import org.quern.backend.kernel.Call;
import org.quern.backend.kernel.Device;
import org.quern.backend.kernel.Product;
import org.quern.backend.nativelib.NativeLibraries;

/**
 * Matrix products by cuBLAS, in the device's stream and with a workspace of our own, so that they
 * can be captured in graphs and give the same bits every time.
 */
final class Cublas implements AutoCloseable {
    /** What NVIDIA recommends for Hopper, and more than enough before it. */
    private static final long WORKSPACE = 32L << 20;

    private final CudaDevice device;
    private final cublasHandle handle = new cublasHandle();
    private final Device.Buffer workspace;
    private final int version;
    private final Backend.Precision precision;
    private final Pointer one = Pointer.to(new float[] {1});
    private final Pointer zero = Pointer.to(new float[] {0});

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

    /**
     * A product, ready to be run. It is run once here, which writes what any run writes: cuBLAS
     * loads its kernels when they are first wanted, and may not while a graph is captured.
     */
    CudaDevice.Launchable launch(Product p) {
        CudaDevice.Launchable launchable = prepare(p);
        launchable.launch();
        return launchable;
    }

    private CudaDevice.Launchable prepare(Product p) {
        CudaMemory arena = (CudaMemory) p.arena();
        // a row-major matrix is its transpose to cuBLAS: C' = B'·A'
        int strideA = p.transposeA() ? p.m() : p.k();
        int strideB = p.transposeB() ? p.k() : p.n();
        Pointer c = arena.at(4L * p.c());
        if (precision != Backend.Precision.BF16) {
            Pointer a = arena.at(4L * p.a());
            Pointer b = arena.at(4L * p.b());
            return new Multiplication(p, a, strideA, b, strideB, c, cudaDataType.CUDA_R_32F);
        }
        Bfloat16 a = new Bfloat16(arena, p.a(), Math.multiplyExact(p.m(), p.k()));
        Bfloat16 b = new Bfloat16(arena, p.b(), Math.multiplyExact(p.k(), p.n()));
        CudaDevice.Launchable product =
                new Multiplication(
                        p, a.pointer(), strideA, b.pointer(), strideB, c, cudaDataType.CUDA_R_16BF);
        return new CudaDevice.Launchable() {
            @Override
            public void launch() {
                a.convert.launch();
                b.convert.launch();
                product.launch();
            }

            @Override
            public void close() {
                device.release(a.rounded);
                device.release(b.rounded);
            }
        };
    }

    /** A factor rounded to bfloat16 before each product; the arena keeps float32. */
    private final class Bfloat16 {
        final CudaMemory rounded;
        final CudaDevice.Launchable convert;

        Bfloat16(CudaMemory arena, int at, int count) {
            rounded = (CudaMemory) device.allocate((count + 3L) / 4 * 8, "factors in bfloat16");
            int groups = (int) ((count + 4L * Device.THREADS - 1) / (4 * Device.THREADS));
            Call call = new Call("bfloat16_convert", groups, 1, List.of(arena, rounded, at, count));
            convert = (CudaDevice.Launchable) device.prepare(call);
        }

        Pointer pointer() {
            return rounded.pointer();
        }
    }

    /** One call of cublasGemmEx. */
    private final class Multiplication implements CudaDevice.Launchable {
        private final Product p;
        private final Pointer a;
        private final int strideA;
        private final Pointer b;
        private final int strideB;
        private final Pointer c;
        private final int type;

        Multiplication(
                Product p, Pointer a, int strideA, Pointer b, int strideB, Pointer c, int type) {
            this.p = p;
            this.a = a;
            this.strideA = strideA;
            this.b = b;
            this.strideB = strideB;
            this.c = c;
            this.type = type;
        }

        @Override
        public void launch() {
            check(
                    cublasGemmEx(
                            handle,
                            operation(p.transposeB()),
                            operation(p.transposeA()),
                            p.n(),
                            p.m(),
                            p.k(),
                            one,
                            b,
                            type,
                            strideB,
                            a,
                            type,
                            strideA,
                            zero,
                            c,
                            cudaDataType.CUDA_R_32F,
                            p.n(),
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
        check(cublasDestroy(handle), "cublasDestroy");
        device.release(workspace);
    }
}
