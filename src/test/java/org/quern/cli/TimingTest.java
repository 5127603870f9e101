package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.run.RunFolder;
import org.quern.run.RunSettings;

/** Where the time goes: {@code train --timing}, and what is begun before the options are read. */
@Tag("jdk")
class TimingTest {
    private static final Pattern PART =
            Pattern.compile(" {10}([a-z]+(?: step)?) +(\\d+\\.\\d{3})(?:  (.*))?");

    @TempDir Path folder;

    private Cli.Outcome train(String... more) {
        List<String> command = new ArrayList<>(List.of("train"));
        command.addAll(List.of(more));
        Cli.Outcome outcome = new Cli(folder.resolve("cache")).run(command.toArray(String[]::new));
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        return outcome;
    }

    /** The parts that are printed, with what is said of them. */
    private static Map<String, Matcher> parts(Cli.Outcome outcome) {
        Map<String, Matcher> parts = new LinkedHashMap<>();
        List<String> lines = outcome.lines();
        int at = 0;
        while (!lines.get(at).startsWith("timing ")) {
            at++;
        }
        for (String line : lines.subList(at + 1, lines.size())) {
            Matcher part = PART.matcher(line);
            if (part.matches()) {
                parts.put(part.group(1), part);
            }
        }
        return parts;
    }

    @ParameterizedTest
    @ValueSource(strings = {"java", "reference"})
    void thePartsAddUpAndTheResultIsTheSame(String backend) throws IOException {
        Path timed = folder.resolve("timed");
        Path plain = folder.resolve("plain");
        String[] common = {"--data", "generated:200,50", "--epochs", "2", "--backend", backend};
        Cli.Outcome outcome = train(with(common, "--out", timed.toString(), "--timing"));
        train(with(common, "--out", plain.toString()));
        assertThat(timed.resolve("last.safetensors"))
                .hasSameBinaryContentAs(plain.resolve("last.safetensors"));

        Map<String, Matcher> parts = parts(outcome);
        assertThat(parts.keySet())
                .containsExactly(
                        "launcher",
                        "jvm",
                        "device",
                        "compile",
                        "data",
                        "upload",
                        "first step",
                        "steps",
                        "evaluation",
                        "rest");
        assertThat(parts.get("steps").group(3)).isEqualTo("13 after the first");
        assertThat(parts.get("data").group(3)).startsWith("waiting; reading it took 0.");
        JsonObject timing = RunFolder.readRun(timed).getAsJsonObject("timing");
        double total = timing.get("total").getAsDouble();
        double sum = 0;
        for (Map.Entry<String, Matcher> part : parts.entrySet()) {
            double seconds = timing.get(part.getKey()).getAsDouble();
            assertThat(seconds).isNotNegative();
            assertThat(Double.parseDouble(part.getValue().group(2)))
                    .isCloseTo(seconds, within(5.1e-4));
            sum += seconds;
        }
        assertThat(sum).isCloseTo(total, within(1e-9));
        assertThat(outcome.out()).contains("timing    %.3f s from the".formatted(total));
        assertThat(timing.get("first step").getAsDouble()).isPositive();
        assertThat(timing.get("steps").getAsDouble()).isPositive();
        assertThat(timing.get("dataHidden").getAsDouble())
                .isLessThanOrEqualTo(timing.get("dataRead").getAsDouble());
        // the process began before this test did
        assertThat(timing.get("launcher").getAsDouble() + timing.get("jvm").getAsDouble())
                .isPositive();
        assertThat(RunFolder.readRun(plain).has("timing")).isFalse();
    }

    private static String[] with(String[] common, String... more) {
        List<String> all = new ArrayList<>(List.of(common));
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    @Test
    void aResumedRunIsTimedToo() {
        String run = folder.resolve("run").toString();
        train("--data", "generated:64,20", "--epochs", "1", "--backend", "java", "--out", run);
        Map<String, Matcher> parts = parts(train("--resume", run, "--timing"));
        assertThat(parts.get("steps").group(3)).isEqualTo("0 after the first");
        assertThat(parts.get("first step").group(2)).isEqualTo("0.000");
    }

    /** Four files like MNIST's: 32 images of 2 × 2. */
    private static Path tiny(Path to) throws IOException {
        Files.createDirectories(to);
        for (String part : new String[] {"train", "t10k"}) {
            byte[] images = new byte[16 + 32 * 4];
            System.arraycopy(
                    new byte[] {0, 0, 8, 3, 0, 0, 0, 32, 0, 0, 0, 2, 0, 0, 0, 2}, 0, images, 0, 16);
            byte[] labels = new byte[8 + 32];
            System.arraycopy(new byte[] {0, 0, 8, 1, 0, 0, 0, 32}, 0, labels, 0, 8);
            for (int i = 0; i < 32; i++) {
                images[16 + 4 * i] = (byte) (8 * i);
                labels[8 + i] = (byte) (i % 10);
            }
            gzip(to.resolve(part + "-images-idx3-ubyte.gz"), images);
            gzip(to.resolve(part + "-labels-idx1-ubyte.gz"), labels);
        }
        return to;
    }

    private static void gzip(Path file, byte[] content) throws IOException {
        try (GZIPOutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
            out.write(content);
        }
    }

    private DataSource.Loading headStart(Path mnist, String... arguments) {
        Console console =
                new Console(
                        System.out,
                        System.err,
                        false,
                        Map.of("QUERN_MNIST", mnist.toString()),
                        System::nanoTime);
        return DataSource.begin(console, arguments);
    }

    @Test
    void mnistIsReadBeforeTheOptionsAreWhereNoneCanSayOtherwise() throws IOException {
        Path mnist = tiny(folder.resolve("mnist"));
        String located = mnist.toString();
        DataSource.Loading begun = headStart(mnist, "train", "--epochs", "1");
        DataSource.Loading loading = DataSource.load(begun, located, RunSettings.DEFAULT);
        assertThat(loading).isSameAs(begun);
        assertThat(loading.join().train().rows()).isEqualTo(32);
        assertThat(loading.nanos).isPositive();
        DataSource.Loading other = DataSource.load(begun, "generated:3,2", RunSettings.DEFAULT);
        assertThat(other.join().train().rows()).isEqualTo(3);
        for (String[] unclear :
                new String[][] {
                    {"train", "--data", "x.csv"},
                    {"train", "--data=x.csv"},
                    {"train", "--resume", "run"},
                    {"train", "--help"},
                    {"train", "@options"},
                    {"evaluate", "m"},
                    {}
                }) {
            assertThat(headStart(mnist, unclear)).isNull();
        }
        assertThat(headStart(folder.resolve("none"), "train")).isNull();
    }

    @Test
    void whatIsBegunGivesTheSameRunAndTheSameError() throws IOException {
        Path mnist = tiny(folder.resolve("mnist"));
        String[] common = {"--epochs", "1", "--backend", "java", "--model", "dense 10"};
        Path begun = folder.resolve("begun");
        Path told = folder.resolve("told");
        Cli cli = new Cli(folder.resolve("cache")).with("QUERN_MNIST", mnist.toString());
        List<String> command = new ArrayList<>(List.of("train", "--out", begun.toString()));
        command.addAll(List.of(common));
        assertThat(cli.run(command.toArray(String[]::new)).err()).isEmpty();
        train(with(common, "--data", mnist.toString(), "--out", told.toString()));
        assertThat(begun.resolve("last.safetensors"))
                .hasSameBinaryContentAs(told.resolve("last.safetensors"));

        Path damaged = mnist.resolve("train-images-idx3-ubyte.gz");
        Files.write(damaged, java.util.Arrays.copyOf(Files.readAllBytes(damaged), 30));
        Cli.Outcome failed = cli.run("train", "--backend", "java");
        assertThat(failed.err()).isEqualTo("quern: " + damaged + " is truncated: fetch it again\n");
        assertThat(failed.code()).isEqualTo(3);
    }
}
