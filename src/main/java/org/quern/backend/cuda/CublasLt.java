package org.quern.backend.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import jcuda.cudaDataType;
import jcuda.driver.CUstream;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.quern.backend.Backend;
import org.quern.backend.gpu.Gemm;
import org.quern.backend.nativelib.NativeLibraries.UnavailableException;

/**
 * Matrix products with epilogues, by the cublasLt that comes with a cuBLAS: {@code
 * native/cublaslt.c} calls it.
 */
final class CublasLt implements AutoCloseable {
    /** Values of cublasComputeType_t. */
    private static final int COMPUTE_32F = 68;

    private static final int COMPUTE_32F_FAST_TF32 = 77;

    /** Values of cublasLtEpilogue_t. */
    private static final int DEFAULT = 1;

    private static final int BIAS = 4;
    private static final int RELU_BIAS = 6;
    private static final int RELU_AUX_BIAS = 134;
    private static final int DRELU = 136;

    /** B's columns are the rows of the column-major matrix that comes first. */
    private static final int BGRADA = 256;

    private final long handle;
    private final boolean strict;
    private final int compute;
    private final CudaMemory workspace;
    private final long stream;

    private CublasLt(
            Backend.Precision precision, boolean strict, CudaMemory workspace, CUstream stream) {
        this.strict = strict;
        compute = precision == Backend.Precision.TF32 ? COMPUTE_32F_FAST_TF32 : COMPUTE_32F;
        this.workspace = workspace;
        this.stream = new Address(stream).value();
        handle = create();
        if (handle <= 0) {
            throw Cublas.failure("cublasLtCreate", (int) -handle);
        }
    }

    /** Reads the number out of a stream, which JCuda shows to subclasses alone. */
    private static final class Address extends cudaStream_t {
        Address(CUstream stream) {
            super(stream);
        }

        long value() {
            return getNativePointer();
        }
    }

    /**
     * Opens the cublasLt of a cuBLAS that is loaded.
     *
     * @param strict whether a product that it refuses is an error, unless it says that it has none
     *     such; else what it refuses is done without it
     * @throws UnavailableException if there is none
     */
    static CublasLt open(
            CublasLibrary library,
            Map<String, String> environment,
            Backend.Precision precision,
            boolean strict,
            CudaMemory workspace,
            CUstream stream)
            throws UnavailableException {
        load(library, environment);
        return new CublasLt(precision, strict, workspace, stream);
    }

    private static synchronized void load(CublasLibrary library, Map<String, String> environment)
            throws UnavailableException {
        JCudaNatives.loadBridge(environment);
        List<String> problems = new ArrayList<>();
        for (String name : names(library)) {
            String problem = open(name);
            if (problem == null) {
                return;
            }
            problems.add(problem);
        }
        throw new UnavailableException(problems.get(problems.size() - 1), null);
    }

    /**
     * Beside cuBLAS; else by its name alone, which is that of the one that cuBLAS itself has
     * loaded.
     */
    private static List<String> names(CublasLibrary library) {
        List<String> names = new ArrayList<>();
        library.light().forEach(file -> names.add(file.toString()));
        names.add("libcublasLt.so." + library.major());
        return names;
    }

    /** A product, ready to be run, and run once; null if the library has none such. */
    CudaDevice.Launchable launch(Gemm p) {
        // a row-major matrix is its transpose to cuBLAS: C' = B'·A'
        Gemm.Operand a = p.b();
        Gemm.Operand b = p.a();
        Gemm.Epilogue epilogue = p.epilogue();
        Gemm.Operand bits = epilogue.bits();
        int[] numbers = {
            p.n(),
            p.m(),
            p.k(),
            p.transposeB() ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N,
            p.transposeA() ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N,
            a.stride(),
            b.stride(),
            p.c().stride(),
            type(a),
            type(p.c()),
            compute,
            code(epilogue.kind()),
            bits == null ? 0 : Integer.SIZE * bits.stride()
        };
        long[] pointers = {
            Cublas.address(a),
            Cublas.address(b),
            Cublas.address(p.c()),
            epilogue.bias() == null ? 0 : Cublas.address(epilogue.bias()),
            bits == null ? 0 : Cublas.address(bits),
            workspace.bytes()
        };
        long plan = plan(handle, numbers, pointers, epilogue.alpha());
        if (plan <= 0) {
            refused("the product of " + p.what(), (int) -plan);
            return null;
        }
        Planned planned = new Planned(p.what(), plan);
        int status = planned.put();
        if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            planned.close();
            refused("the first product of " + p.what(), status);
            return null;
        }
        return planned;
    }

    private void refused(String what, int status) {
        if (strict && status != cublasStatus.CUBLAS_STATUS_NOT_SUPPORTED) {
            throw Cublas.failure("cublasLt for " + what, status);
        }
    }

    private static int type(Gemm.Operand operand) {
        return operand.bfloat16() ? cudaDataType.CUDA_R_16BF : cudaDataType.CUDA_R_32F;
    }

    private static int code(Gemm.Kind kind) {
        return switch (kind) {
            case NONE -> DEFAULT;
            case BIAS -> BIAS;
            case RELU -> RELU_BIAS;
            case RELU_BITS -> RELU_AUX_BIAS;
            case RELU_GRADIENT -> DRELU;
            case BIAS_GRADIENT -> BGRADA;
        };
    }

    /** One call of cublasLtMatmul. */
    private final class Planned implements CudaDevice.Launchable {
        private final String what;
        private final long plan;

        Planned(String what, long plan) {
            this.what = what;
            this.plan = plan;
        }

        int put() {
            return run(handle, plan, workspace.address(), workspace.bytes(), stream);
        }

        @Override
        public void launch() {
            int status = put();
            if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
                throw Cublas.failure("cublasLtMatmul for the product of " + what, status);
            }
        }

        @Override
        public void close() {
            release(plan);
        }
    }

    @Override
    public void close() {
        int status = destroy(handle);
        if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            throw Cublas.failure("cublasLtDestroy", status);
        }
    }

    /** Opens the library at a path or of a name; the reason if that fails, else null. */
    private static native String open(String path);

    /** A handle, or the negative status. */
    static native long create();

    static native int destroy(long handle);

    /**
     * A column-major product, ready to be run, or the negative status.
     *
     * @param numbers m, n, k, operations on A and B, leading dimensions of A, B and D, types of A
     *     and of D, compute type, epilogue, leading dimension of the bits
     * @param pointers A, B, D, bias and bits, and the workspace's bytes
     */
    static native long plan(long handle, int[] numbers, long[] pointers, float alpha);

    static native int run(long handle, long plan, long workspace, long bytes, long stream);

    static native void release(long plan);
}
