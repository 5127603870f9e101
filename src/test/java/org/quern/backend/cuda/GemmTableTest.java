package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.Jvm;
import org.quern.backend.Usable;
import org.quern.cli.Quern;

/** The measured choice between cuBLAS and our own kernels, and that it is kept. */
class GemmTableTest {
    @TempDir Path folder;

    private String train(String... more) throws IOException {
        List<String> command =
                new ArrayList<>(
                        List.of(
                                "train",
                                "--backend",
                                "cuda",
                                "--data",
                                "generated:200,100",
                                "--epochs",
                                "1"));
        command.addAll(List.of(more));
        Jvm.Outcome outcome = new Jvm(folder).run(Quern.class, command.toArray(String[]::new));
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        return outcome.out().lines().filter(line -> line.startsWith("test ")).toList().toString();
    }

    private Path table() throws IOException {
        try (Stream<Path> files = Files.list(folder.resolve("cache/quern/gemm"))) {
            List<Path> all = files.toList();
            assertThat(all).hasSize(1);
            return all.get(0);
        }
    }

    @Test
    void isMeasuredOnceAndKept() throws IOException {
        Usable.named("cuda");
        train();
        String first = Files.readString(table());
        // three layers: forward, weights, and the gradient of the input of all but the first; the
        // last batch of 200 rows has 8; inference has 100
        assertThat(first.lines())
                .hasSize(3 * 3 + 2 * 3 + 2 * 2)
                .allMatch(line -> line.matches("dense_[a-z_]+(,\\d+){3}(,\\d+\\.\\d\\d){2}"))
                .anyMatch(line -> line.startsWith("dense_forward,32,48,784,"))
                .anyMatch(line -> line.startsWith("dense_backward_weights,784,48,8,"));
        train();
        assertThat(Files.readString(table())).isEqualTo(first);
    }

    @Test
    void decidesForEachShape() throws IOException {
        Usable.named("cuda");
        String own = train("--gemm", "own");
        String cublas = train("--gemm", "cublas");
        train();
        Path table = table();
        List<String> lines = Files.readAllLines(table);
        for (boolean preferCublas : new boolean[] {true, false}) {
            List<String> changed = new ArrayList<>();
            for (String line : lines) {
                String shape = String.join(",", List.of(line.split(",")).subList(0, 4));
                changed.add(shape + (preferCublas ? ",1.00,2.00" : ",2.00,1.00"));
            }
            Files.write(table, changed);
            assertThat(train()).isEqualTo(preferCublas ? cublas : own);
        }
    }

    @Test
    void aDamagedTableIsMeasuredAgain() throws IOException {
        Usable.named("cuda");
        train();
        Path table = table();
        Files.writeString(table, "dense_forward,32,48,784,fast,slow\nnothing\n");
        train();
        assertThat(Files.readString(table)).contains("dense_forward,32,48,784,");
        assertThat(Files.readString(table)).doesNotContain("fast");
    }
}
