package org.quern.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.Jvm;
import org.quern.backend.Usable;

/**
 * Which team trains, on devices of each kind, every access of it checked; the same bits in another
 * order of blocks and threads.
 */
@Tag("slow")
class FusedTeamsTest {
    private static final String TUTORIAL =
            "dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10";

    @TempDir Path folder;

    @ParameterizedTest(name = "capability {0}, {1} multiprocessors, clusters of {2}, {4}: {5}")
    @CsvSource(
            delimiter = '|',
            textBlock =
"""
9.0 | 4 | 16 | tutorial | auto | fused into one launch, by a cluster of 12 blocks, the kernel for 784-48-15-10-adam
9.0 | 4 | 16 | first | auto | fused into one launch, by a cluster of 10 blocks, the kernel for 784-40-10-adam
9.0 | 4 | 8 | tutorial | auto | fused into one launch, by a cluster of 8 blocks (not by a cluster of 12 blocks, the kernel for 784-48-15-10-adam: the device has no room for it; a cluster of 12 or 16 blocks: the device has no room for it)
9.0 | 16 | 1 | tutorial | auto | fused into one launch, by a grid of 12 blocks (not by a cluster of 12 blocks, the kernel for 784-48-15-10-adam: the device has no room for it; a cluster of 12, 16, 8 or 4 blocks: the device has no room for it)
8.0 | 132 | 1 | tutorial | auto | fused into one launch, by a grid of 12 blocks
8.6 | 4 | 1 | tutorial | auto | as a graph of launches (not fused: a block of a grid of 4 blocks would need 167 KiB of shared memory, and has 99 KiB)
7.5 | 40 | 1 | small | auto | fused into one launch, by a grid of 4 blocks
9.0 | 4 | 16 | tutorial | tensor | fused into one launch, by a cluster of 12 blocks with tensor cores
9.0 | 4 | 8 | tutorial | tensor | fused into one launch, by a cluster of 8 blocks with tensor cores (not by a cluster of 12 or 16 blocks with tensor cores: the device has no room for it)
9.0 | 4 | 16 | wide | tensor | fused into one launch, by a cluster of 12 blocks with tensor cores
""")
    void devicesHaveTheTeamThatTheyCan(
            String capability, int units, int cluster, String network, String engine, String steps)
            throws Exception {
        Usable.named("cuda");
        String layers =
                switch (network) {
                    case "small" -> "dense 16 tanh, dropout 0.2, dense 10";
                    case "first" -> "dense 40, dense 10";
                    case "wide" -> "dense 144 relu, dropout 0.3, dense 10";
                    default -> TUTORIAL;
                };
        String batch = network.equals("small") ? "9" : network.equals("wide") ? "17" : "32";
        Jvm jvm =
                new Jvm(folder)
                        .with("QUERN_CUDASIM_CC", capability)
                        .with("QUERN_CUDASIM_UNITS", units)
                        .with("QUERN_CUDASIM_CLUSTER", cluster);
        trains(jvm, steps, layers, batch, engine);
    }

    /**
     * A driver that is older than the device takes no cluster's kernels: their PTX is of a later
     * version than the grid's; where a grid does not fit either, the graph is left.
     */
    @ParameterizedTest(name = "driver {0}, {1} multiprocessors: {2}")
    @CsvSource(
            delimiter = '|',
            textBlock =
"""
11080 | 16 | fused into one launch, by a grid of 12 blocks (not by SHAPE; a cluster of 12, 16, 8 or 4 blocks: REFUSED)
11080 | 3 | as a graph of launches (not fused: SHAPE; a cluster of 12, 16, 8 or 4 blocks: REFUSED)
""")
    void anOldDriverHasTheTeamThatItCan(int driver, int units, String steps) throws Exception {
        Usable.named("cuda");
        trains(
                new Jvm(folder)
                        .with("QUERN_CUDASIM_DRIVER_VERSION", driver)
                        .with("QUERN_CUDASIM_UNITS", units),
                steps.replace(
                                "SHAPE",
                                "a cluster of 12 blocks, the kernel for 784-48-15-10-adam: "
                                        + refused("fused_784_48_15_10_adam"))
                        .replace("REFUSED", refused("fused_cluster_12")),
                TUTORIAL,
                "32",
                "auto");
    }

    private static String refused(String unit) throws IOException {
        return "the NVIDIA driver does not take the kernels: CUDA_ERROR_UNSUPPORTED_PTX_VERSION"
                + " (ptxas application ptx input, line 1; fatal   : Unsupported .version %s):"
                        .formatted(version(unit))
                + " update the driver";
    }

    private static String version(String unit) throws IOException {
        Path ptx = Path.of("kernels", "ptx", unit + ".ptx");
        return Files.readAllLines(ptx).stream()
                .filter(line -> line.startsWith(".version "))
                .map(line -> line.substring(9))
                .findFirst()
                .orElseThrow();
    }

    /** Of the sizes that do for a network, the one that is asked for; all give the same bits. */
    @Test
    void theSizeOfTheTeamCanBeChosen() throws Exception {
        Usable.named("cuda");
        Set<String> states = new HashSet<>();
        for (int size : new int[] {4, 8, 16}) {
            String steps = "fused into one launch, by a cluster of %d blocks (QUERN_TEAM)";
            Jvm jvm = new Jvm(folder).with("QUERN_TEAM", size);
            states.add(trains(jvm, steps.formatted(size), TUTORIAL, "32", "auto"));
        }
        assertThat(states).hasSize(1);
    }

    /** Runs {@link FusedRun}, which trains twice; the hash of its state. */
    private String trains(Jvm jvm, String steps, String layers, String batch, String engine)
            throws Exception {
        // a graph's kernels are cases of CudaCheckedTest: a few steps show that it is used
        String count = steps.startsWith("as a graph") ? "4" : "24";
        Path report = folder.resolve("report.txt");
        Jvm.Outcome outcome =
                jvm.with("QUERN_CUDASIM_MODULE", Path.of("target/cudasim/module.so"))
                        .with("QUERN_CUDASIM_REPORT", report)
                        .run(FusedRun.class, layers, batch, engine, count);
        assertThat(outcome.err()).isEmpty();
        assertThat(Files.exists(report) ? Files.readString(report) : "").isEmpty();
        String[] lines = outcome.out().split("\n");
        assertThat(lines).hasSize(6);
        for (int i = 0; i < 6; i += 3) {
            assertThat(lines[i]).isEqualTo(steps);
            assertThat(Float.parseFloat(lines[i + 1])).isLessThan(1e-4f);
            assertThat(lines[i + 2]).isEqualTo(lines[2]);
        }
        return lines[2];
    }
}
