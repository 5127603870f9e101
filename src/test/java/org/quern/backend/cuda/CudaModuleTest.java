package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.Jvm;
import org.quern.backend.Usable;

/** Which image of the kernels a driver is given: the jar's own bytes, on devices that are posed. */
@Tag("slow")
class CudaModuleTest {
    @TempDir Path folder;

    @BeforeEach
    void needsTheSimulator() {
        Usable.named("cuda");
    }

    private String run(String capability, int driver, String image, String fail, String... what)
            throws IOException {
        Jvm.Outcome outcome =
                new Jvm(folder)
                        .with("QUERN_CUDASIM_REPORT", folder.resolve("report.txt"))
                        .with("QUERN_CUDASIM_CC", capability)
                        .with("QUERN_CUDASIM_DRIVER_VERSION", driver)
                        .with("QUERN_CUDASIM_FAIL", fail)
                        .with(CudaModule.VARIABLE, image)
                        .run(CudaTrouble.class, what);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        return outcome.out().strip();
    }

    @ParameterizedTest
    @CsvSource({
        "7.5, 12000, cubin for sm_75",
        "8.0, 12060, cubin for sm_80",
        "8.6, 13000, cubin for sm_86",
        "8.7, 12060, cubin for sm_86", // the next lower one of the same major number
        "8.9, 12060, cubin for sm_89",
        "9.0, 12060, cubin for sm_90",
        "10.0, 13000, cubin for sm_100",
        "10.3, 13000, cubin for sm_100",
        "12.1, 13000, cubin for sm_120",
        "11.0, 13000, PTX", // there is none of that major number
        "8.6, 11080, PTX", // CUDA 12 made the cubins, which an older driver does not take
        "10.0, 12080, PTX" // CUDA 13 made this one
    })
    void theOneThatFitsOrElsePtx(String capability, int driver, String image) throws IOException {
        assertThat(run(capability, driver, null, null, "image")).isEqualTo(image);
    }

    @Test
    void aRefusedCubinIsReplacedByPtxAndAFailureIsNot() throws IOException {
        String call = "cuModuleLoadData:1:";
        assertThat(run("9.0", 12060, null, call + "CUDA_ERROR_NO_BINARY_FOR_GPU", "image"))
                .isEqualTo("PTX");
        assertThat(run("9.0", 12060, null, call + "222", "image")).isEqualTo("PTX");
        assertThat(run("9.0", 12060, null, call + "CUDA_ERROR_ECC_UNCORRECTABLE", "image"))
                .startsWith("the CUDA device failed: CUDA_ERROR_ECC_UNCORRECTABLE");
    }

    @Test
    void theEnvironmentChooses() throws IOException {
        assertThat(run("9.0", 12060, "ptx", null, "image")).isEqualTo("PTX");
        assertThat(run("9.0", 12060, "cubin", null, "image")).isEqualTo("cubin for sm_90");
        assertThat(run("10.0", 12060, "cubin", null, "image"))
                .isEqualTo(
                        "QUERN_CUDA_IMAGE is cubin, and the driver refuses the cubin for sm_100:"
                                + " CUDA_ERROR_INVALID_IMAGE: unset it");
        assertThat(run("11.0", 13000, "cubin", null, "image"))
                .isEqualTo(
                        "QUERN_CUDA_IMAGE is cubin, and the jar has none for compute capability"
                                + " 11.0: unset it");
        assertThat(run("9.0", 12060, "sass", null, "image"))
                .isEqualTo("QUERN_CUDA_IMAGE is \"sass\": set it to ptx or cubin, or unset it");
    }

    @ParameterizedTest
    @CsvSource({
        "8.6, quern-sm_90.cubin, CUDA_ERROR_NO_BINARY_FOR_GPU",
        "8.0, quern-sm_86.cubin, CUDA_ERROR_NO_BINARY_FOR_GPU",
        "9.0, quern-sm_100.cubin, CUDA_ERROR_INVALID_IMAGE",
        "8.9, quern-sm_80.cubin, CUDA_SUCCESS"
    })
    void theSimulatorRefusesWhatADriverWould(String capability, String cubin, String result)
            throws IOException {
        assertThat(run(capability, 12060, null, null, "foreign", cubin)).isEqualTo(result);
    }

    @Test
    void aDeviceRunsItsOwnArchitectureFirstAndNoLaterOne() {
        assertThat(CudaModule.fitting(90)).containsExactly("sm_90a", "sm_90");
        List<String> ada = new ArrayList<>(CudaModule.fitting(89));
        assertThat(ada).startsWith("sm_89a", "sm_89", "sm_88").endsWith("sm_80").hasSize(11);
    }
}
