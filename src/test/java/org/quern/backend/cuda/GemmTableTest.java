package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.Jvm;
import org.quern.backend.Usable;
import org.quern.cli.Quern;

/** The measured choice between cuBLAS and our own kernels, and that it is kept. */
@Tag("slow")
class GemmTableTest {
    private static final String LINE =
            "dense_[a-z_]+(,\\d+){3},own=\\d+\\.\\d\\d,cublas=\\d+\\.\\d\\d(,cublasLt=\\d+\\.\\d\\d)?";

    @TempDir Path folder;

    private static String test(String out) {
        return out.lines().filter(line -> line.startsWith("test ")).toList().toString();
    }

    private String train(String... more) throws IOException {
        return test(out(new Jvm(folder), more));
    }

    private static String out(Jvm jvm, String... more) throws IOException {
        List<String> command =
                new ArrayList<>(
                        List.of(
                                "train",
                                "--backend",
                                "cuda",
                                "--data",
                                "generated:200,100",
                                "--epochs",
                                "1",
                                "--engine",
                                "graph"));
        command.addAll(List.of(more));
        Jvm.Outcome outcome = jvm.run(Quern.class, command.toArray(String[]::new));
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        return outcome.out();
    }

    private Path table() throws IOException {
        try (Stream<Path> files = Files.list(folder.resolve("cache/quern/gemm"))) {
            List<Path> all = files.filter(file -> file.toString().endsWith(".csv")).toList();
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
                .allMatch(line -> line.matches(LINE))
                .anyMatch(line -> line.startsWith("dense_forward_relu_dropout,32,48,784,"))
                .anyMatch(line -> line.startsWith("dense_backward_weights,784,48,8,"));
        train();
        assertThat(Files.readString(table())).isEqualTo(first);
    }

    /** The table as if one way were faster than the others wherever there is that way. */
    private void prefer(String way) throws IOException {
        List<String> changed = new ArrayList<>();
        for (String line : Files.readAllLines(table())) {
            changed.add(
                    line.replaceAll("=[0-9.]+", "=2.00")
                            .replaceFirst(way + "=2.00", way + "=1.00"));
        }
        Files.write(table(), changed);
    }

    @Test
    void decidesForEachShape() throws IOException {
        Usable.named("cuda");
        String own = train("--gemm", "own");
        train();
        prefer("own");
        assertThat(train()).isEqualTo(own);
        for (String way : List.of("cublas", "cublasLt")) {
            prefer(way);
            String line = Files.readAllLines(table()).get(0);
            String library = train();
            // where our own kernels are left out, the same table decides among what is left
            assertThat(train("--gemm", "cublas")).isEqualTo(library);
            assertThat(Files.readAllLines(table()).get(0)).isEqualTo(line);
        }
    }

    @Test
    void whereNothingCanBeKeptOwnKernelsAreUsedAndThatIsSaid() throws IOException {
        Usable.named("cuda");
        String own = train("--gemm", "own");
        Files.createFile(Files.createDirectories(folder.resolve("cache/quern")).resolve("gemm"));
        String out = out(new Jvm(folder));
        assertThat(out)
                .contains(
                        ": Quern's own kernels are used, in tiles chosen by a rule (--gemm cublas uses");
        assertThat(test(out)).isEqualTo(own);
    }

    /** Where our own kernels are left out, no tile is timed or spoken of. */
    @Test
    void tilesAreMeasuredOnlyWhereTheyAreUsed() throws IOException {
        Usable.named("cuda");
        Jvm measuring = new Jvm(folder).with("QUERN_TILES", null);
        assertThat(out(measuring, "--gemm", "cublas"))
                .contains("is measured when first met")
                .doesNotContain("QUERN_TILES");
        assertThat(Files.readAllLines(table()))
                .allMatch(line -> line.contains(",cublas="))
                .noneMatch(line -> line.matches(".*(small|medium|large|own)=.*"));
    }

    @Test
    void aDamagedTableIsMeasuredAgain() throws IOException {
        Usable.named("cuda");
        train();
        Path table = table();
        Files.writeString(table, "dense_forward_linear,32,10,15,own=fast,cublas=2\nnothing\n");
        train();
        assertThat(Files.readString(table)).contains("dense_forward_linear,32,10,15,own=");
        assertThat(Files.readString(table)).doesNotContain("fast");
    }
}
