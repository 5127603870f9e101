package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.quern.backend.cuda.CudaMessagesTest.fails;
import static org.quern.backend.cuda.CudaMessagesTest.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.Jvm;
import org.quern.backend.Usable;
import org.quern.cli.Quern;

/** One device among several: which is looked at, taken and named. */
@Tag("slow")
class CudaDevicesTest {
    @TempDir Path folder;

    @BeforeEach
    void needsTheSimulator() {
        Usable.named("cuda");
    }

    /** An old device beside a new one. */
    private Jvm two() {
        return new Jvm(folder)
                .with("QUERN_CUDASIM_REPORT", folder.resolve("report.txt"))
                .with("QUERN_CUDASIM_DEVICES", 2)
                .with("QUERN_CUDASIM_CC", "6.1,9.0")
                .with("QUERN_CUDASIM_NAME", "cudasim old,cudasim new")
                .with("QUERN_LIBOPENCL", folder.resolve("none"));
    }

    private static final String OLD =
            "cudasim old has compute capability 6.1, and the kernels need 7.5 (Turing) or newer:"
                    + " use --backend opencl";

    @Test
    void theDeviceThatIsMeantIsLookedAtAndNamed() throws IOException {
        for (String device : List.of("1", "new")) {
            Jvm.Outcome outcome = two().run(Quern.class, train("--device", device));
            assertThat(outcome.err()).isEmpty();
            assertThat(outcome.out())
                    .startsWith("device    cuda: cudasim new (compute capability 9.0, ")
                    .doesNotContain("cudasim old");
        }
        fails(two().run(Quern.class, train("--device", "0")), 4, "backend cuda cannot run: " + OLD);
        Jvm.Outcome first = two().run(Quern.class, train());
        assertThat(first.err()).isEmpty();
        assertThat(first.out())
                .startsWith("device    cuda: cudasim new (")
                .contains("; devices: 0 (cudasim old), 1 (cudasim new)\n");
    }

    @Test
    void gradcheckTakesADevice() throws IOException {
        Jvm.Outcome checked =
                two().run(
                                Quern.class,
                                "gradcheck",
                                "--backend",
                                "cuda",
                                "--device",
                                "1",
                                "--input",
                                "4",
                                "--model",
                                "dense 3");
        assertThat(checked.err()).isEmpty();
        assertThat(checked.out()).contains("PASS  cuda: ");
        fails(
                two().run(Quern.class, "gradcheck", "--backend", "cuda", "--device", "2"),
                2,
                "--device 2: no such CUDA device; there are 0 (cudasim old), 1 (cudasim new)");
        fails(
                two().run(Quern.class, "gradcheck", "--device", "1"),
                2,
                "--device 1 goes with its backend: add --backend cuda or opencl");
    }

    @Test
    void doctorTriesEveryDevice() throws IOException {
        Jvm.Outcome doctor = two().run(Quern.class, "doctor");
        assertThat(doctor.err()).isEmpty();
        assertThat(doctor.out())
                .startsWith(
                        "cuda 0    FAIL  %s\ncuda 1    PASS  cudasim new (compute capability"
                                .formatted(OLD));
    }

    @Test
    void doctorStopsAtADeviceThatIsLost() throws IOException {
        Jvm.Outcome doctor =
                two().with("QUERN_CUDASIM_CC", "9.0")
                        .with("QUERN_CUDASIM_DEVICES", 3)
                        .with("QUERN_CUDASIM_FAIL", "cuLaunchKernel:9:719")
                        .run(Quern.class, "doctor");
        List<String> cuda = doctor.out().lines().filter(line -> line.startsWith("cuda")).toList();
        assertThat(cuda).hasSize(2);
        assertThat(cuda.get(0))
                .startsWith("cuda 0    FAIL  cudasim old (")
                .contains(" failed: the CUDA device failed: CUDA_ERROR_LAUNCH_FAILED (");
        assertThat(cuda.get(1))
                .isEqualTo(
                        "cuda      FAIL  later devices were not tried, because a fault like that of"
                                + " device 0 may spoil all in this process: mend it first, or hide"
                                + " that device");
        assertThat(doctor.code()).isZero(); // other backends work
    }
}
