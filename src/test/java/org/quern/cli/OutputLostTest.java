package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.Jvm;

/** No command says that all is well when what it had to say was lost. */
class OutputLostTest {
    private static final Path FULL = Path.of("/dev/full");
    private static final String ENDLESS =
            "train --data generated:2000,50 --backend java --model dense_10 --epochs 1000000";

    @TempDir static Path folder;

    @BeforeAll
    static void train() {
        for (String run : new String[] {"a", "b"}) {
            Cli.Outcome outcome =
                    new Cli(folder)
                            .run(
                                    arguments(
                                            "train --data generated:100,50 --epochs=1 --out "
                                                    + run));
            assertThat(outcome.err()).isEmpty();
        }
    }

    /** Words of one letter are names in the test's folder; a blank in a word is written as "_". */
    private static String[] arguments(String line) {
        return Arrays.stream(line.split(" "))
                .map(word -> word.length() == 1 ? folder.resolve(word).toString() : word)
                .map(word -> word.replace('_', ' '))
                .toArray(String[]::new);
    }

    private static Process start(Jvm jvm, String line) throws IOException {
        return jvm.start(Quern.class, arguments(line));
    }

    @Tag("slow")
    @ParameterizedTest
    @ValueSource(
            strings = {
                "--help",
                "--version",
                "train --help",
                "train --data generated:100,50 --backend java --epochs=1",
                "sweep --data generated:100,50 --backend java --epochs=1 --seeds=2",
                "evaluate a --backend java",
                "predict a --index=7 --backend java",
                "export a --onnx m",
                "report a",
                "compare a b",
                "draw a --backend java",
                "summary",
                "gradcheck --input=5 --model dense_3 --batch=3",
                "doctor",
                "explore generated:100,50",
                "data info generated:100,50",
                "bench kernels --backend java",
                "bench steps --backend java",
                "bench mnist --data generated:100,50 --backend java"
            })
    void aFullDeviceIsAnErrorOfEveryCommand(String line) throws IOException {
        assumeTrue(Files.exists(FULL), "there is no /dev/full");
        Jvm jvm = new Jvm(folder).stdout(ProcessBuilder.Redirect.to(FULL.toFile()));
        Jvm.Outcome outcome = jvm.end(start(jvm, line));
        assertThat(outcome.err())
                .isEqualTo(
                        "quern: standard output cannot be written (No space left on device): send"
                                + " it elsewhere\n");
        assertThat(outcome.code()).isEqualTo(3);
    }

    /** As {@code quern train | head -3} does. */
    @Tag("jdk")
    @Test
    void aReaderWhoHasEnoughEndsTheTrainingInSilence() throws Exception {
        Jvm jvm = new Jvm(folder).stdout(ProcessBuilder.Redirect.PIPE);
        Process process = start(jvm, ENDLESS);
        try (BufferedReader reader = process.inputReader()) {
            for (int i = 0; i < 3; i++) {
                assertThat(reader.readLine()).isNotEmpty();
            }
        }
        Jvm.Outcome outcome = jvm.end(process);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isEqualTo(141);
    }

    @Test
    void aRunThatEndsSoCanBeGoneOnWith() throws Exception {
        Path run = folder.resolve("r");
        Jvm jvm = new Jvm(folder).stdout(ProcessBuilder.Redirect.PIPE);
        Process process = start(jvm, ENDLESS.replace("1000000", "100") + " --out r");
        try (BufferedReader reader = process.inputReader()) {
            while (!reader.readLine().startsWith("epoch   2/100 ")) {
                // until two epochs are done
            }
        }
        assertThat(jvm.end(process).code()).isEqualTo(141);
        int done = Files.readAllLines(run.resolve("history.csv")).size() - 1;
        assertThat(done).isBetween(2, 99);
        Cli.Outcome resumed = new Cli(folder).run("train", "--resume", run.toString());
        assertThat(resumed.err()).isEmpty();
        assertThat(resumed.out()).contains("epoch " + " ".repeat(done < 9 ? 2 : 1) + (done + 1));
        assertThat(Files.readAllLines(run.resolve("history.csv"))).hasSize(101);
    }
}
