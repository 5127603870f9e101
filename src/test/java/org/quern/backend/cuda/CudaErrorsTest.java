package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.Jvm;
import org.quern.QuernException;
import org.quern.backend.Usable;

/** Which of the driver's errors a process can go on after. */
class CudaErrorsTest {
    @TempDir Path folder;

    @BeforeEach
    void needsTheSimulator() {
        Usable.named("cuda");
    }

    /**
     * The numbers are cuda.h's: an ECC error, NVLink, illegal address, timeout, assert and so on.
     */
    @ParameterizedTest
    @ValueSource(
            ints = {214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721, 911, 999})
    void theDeviceIsLost(int code) {
        QuernException failure = CudaErrors.failure(code, "cuLaunchKernel");
        assertThat(failure.kind()).isEqualTo(QuernException.Kind.LOST);
        assertThat(QuernException.isDeviceLost(new IllegalStateException("a test", failure)))
                .isTrue();
    }

    /** Out of memory, a wrong value, an image for another device, too large a launch. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 200, 209, 218, 222, 400, 600, 701, 720, 801, 901, 912})
    void theDeviceCanBeUsedAgain(int code) {
        QuernException failure = CudaErrors.failure(code, "cuLaunchKernel");
        assertThat(failure.kind()).isEqualTo(QuernException.Kind.DEVICE);
        assertThat(QuernException.isDeviceLost(failure)).isFalse();
        assertThat(failure).message().doesNotContain("lost");
    }

    /** One fault, in cuBLAS's stream or in ours, and no later case is told as anything else. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "cuLaunchKernel:40:CUDA_ERROR_ILLEGAL_ADDRESS",
                "cuLaunchKernel:40:719",
                "cuStreamSynchronize:50:710",
                "cuMemcpyHtoDAsync:90:CUDA_ERROR_ECC_UNCORRECTABLE",
                "cublas:9:CUDA_ERROR_ILLEGAL_ADDRESS"
            })
    void afterAFaultEveryCaseSaysThatTheDeviceIsLost(String fail) throws IOException {
        Jvm.Outcome outcome =
                new Jvm(folder)
                        .with("QUERN_CUDASIM_FAIL", fail)
                        .with("QUERN_CUDASIM_REPORT", folder.resolve("report.txt"))
                        .run(CudaTrouble.class, "all");
        assertThat(outcome.err()).isEmpty();
        String all = outcome.out().replaceAll("(?s).* of (\\d+)\n", "$1");
        assertThat(outcome.out()).isEqualTo("true right, 0 others\n%s of %s\n".formatted(all, all));
    }
}
