package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.io.SafeTensors;

/**
 * Real processes, killed or interrupted, and resumed: the weights are those of a run left in peace.
 */
@Tag("jdk")
class KilledRunTest {
    private static final Path ENV = Path.of("/usr/bin/env");
    private static final int KILLS = 5;
    private static final String[] TRAIN = {
        "train", "--limit", "900", "--epochs", "30", "--seed", "3", "--validation", "0.1"
    };

    @TempDir Path folder;

    private Process start(Path log, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        if (System.getProperty("os.name").equals("Linux")) {
            // a shell's background jobs ignore SIGINT, and so would their children
            command.addAll(List.of(ENV.toString(), "--default-signal=INT,HUP,TERM"));
        }
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.add(Quern.class.getName());
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        // no MNIST, no network that answers: generated digits
        builder.environment().remove("QUERN_MNIST");
        builder.environment().put("XDG_CACHE_HOME", folder.resolve("cache").toString());
        builder.redirectErrorStream(true).redirectOutput(log.toFile());
        return builder.start();
    }

    private static String[] with(String[] arguments, String... more) {
        List<String> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    private Path data() throws IOException {
        // one CSV file of digits: small, and the same for all processes
        Path file = folder.resolve("digits.csv");
        if (!Files.exists(file)) {
            var digits = org.quern.data.Digits.generate("digits", 1000, 0, 1);
            StringBuilder csv = new StringBuilder();
            for (int row = 0; row < digits.rows(); row++) {
                csv.append(digits.labels()[row]);
                for (int i = 0; i < digits.features(); i++) {
                    csv.append(',').append((int) digits.value(row, i));
                }
                csv.append('\n');
            }
            Files.writeString(file, csv);
        }
        return file;
    }

    private float[] trainToTheEnd(Path run, Process process, Path log) throws Exception {
        assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(Files.readString(log)).isZero();
        return SafeTensors.read(run.resolve("last.state.safetensors")).tensor("state").values();
    }

    private static float[] weights(Path run) {
        return SafeTensors.read(run.resolve("best.safetensors")).tensor("0.weight").values();
    }

    /** Waits for a file of a run: the state is there from the start, weights after an epoch. */
    private static void await(Path run, String file) throws InterruptedException {
        for (int i = 0; i < 3000 && !Files.exists(run.resolve(file)); i++) {
            Thread.sleep(10);
        }
    }

    @Test
    void interruptedRunsSaveAndSayHowToGoOn() throws Exception {
        assumeSignals();
        String[] train =
                with(TRAIN, "--data", data().toString(), "--label", "0", "--epochs", "100");
        String[] once = new String[train.length - 2];
        System.arraycopy(train, 0, once, 0, 3); // train --limit 900
        System.arraycopy(train, 5, once, 3, train.length - 5); // without the first --epochs
        Path run = folder.resolve("interrupted");
        Path log = folder.resolve("log");
        Process process = start(log, with(once, "--out", run.toString()));
        await(run, "best.safetensors");
        send("INT", process);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        String said = Files.readString(log);
        assertThat(process.exitValue()).as(said).isEqualTo(130);
        assertThat(said).contains("--resume " + run);
        float[] got = trainToTheEnd(run, start(log, "train", "--resume", run.toString()), log);
        Path whole = folder.resolve("undisturbed");
        float[] expected =
                trainToTheEnd(whole, start(log, with(once, "--out", whole.toString())), log);
        assertThat(got).isEqualTo(expected);
        assertThat(weights(run)).isEqualTo(weights(whole));
    }

    /** A step of this network takes this backend many seconds: nobody waits for its end. */
    @Test
    void aSecondSignalEndsItAtOnce() throws Exception {
        assumeSignals();
        Path run = folder.resolve("wide");
        Path log = folder.resolve("log");
        String[] wide = {"--model", "dense 1500, dense 1500, dense 10", "--batch", "900"};
        String[] train = with(TRAIN, "--data", data().toString(), "--label", "0");
        Process process =
                start(log, with(with(train, wide), "--backend", "java", "--out", run.toString()));
        await(run, "last.safetensors");
        send("HUP", process);
        for (int i = 0; i < 3000 && !Files.readString(log).contains("second signal"); i++) {
            Thread.sleep(10);
        }
        assertThat(process.isAlive()).as(Files.readString(log)).isTrue();
        send("TERM", process);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isEqualTo(128 + 15);
        assertThat(Files.readString(log)).doesNotContain("interrupted");
    }

    private static void assumeSignals() {
        Assumptions.assumeTrue(
                Files.isExecutable(Path.of("/bin/kill")), "there is no /bin/kill to send signals");
    }

    private static void send(String signal, Process process) throws Exception {
        Process kill =
                new ProcessBuilder("/bin/kill", "-" + signal, Long.toString(process.pid())).start();
        assertThat(kill.waitFor()).isZero();
    }
}
