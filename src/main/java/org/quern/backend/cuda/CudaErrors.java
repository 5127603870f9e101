package org.quern.backend.cuda;

import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.quern.QuernException;

/** The driver's result codes as messages. */
final class CudaErrors {
    private static final int CONTAINED = 226; // this and the next are later than JCuda 12.6
    private static final int TENSOR_MEMORY_LEAK = 721;

    private CudaErrors() {}

    static void check(int code, String call) {
        if (code != CUresult.CUDA_SUCCESS) {
            throw failure(code, call);
        }
    }

    /** What a failed call is told as: a device that is lost, or one that can be used again. */
    static QuernException failure(int code, String call) {
        String cure =
                switch (code) {
                    case CUresult.CUDA_ERROR_OUT_OF_MEMORY ->
                            "use a smaller batch, or give less memory to data (--device-memory)";
                    case CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
                            CUresult.CUDA_ERROR_LAUNCH_FAILED,
                            CUresult.CUDA_ERROR_LAUNCH_TIMEOUT ->
                            "run again with --sync to learn in which op";
                    default ->
                            isSticky(code)
                                    ? "the device is lost to this process; see nvidia-smi and the"
                                            + " system's log, then train --resume from the last"
                                            + " checkpoint"
                                    : "update the NVIDIA driver, or use --backend opencl";
                };
        return new QuernException(
                isSticky(code) ? QuernException.Kind.LOST : QuernException.Kind.DEVICE,
                "the CUDA device failed: %s (%s) in %s: %s"
                        .formatted(name(code), text(code), call, cure));
    }

    /**
     * Whether a code is that of a fault which stays: the driver gives it for every later call too,
     * until the process ends. These are the codes of which CUDA's reference says so, and
     * uncorrectable memory errors and unknown ones, after which nothing can be relied on.
     */
    static boolean isSticky(int code) {
        return switch (code) {
            case CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
                    CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE,
                    CONTAINED,
                    CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
                    CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
                    CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED,
                    CUresult.CUDA_ERROR_ASSERT,
                    CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
                    CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
                    CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
                    CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
                    CUresult.CUDA_ERROR_INVALID_PC,
                    CUresult.CUDA_ERROR_LAUNCH_FAILED,
                    TENSOR_MEMORY_LEAK,
                    CUresult.CUDA_ERROR_MPS_CLIENT_TERMINATED,
                    CUresult.CUDA_ERROR_EXTERNAL_DEVICE,
                    CUresult.CUDA_ERROR_UNKNOWN ->
                    true;
            default -> false;
        };
    }

    /** The constant's name, for instance {@code CUDA_ERROR_OUT_OF_MEMORY}. */
    static String name(int code) {
        String[] name = new String[1];
        return JCudaDriver.cuGetErrorName(code, name) == CUresult.CUDA_SUCCESS && name[0] != null
                ? name[0]
                : "error " + code;
    }

    private static String text(int code) {
        String[] text = new String[1];
        return JCudaDriver.cuGetErrorString(code, text) == CUresult.CUDA_SUCCESS && text[0] != null
                ? text[0]
                : "unknown error";
    }
}
