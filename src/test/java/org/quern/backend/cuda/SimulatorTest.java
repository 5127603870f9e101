package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.Jvm;
import org.quern.backend.Usable;

/**
 * What the simulator can that no kernel of Quern's asks of it yet: warps, clusters with distributed
 * shared memory, barriers of a cooperative grid.
 */
@Tag("slow")
class SimulatorTest {
    @TempDir Path folder;

    @BeforeEach
    void needsTheSimulator() {
        Usable.named("cuda");
    }

    private Jvm.Outcome run(String kernel, int fault, int seed) throws Exception {
        Path source = folder.resolve("teams.cu");
        Path module = folder.resolve("teams.so");
        String text = Files.readString(Path.of("ci", "cudasim", "test", "teams.cu"));
        Files.writeString(source, text.replace("#define FAULT 0", "#define FAULT " + fault));
        if (!Files.exists(module)) {
            Process build =
                    new ProcessBuilder(
                                    "bash",
                                    "ci/cudasim/build-module",
                                    module.toString(),
                                    "checked",
                                    "target/cudasim/objects",
                                    source.toString())
                            .inheritIO()
                            .start();
            assertThat(build.waitFor()).isZero();
        }
        return new Jvm(folder)
                .with("QUERN_CUDASIM_MODULE", module)
                .with("QUERN_CUDASIM_REPORT", folder.resolve("report.txt"))
                .with("QUERN_CUDASIM_SEED", seed)
                .run(SimulatorKernels.class, kernel);
    }

    private String report() throws IOException {
        Path report = folder.resolve("report.txt");
        return Files.exists(report) ? Files.readString(report) : "";
    }

    @ParameterizedTest
    @CsvSource({"warp_sum,16", "warp_rotate,512", "grid_sum,8", "cluster_ring,512"})
    void runsThemRightlyInAnyOrder(String kernel, int values) throws Exception {
        for (int seed = 1; seed <= 3; seed++) {
            Jvm.Outcome outcome = run(kernel, 0, seed);
            assertThat(outcome.err()).isEmpty();
            assertThat(outcome.out()).isEqualTo("result 0\n0 of %d wrong\n".formatted(values));
            assertThat(report()).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "warp_rotate,1,race in shared memory",
        "grid_sum,2,race in device memory",
        "cluster_ring,3,race in shared memory"
    })
    void tellsOfAWaitThatIsLeftOut(String kernel, int fault, String message) throws Exception {
        Jvm.Outcome outcome = run(kernel, fault, 1);
        assertThat(outcome.out()).startsWith("result 719\n");
        assertThat(report()).startsWith("cudasim: " + message).contains(kernel);
    }
}
