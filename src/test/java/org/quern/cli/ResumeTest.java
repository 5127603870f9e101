package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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
import org.quern.data.Digits;
import org.quern.run.RunFolder;
import org.quern.run.RunSettings;
import org.quern.run.Training;

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

    /** Its rows came from nowhere that a command knows: they are given, and compared. */
    @Test
    void aRunThatAProgramHasKeptGoesOnWithTheDataThatIsGiven() throws IOException {
        Path kept = folder.resolve("kept");
        RunSettings settings = RunSettings.DEFAULT.with(Map.of("epochs", "2", "backend", "java"));
        try (Training training = Training.open(Digits.splits(200, 50), settings);
                RunFolder made =
                        RunFolder.create(kept, training.settings().texts(), training.parts(), 0)) {
            made.saveState(training.trainer());
        }
        String[] resume = {"train", "--resume", kept.toString(), "--data", "generated:300,50"};
        Cli cli = new Cli(folder.resolve("cache"));
        assertThat(cli.run(resume).err())
                .startsWith("quern: " + kept + " was trained on other data (200x784 ");
        resume[4] = "generated:200,50";
        assertThat(cli.run(resume).err()).isEmpty();
        assertThat(kept.resolve("last.safetensors"))
                .hasSameBinaryContentAs(run.resolve("last.safetensors"));
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
                        "quern: %s holds no run: there is no last.state.safetensors"
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
                                + " drop --out"
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
        String before = Files.readString(run.resolve("run.json"));
        assertThat(before).doesNotContain("resumedAfter");
        Cli cli = new Cli(folder.resolve("cache"));
        assertThat(cli.run("train", "--resume", run.toString()).err()).isEmpty();
        String after = Files.readString(run.resolve("run.json"));
        assertThat(after).contains("\"resumedAfter\": 2", "; quern train --resume " + run);
        for (String of : List.of("started", "epochs", "steps")) { // of the whole run
            assertThat(JsonParser.parseString(after).getAsJsonObject().get(of))
                    .isEqualTo(JsonParser.parseString(before).getAsJsonObject().get(of));
        }
        assertThat(cli.run("report", run.toString()).err()).isEmpty();
        assertThat(Files.readString(run.resolve("report.html"))).contains("\"resumedAfter\":2");
    }

    /** What a scheduler repeats until it exits with 0, whatever ended it before. */
    @Test
    void oneCommandStartsARunAndGoesOnWithIt() throws IOException {
        Path other = Files.createDirectory(folder.resolve("other"));
        Files.writeString(other.resolve("run.lock"), ""); // killed before its first checkpoint
        Files.writeString(other.resolve(".last.state.safetensors.1-1-1.part"), "half");
        String[] command = {
            "train",
            "--data",
            "generated:200,50",
            "--backend",
            "java",
            "--epochs",
            "2",
            "--model",
            "dense 20, dense 10",
            "--auto-resume",
            "--out",
            other.toString()
        };
        String first = null;
        for (int i = 0; i < 2; i++) {
            Cli.Outcome outcome = new Cli(folder.resolve("cache")).run(command);
            assertThat(outcome.err()).isEmpty();
            assertThat(outcome.code()).isZero();
            assertThat(other.resolve(".last.state.safetensors.1-1-1.part")).doesNotExist();
            byte[] weights = Files.readAllBytes(other.resolve("last.safetensors"));
            String now = java.util.Arrays.toString(weights);
            assertThat(now).isEqualTo(first == null ? now : first);
            first = now;
        }
        command[6] = "3";
        Cli.Outcome contradicting = new Cli(folder.resolve("cache")).run(command);
        assertThat(contradicting.err()).contains("--epochs 3 contradicts");
        assertThat(contradicting.code()).isEqualTo(2);
    }

    @Test
    void autoResumeAsksForAFolder() {
        Cli.Outcome outcome = new Cli(folder.resolve("cache")).run("train", "--auto-resume");
        assertThat(outcome.err()).startsWith("quern: --auto-resume goes with --out RUN");
        assertThat(outcome.code()).isEqualTo(2);
    }
}
