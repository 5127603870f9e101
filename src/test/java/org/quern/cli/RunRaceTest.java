package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.Jvm;
import org.quern.run.RunFolder;

/** Two processes want to write to one run's folder: one does, the other says who. */
@Tag("slow")
class RunRaceTest {
    /** With the model below, longer than two JVMs may start apart. */
    private static final int EPOCHS = 20;

    @TempDir Path folder;

    private Path run() {
        return folder.resolve("run");
    }

    private String[] train(int seed, String... more) {
        String[] command = {
            "train",
            "--data",
            "generated:500,50",
            "--backend",
            "java",
            "--model",
            "dense 64 relu, dense 10",
            "--epochs",
            Integer.toString(EPOCHS),
            "--seed",
            Integer.toString(seed),
            "--out",
            run().toString()
        };
        return Stream.concat(Stream.of(command), Stream.of(more)).toArray(String[]::new);
    }

    /** Starts both at once, and gives what the one said that did its work. */
    private Jvm.Outcome one(String[] first, String[] second) throws IOException {
        Jvm jvm = new Jvm(folder);
        Process[] both = {jvm.start(Quern.class, first), jvm.start(Quern.class, second)};
        Jvm.Outcome[] outcomes = {jvm.end(both[0]), jvm.end(both[1])};
        int winner = outcomes[0].code() == 0 ? 0 : 1;
        assertThat(outcomes[winner].code()).isZero();
        assertThat(outcomes[winner].err()).isEmpty();
        assertThat(outcomes[1 - winner].code()).isEqualTo(3);
        assertThat(outcomes[1 - winner].err())
                .matches(
                        "quern: \\Q%s\\E is in use by process %d since \\S+Z: wait until that run"
                                        .formatted(run(), both[winner].pid())
                                + " has ended, or use another folder\\R");
        return outcomes[winner];
    }

    /** By hand, and by two supervisors at once. */
    @RepeatedTest(6)
    void oneOfTwoNewRunsGetsTheFolder(RepetitionInfo info) throws IOException {
        String[] more =
                info.getCurrentRepetition() % 2 == 0
                        ? new String[] {"--auto-resume"}
                        : new String[0];
        Jvm.Outcome won = one(train(1, more), train(2, more));
        String seed = RunFolder.settings(run()).get("seed");
        assertThat(won.out()).contains(", seed " + seed);
        assertThat(Files.readAllLines(run().resolve("history.csv"))).hasSize(1 + EPOCHS);
        Cli.Outcome evaluated = new Cli(folder).run("evaluate", run().toString());
        assertThat(evaluated.err()).isEmpty();
        String score = won.out().lines().filter(l -> l.startsWith("test acc")).findFirst().get();
        assertThat(evaluated.lines()).contains(score);
    }

    @Test
    void oneOfTwoGoesOnWithARunThatWasKilled() throws Exception {
        Jvm jvm = new Jvm(folder);
        Process killed = jvm.start(Quern.class, train(1));
        while (!Files.exists(run().resolve("history.csv"))) {
            assertThat(killed.isAlive()).isTrue();
            Thread.sleep(10);
        }
        killed.destroyForcibly().waitFor();
        assertThat(run().resolve("run.lock")).isNotEmptyFile();
        String[] resume = {"train", "--resume", run().toString()};
        one(resume, resume);
        assertThat(Files.readAllLines(run().resolve("history.csv"))).hasSize(1 + EPOCHS);
    }

    @Test
    void whatOnlyReadsDoesNotWaitForARunThatGoesOn() {
        String[] brief = train(1);
        brief[8] = "1";
        assertThat(new Cli(folder).run(brief).err()).isEmpty();
        String run = run().toString();
        try (RunFolder held = RunFolder.resume(run(), 0)) {
            assertThat(held.notice()).isNull();
            for (String[] command :
                    new String[][] {
                        {"evaluate", run},
                        {"predict", run, "--index", "1"},
                        {"report", run},
                        {"compare", run, run},
                        {"export", run, "--onnx", folder.resolve("m.onnx").toString()},
                        {"summary", run}
                    }) {
                Cli.Outcome outcome = new Cli(folder).run(command);
                assertThat(outcome.err()).isEmpty();
                assertThat(outcome.code()).as(command[0]).isZero();
            }
            assertThat(new Cli(folder).run("train", "--resume", run).err())
                    .contains(" is in use by process ");
        }
    }
}
