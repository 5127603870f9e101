package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.cuGetErrorName;
import static jcuda.driver.JCudaDriver.cuGetErrorString;

import jcuda.driver.CUresult;
import org.quern.QuernException;

/** The driver's result codes as messages. */
final class CudaErrors {
    private CudaErrors() {}

    /** Fails unless a call returned success. */
    static void check(int code, String call) {
        if (code != CUresult.CUDA_SUCCESS) {
            throw failure(code, call);
        }
    }

    /** What a failed call is told as. */
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
                            "the device is lost to this process; see nvidia-smi and the system's"
                                    + " log, then train --resume from the last checkpoint";
                };
        return new QuernException(
                QuernException.Kind.DEVICE,
                "the CUDA device failed: %s (%s) in %s: %s"
                        .formatted(name(code), text(code), call, cure));
    }

    /** The constant's name, for instance {@code CUDA_ERROR_OUT_OF_MEMORY}. */
    static String name(int code) {
        String[] name = new String[1];
        return cuGetErrorName(code, name) == CUresult.CUDA_SUCCESS && name[0] != null
                ? name[0]
                : "error " + code;
    }

    private static String text(int code) {
        String[] text = new String[1];
        return cuGetErrorString(code, text) == CUresult.CUDA_SUCCESS && text[0] != null
                ? text[0]
                : "unknown error";
    }
}
