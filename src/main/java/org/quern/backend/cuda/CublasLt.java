package org.quern.backend.cuda;

import static org.quern.QuernException.backend;

import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.gpu.Gemm;
import org.quern.backend.nativelib.NativeLibraries;

/**
 * Matrix products with epilogues, by the cublasLt that comes with a cuBLAS: {@code
 * native/cublaslt.c} calls it.
 */
final class CublasLt implements AutoCloseable {
    private static final int COMPUTE_32F = 68; // values of cublasComputeType_t
    private static final int COMPUTE_32F_FAST_TF32 = 77;

    private final long handle;
    private final int compute;
    private final CudaDevice.Memory workspace;
    private final long stream;

    CublasLt(Backend.Precision precision, CudaDevice.Memory workspace, CudaDevice.Stream stream) {
        compute = precision == Backend.Precision.TF32 ? COMPUTE_32F_FAST_TF32 : COMPUTE_32F;
        this.workspace = workspace;
        this.stream = stream.address();
        handle = create();
        if (handle <= 0) {
            throw Cublas.failure("cublasLtCreate", (int) -handle);
        }
    }

    /**
     * Opens the cublasLt of a cuBLAS that is loaded: beside it; else by its name alone, which is
     * that of the one that cuBLAS itself has loaded. Fails if there is none (backend).
     */
    static synchronized void load(CublasLibrary library) {
        NativeLibraries.loadBridge();
        if (library.light().stream().anyMatch(file -> open(file.toString()) == null)) {
            return;
        }
        String problem = open(library.lightName());
        if (problem != null) {
            throw backend("%s", problem);
        }
    }

    /** A product, ready to be run, and run once; null if the library refuses it. */
    CudaLaunch launch(Gemm p) {
        // a row-major matrix is its transpose to cuBLAS: C' = B'·A'
        Gemm.Operand a = p.b();
        Gemm.Operand b = p.a();
        Gemm.Operand bits = p.epilogue().bits();
        int[] numbers = {
            p.n(),
            p.m(),
            p.k(),
            Cublas.operation(a),
            Cublas.operation(b),
            a.stride(),
            b.stride(),
            p.c().stride(),
            Cublas.type(a),
            Cublas.type(p.c()),
            compute,
            code(p.epilogue().kind()),
            bits == null ? 0 : Integer.SIZE * bits.stride()
        };
        long[] pointers = {
            address(a),
            address(b),
            address(p.c()),
            address(p.epilogue().bias()),
            address(bits),
            workspace.bytes()
        };
        long plan = plan(handle, numbers, pointers, p.epilogue().alpha());
        if (plan <= 0) {
            return null;
        }
        Planned planned = new Planned(p.what(), plan);
        if (planned.put() != 0) {
            planned.close();
            return null;
        }
        return planned;
    }

    private static long address(Gemm.Operand operand) {
        return operand == null ? 0 : operand.buffer().handle() + Cublas.offset(operand);
    }

    /** Values of cublasLtEpilogue_t. */
    private static int code(Gemm.Kind kind) {
        return switch (kind) {
            case NONE -> 1; // DEFAULT
            case BIAS -> 4;
            case RELU -> 6; // RELU_BIAS
            case RELU_BITS -> 134; // RELU_AUX_BIAS
            case RELU_GRADIENT -> 136; // DRELU
            // B's columns are the rows of the column-major matrix that comes first
            case BIAS_GRADIENT -> 256; // BGRADA
        };
    }

    private final class Planned extends CudaLaunch {
        private final long plan;

        Planned(String what, long plan) {
            super("cublasLtMatmul for the product of " + what);
            this.plan = plan;
        }

        @Override
        int put() {
            return CublasLt.run(handle, plan, workspace.handle(), workspace.bytes(), stream);
        }

        @Override
        QuernException failure(int status) {
            return Cublas.failure(what, status);
        }

        @Override
        public void close() {
            release(plan);
        }
    }

    @Override
    public void close() {
        Cublas.check(destroy(handle), "cublasLtDestroy");
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
