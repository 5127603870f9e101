package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What may be said beside {@code --resume}, and what contradicts the run: nothing is touched. */
@Tag("jdk")
class ResumeTest {
    private static final String[] TRAIN = {
        "train", "--data", "generated:200,50", "--backend", "java", "--epochs", "2"
    };

    @TempDir Path folder;
    private Path run;

    @BeforeEach
    void train() {
        run = folder.resolve("run");
        String[] command = java.util.Arrays.copyOf(TRAIN, TRAIN.length + 2);
        command[TRAIN.length] = "--out";
        command[TRAIN.length + 1] = run.toString();
        Cli.Outcome outcome = new Cli(folder.resolve("cache")).run(command);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
    }

    static Stream<Arguments> contradictions() {
        return Stream.of(
                arguments("--batch", "64", "64", "32"),
                arguments("--epochs", "9", "9", "2"),
                arguments("--lr", "1e-2", "0.01", "0.001"),
                arguments("--seed", "2", "2", "1"),
                arguments("--precision", "bf16", "bf16", "fp32"),
                arguments("--optimizer", "sgd", "sgd", "adam"),
                arguments("--schedule", "cosine", "cosine", "constant"),
                arguments("--data", "generated:300,50", "generated:300,50", "generated:200,50"),
                arguments(
                        "--model",
                        "dense  10",
                        "\"dense 10\"",
                        "\"dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10\""));
    }

    @ParameterizedTest
    @MethodSource("contradictions")
    void anOptionThatContradictsTheRunNamesBothValues(
            String option, String given, String said, String was) throws IOException {
        Map<String, String> before = contents();
        Cli.Outcome outcome =
                new Cli(folder.resolve("cache"))
                        .run("train", "--resume", run.toString(), option, given);

        assertThat(outcome.err())
                .isEqualTo(
                        "quern: %s %s contradicts %s, which was started with %s: leave the option"
                                        .formatted(option, said, run, was)
                                + " out, or start a new run"
                                + System.lineSeparator());
        assertThat(outcome.out()).isEmpty();
        assertThat(outcome.code()).isEqualTo(2);
        assertThat(contents()).isEqualTo(before);
    }

    @Test
    void theSameValueWrittenOtherwiseIsNoContradiction() throws IOException {
        Map<String, String> before = contents();
        Cli.Outcome outcome =
                new Cli(folder.resolve("cache"))
                        .run(
                                "train",
                                "--resume",
                                run.toString(),
                                "--lr",
                                "1e-3",
                                "--recipe",
                                "tutorial",
                                "--model",
                                "DENSE 48 relu,dropout .3, dense 15,dropout .3,dense 10");

        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        assertThat(contents().get("last.safetensors")).isEqualTo(before.get("last.safetensors"));
    }

    @Test
    void aFolderWithoutARunSaysSo() throws IOException {
        Path empty = Files.createDirectory(folder.resolve("empty"));
        Cli.Outcome outcome =
                new Cli(folder.resolve("cache")).run("train", "--resume", empty.toString());

        assertThat(outcome.err())
                .isEqualTo(
                        "quern: %s holds no run to go on with: there is no last.state.safetensors"
                                        .formatted(empty)
                                + " in it"
                                + System.lineSeparator());
        assertThat(outcome.code()).isEqualTo(3);
        assertThat(empty).isEmptyDirectory();
    }

    @Test
    void outAndResumeExcludeEachOther() {
        Cli.Outcome outcome =
                new Cli(folder.resolve("cache"))
                        .run("train", "--resume", run.toString(), "--out", "elsewhere");

        assertThat(outcome.err())
                .isEqualTo(
                        "quern: --out elsewhere and --resume %s: a resumed run stays in its folder,"
                                        .formatted(run)
                                + " leave --out out"
                                + System.lineSeparator());
        assertThat(outcome.code()).isEqualTo(2);
    }

    private Map<String, String> contents() throws IOException {
        Map<String, String> contents = new TreeMap<>();
        try (Stream<Path> files = Files.list(run)) {
            for (Path file : files.toList()) {
                contents.put(
                        file.getFileName().toString(),
                        java.util.HexFormat.of().formatHex(Files.readAllBytes(file)));
            }
        }
        return contents;
    }

    @Test
    void aPageSaysWhatItsTimeIsOf() throws IOException {
        assertThat(Files.readString(run.resolve("run.json"))).doesNotContain("resumedAfter");
        Cli cli = new Cli(folder.resolve("cache"));
        assertThat(cli.run("train", "--resume", run.toString()).err()).isEmpty();
        assertThat(Files.readString(run.resolve("run.json"))).contains("\"resumedAfter\": 2");
        assertThat(cli.run("report", run.toString()).err()).isEmpty();
        assertThat(Files.readString(run.resolve("report.html"))).contains("\"resumedAfter\":2");
    }
}
