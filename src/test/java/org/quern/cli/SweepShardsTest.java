package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.Jvm;
import org.quern.data.Digits;
import org.quern.data.Splits;
import org.quern.run.RunFolder;
import org.quern.run.RunSettings;

/** A sweep in parts, by processes that know nothing of each other, is what it is in one. */
@Tag("jdk")
class SweepShardsTest {
    private static final String DATA = "--data generated:300,60 --backend java --epochs 2";

    /** Six trainings, one of which diverges. */
    private static final String SWEEP = "sweep " + DATA + " --lr 1e-3,1e-2,1e38 --seeds 2";

    @TempDir Path folder;

    private Cli.Outcome quern(String line) {
        return new Cli(folder).run(words(line));
    }

    private String[] words(String line) {
        return line.replace("@", folder + "/").split(" ");
    }

    private Cli.Outcome done(String line) {
        Cli.Outcome outcome = quern(line);
        assertThat(outcome.err()).as(line).isEmpty();
        assertThat(outcome.code()).isZero();
        return outcome;
    }

    private Cli.Outcome refused(String line, int code, String message) {
        Cli.Outcome outcome = quern(line);
        String said = message.replace("@", folder + "/");
        assertThat(outcome.err()).isEqualTo("quern: " + said + System.lineSeparator());
        assertThat(outcome.code()).isEqualTo(code);
        return outcome;
    }

    /** What is the same however often it is done: all columns but the seconds. */
    private List<String> csv(String name) throws IOException {
        return Files.readAllLines(folder.resolve(name)).stream()
                .map(line -> line.replaceFirst(",\\d+\\.\\d+(?:E-\\d+)?,(\"|$)", ",$1"))
                .toList();
    }

    /** The weights of each training of some folders, by its name. */
    private Map<String, byte[]> weights(String... folders) throws IOException {
        Map<String, byte[]> all = new TreeMap<>();
        for (String one : folders) {
            try (Stream<Path> runs = Files.list(folder.resolve(one))) {
                for (Path run : runs.filter(Files::isDirectory).toList()) {
                    Path file = run.resolve("last.safetensors");
                    byte[] before = all.put("" + run.getFileName(), Files.readAllBytes(file));
                    assertThat(before).as("%s, again in %s", run, one).isNull();
                }
            }
        }
        return all;
    }

    private static void assertSame(Map<String, byte[]> is, Map<String, byte[]> alone) {
        assertThat(is.keySet()).isEqualTo(alone.keySet());
        is.forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(alone.get(name)));
    }

    @Test
    void threeShardsAreOneSweep() throws IOException {
        List<String> alone = done(SWEEP + " --csv @alone.csv --out @alone").lines();
        assertThat(csv("alone.csv")).hasSize(7).anyMatch(line -> line.contains("diverged"));
        for (int shard = 1; shard <= 3; shard++) {
            Cli.Outcome one = done(SWEEP + " --out @shared --shard " + shard + "/3");
            assertThat(one.out())
                    .contains("sweep     2 of 6 trainings, shard " + shard + "/3, ")
                    .contains("kept      " + folder + "/shared; when all shards are done: ")
                    .doesNotContain("best ");
            done(SWEEP + " --out @own-" + shard + " --shard " + shard + "/3");
        }
        assertSame(weights("shared"), weights("alone"));
        assertSame(weights("own-1", "own-2", "own-3"), weights("alone"));
        for (String folders : List.of("@alone", "@shared", "@own-3 @own-1 @own-2")) {
            Cli.Outcome all =
                    done("sweep --csv @c.csv --json @c.json --report @c.html --collect " + folders);
            assertThat(csv("c.csv")).isEqualTo(csv("alone.csv"));
            String best = alone.stream().filter(line -> line.startsWith("best ")).findAny().get();
            assertThat(all.lines()).contains(best);
            assertThat(all.out()).contains("sweep     6 trainings, all done");
            assertThat(folder.resolve("c.html"))
                    .content()
                    .contains("\"trainings\":6")
                    .doesNotContain("--shard");
        }
        String compared = done("compare @shared/0001 @shared/0004").out();
        assertThat(compared).contains("validation accuracy").doesNotContain("test accuracy");
    }

    /** A member has the bits of {@code train} with its settings. */
    @Test
    void aMemberIsWhatTrainMakesOfItsSettings() throws IOException {
        done(SWEEP + " --out @s --shard 2/3");
        done("train " + DATA + " --validation 0.1 --lr 1e-3 --seed 2 --out @t");
        assertThat(folder.resolve("s/0002/last.safetensors"))
                .hasSameBinaryContentAs(folder.resolve("t/last.safetensors"));
        assertThat(RunSettings.ofRun(RunFolder.settings(folder.resolve("s/0002")), folder).texts())
                .containsEntry("backend", "java")
                .containsEntry("data", "generated:300,60");
        String trained = done("evaluate @t").out();
        assertThat(done("evaluate @s/0002").out()).isEqualTo(trained).contains("test accuracy");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "--folds 3"})
    void whatIsDoneIsNotTrainedAgain(String folds) throws IOException {
        String line = SWEEP + " --csv @a.csv --out @s " + folds;
        done(line.strip());
        int trainings = folds.isEmpty() ? 6 : 18;
        Path again = folder.resolve(folds.isEmpty() ? "s/0003" : "s/0003-fold-2");
        Map<String, byte[]> before = weights("s");
        List<String> first = csv("a.csv");
        Cli.Outcome second = done(line.strip());
        assertThat(second.out()).contains(trainings + " of them done before, in " + folder + "/s");
        assertThat(second.out()).doesNotContain("1/" + trainings + "  ");
        assertThat(csv("a.csv")).isEqualTo(first);
        Files.delete(again.resolve("run.json")); // killed right before the end
        Files.delete(again.resolve("last.safetensors"));
        Cli.Outcome third = done(line.strip());
        int less = trainings - 1;
        assertThat(third.out())
                .contains(
                        less + " of them done before", trainings + "/" + trainings + "  lr 1e-2, ")
                .doesNotContain(less + "/" + trainings + "  ");
        assertThat(csv("a.csv")).isEqualTo(first);
        assertSame(weights("s"), before);
    }

    @Test
    void numbersHaveTheirScoresToo() throws IOException {
        StringBuilder text = new StringBuilder("x,y\n");
        for (int row = 0; row < 90; row++) {
            text.append(row + "," + (5000 + 30 * row + row % 7) + "\n");
        }
        Files.writeString(folder.resolve("t.csv"), text);
        for (String folds : List.of("", " --folds 3")) {
            String line =
                    "sweep --data @t.csv --model dense_1 --backend java --lr 0.01,0.1" + folds;
            String given = line.replace("dense_1", "dense*1");
            String[] words = given.replace("@", folder + "/").split(" ");
            List<String> all = new ArrayList<>(List.of(words));
            all.replaceAll(word -> word.replace('*', ' '));
            String out = "s" + folds.length();
            all.addAll(Arrays.asList(words("--csv @a.csv --out @" + out)));
            Cli.Outcome alone = new Cli(folder).run(all.toArray(String[]::new));
            assertThat(alone.err()).isEmpty();
            Cli.Outcome collected = done("sweep --csv @c.csv --collect @" + out);
            assertThat(csv("c.csv")).isEqualTo(csv("a.csv"));
            assertThat(collected.lines())
                    .contains(
                            alone.lines().stream()
                                    .filter(l -> l.startsWith("best"))
                                    .findAny()
                                    .get());
            if (folds.isEmpty()) {
                assertThat(done("compare @s0/0001 @s0/0002").out()).contains("validation R2");
            }
        }
    }

    @Test
    void moreShardsThanTrainings() {
        Cli.Outcome none = done(SWEEP + " --out @s --shard 9/9");
        assertThat(none.lines()).contains("sweep     0 of 6 trainings, shard 9/9");
    }

    @Test
    void whatLacksOrIsThereTwice() {
        done(SWEEP + " --out @a --shard 1/3");
        refused(
                "sweep --collect @a",
                3,
                "4 of 6 trainings have not ended (0002, 0003, 0004, 0005): run their shards again,"
                        + " or give all folders");
        done(SWEEP + " --out @b --shard 2/3");
        done(SWEEP + " --out @c");
        refused(
                "sweep --collect @c @a",
                3,
                "2 of 6 trainings are in more than one of the folders (0001, 0006): give each"
                        + " folder once, or leave one out");
        refused(
                "sweep --collect @c @c",
                3,
                "6 of 6 trainings are in more than one of the folders (0001, 0002, 0003, 0004,"
                        + " 0005, 0006): give each folder once, or leave one out");
    }

    @Test
    void anotherSweepIsNotMixedIn() throws IOException {
        done(SWEEP + " --out @a --shard 1/3");
        String other =
                "@a holds another sweep, with %s: give --out another folder, or the same options";
        refused(SWEEP + " --batch 16 --out @a", 3, other.formatted("batch 32, not 16"));
        refused(
                SWEEP.replace("1e38", "1e-4") + " --out @a",
                3,
                other.formatted("lr 1e-3 | 1e-2 | 1e38, not 1e-3 | 1e-2 | 1e-4"));
        Cli.Outcome data = quern(SWEEP.replace("300,60", "200,60") + " --out @a");
        assertThat(data.err()).contains("with the rows 300x784 ", ", not 200x784 ");
        done(SWEEP + " --batch 16 --out @b --shard 2/3");
        refused(
                "sweep --collect @a @b",
                3,
                "@b is of another sweep than @a, with batch 16, not 32: collect each alone");
        // on what it is trained makes no difference, and is told
        done(SWEEP.replace("java", "reference") + " --out @c --shard 2/3");
        done(SWEEP + " --out @c --shard 3/3");
        assertThat(done("sweep --collect @a @c").out())
                .containsPattern(
                        "note      not all were trained alike, so last digits may differ: \\d on"
                                + " (java|reference), [^;]*; \\d on (java|reference), ");
        refused(
                "sweep --collect @nowhere",
                3,
                "@nowhere holds no sweep: there is no sweep.json in it; give the folder that sweep"
                        + " --out was given");
        Files.writeString(folder.resolve("c/sweep.json"), "{");
        assertThat(quern("sweep --collect @c").err())
                .startsWith("quern: " + folder + "/c/sweep.json is damaged: it is no JSON (");
        Files.writeString(folder.resolve("c/sweep.json"), "{}");
        refused("sweep --collect @c", 3, "@c/sweep.json is not what Quern wrote of a sweep");
        Path run = folder.resolve("a/0001/run.json");
        Files.writeString(run, Files.readString(run).replace("\"fold\": 0", "\"fold\": {}"));
        refused(
                SWEEP + " --out @a",
                3,
                "@a/0001: run.json is damaged: its sweep is not what Quern writes");
        done("train " + DATA + " --out @t");
        refused(SWEEP + " --out @t", 3, "@t holds a run, not a sweep: give --out another folder");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "--shard 1/2; '--shard goes with --out FOLDER, from which --collect takes its part'",
                "--shard 1/2 --out @s --csv @c; '--shard has a part of the results: give --csv, --json and --report to --collect instead'",
                "--shard two --out @s; '--shard two: write I/N with I from 1 to N, auto or auto/N'",
                "--collect @s --seeds 2 --lr 1; '--collect trains nothing: drop --seeds and --lr'",
                "--collect @s --out @t; '--collect trains nothing: drop --out'"
            })
    void whatDoesNotGoTogether(String options, String message) {
        refused("sweep " + options, 2, message);
        assertThat(folder).isEmptyDirectory();
    }

    /** Nothing of the environment is used unasked, and none of it is passed over in silence. */
    @Test
    void theEnvironmentIsUsedWhenAskedFor() {
        Cli inPod = new Cli(folder).with("JOB_COMPLETION_INDEX", "1");
        Cli.Outcome whole = inPod.run(words(SWEEP));
        assertThat(whole.lines())
                .contains(
                        "note      JOB_COMPLETION_INDEX is set, and this trains the whole sweep all"
                                + " the same: --shard auto trains a part");
        assertThat(whole.out()).contains("sweep     6 trainings, ");
        Cli.Outcome part = inPod.run(words(SWEEP + " --out @s --shard auto/3"));
        assertThat(part.out())
                .contains("2 of 6 trainings, shard 2/3 (JOB_COMPLETION_INDEX 1), ")
                .doesNotContain("note");
        // one task of an array that is done again
        Cli again = new Cli(folder);
        for (String name : List.of("ID 3", "COUNT 1", "MIN 3", "MAX 3")) {
            String[] pair = name.split(" ");
            again.with("SLURM_ARRAY_TASK_" + pair[0], pair[1]);
        }
        assertThat(again.run(words(SWEEP + " --out @s --shard auto")).out())
                .contains("6 of 6 trainings, shard 1/1 (SLURM_ARRAY_TASK_ID 3 of 3 to 3), ")
                .contains("2 of them done before");
    }

    @Test
    void aTrainingThatIsGoingOnIsLeftAlone() throws IOException {
        RunSettings settings = RunSettings.DEFAULT;
        Files.createDirectories(folder.resolve("s"));
        try (RunFolder held =
                RunFolder.create(
                        folder.resolve("s/0002"),
                        settings.texts(),
                        Splits.of(Digits.generate("digits", 40, 0, 1)),
                        0)) {
            Cli.Outcome outcome = quern(SWEEP + " --out @s --threads 1");
            assertThat(outcome.err())
                    .contains(held.folder().toString())
                    .matches("quern: \\S+/s/0002 is in use by process \\d+ since \\S+: wait .*\n");
            assertThat(outcome.code()).isEqualTo(3);
        }
        assertThat(done(SWEEP + " --out @s").out()).contains("1 of them done before");
    }

    /** Kubernetes and Slurm send SIGTERM and, some time later, SIGKILL. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aProcessThatEndsLosesNothing(boolean killed) throws Exception {
        String line =
                "sweep --data generated:300,60 --backend java --epochs 60 --seeds 6 --threads 2"
                        + " --csv @%s.csv --out @%1$s";
        done(line.formatted("alone"));
        Jvm jvm = new Jvm(folder);
        Process process = jvm.start(Quern.class, words(line.formatted("s")));
        Path second = folder.resolve("s/0002/run.json");
        while (process.isAlive() && !Files.exists(second)) {
            Thread.sleep(5);
        }
        Thread.sleep(50);
        if (killed) {
            process.destroyForcibly();
        } else {
            process.destroy();
        }
        Jvm.Outcome ended = jvm.end(process);
        if (!killed) {
            assertThat(ended.err())
                    .contains(
                            "interrupted: ", " of 6 trainings are done; the same command goes on");
            assertThat(ended.code()).isEqualTo(143);
        }
        Cli.Outcome again = done(line.formatted("s"));
        assertThat(again.out()).containsPattern("[1-5] of them done before");
        assertThat(csv("s.csv")).isEqualTo(csv("alone.csv"));
        assertSame(weights("s"), weights("alone"));
    }

    /** Sums of many folds round as they are added, and so in the same order. */
    @Test
    void manyFoldsAreCollectedToTheLastDigit() throws IOException {
        String line = "sweep --data generated:110,11 --backend java --epochs 1 --lr 1e-3,1e-2";
        done(line + " --folds 11 --json @a.json --out @s");
        done("sweep --collect @s --json @c.json");
        assertThat(json("c.json")).isEqualTo(json("a.json")).contains("fold");
    }

    private String json(String name) throws IOException {
        String text = Files.readString(folder.resolve(name));
        return text.replaceAll("(\"\\w*[sS]econds\"): [-+.\\dE]+", "$1");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "quern\": 1; quern\": 2; says format 2, and this Quern reads 1: take the Quern that wrote it",
                "folds\": \"3\"; folds\": \"x\"; is damaged: 6 trainings are not what its settings and folds make",
                "folds\": \"3\"; folds\": null; is damaged: 6 trainings are not what its settings and folds make",
                "folds\": \"3\"; folds\": \"999999999999\"; is damaged: 6 trainings are not what its settings and folds make",
                "trainings\": 6; trainings\": 2000000000; is damaged: 2000000000 trainings are not what its settings and folds make",
                "trainings\": 6; trainings\": 3; is damaged: 3 trainings are not what its settings and folds make",
            })
    void aDamagedPlan(String is, String becomes, String message) throws IOException {
        String line = "sweep --data generated:60,6 --backend java --epochs 1 --seeds 2 --folds 3";
        done(line + " --out @s");
        Path plan = folder.resolve("s/sweep.json");
        String text = Files.readString(plan);
        assertThat(text).contains(is);
        Files.writeString(plan, text.replace(is, becomes));
        String mend =
                message.startsWith("says") ? "" : ": remove it and repeat the sweep's command";
        refused("sweep --collect @s", 3, "@s/sweep.json " + message + mend);
        refused(line + " --out @s", 3, "@s/sweep.json " + message + mend);
        Files.delete(plan);
        assertThat(done(line + " --out @s").out()).contains("6 of them done before");
        done("sweep --collect @s");
    }

    @Test
    void aTrainingThatThePlanDoesNotHave() throws IOException {
        done(SWEEP + " --out @s");
        Files.createDirectory(folder.resolve("s/0007"));
        refused(
                "sweep --collect @s",
                3,
                "@s/0007 is none of the 6 trainings of sweep.json: remove the one that is of another"
                        + " sweep");
    }

    @Test
    void aDamagedRunOfASweep() throws IOException {
        done(SWEEP + " --out @s");
        Path run = folder.resolve("s/0001/run.json");
        String text = Files.readString(run);
        Files.writeString(
                run, text.replaceFirst("(?m)^  \"backend\": .*$", "  \"backend\": [1, 2],"));
        refused(
                "sweep --collect @s",
                3,
                "@s/0001: run.json is damaged: its backend is not what Quern writes");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0001", "0001-fold-2"})
    void aTrainingGoesOnWithItsSweepAlone(String name) throws IOException {
        String folds = name.contains("fold") ? " --folds 3" : "";
        done("sweep --data generated:60,9 --backend java --epochs 1 --seeds 2 --out @s" + folds);
        String text =
                "@s/%s is a training of a sweep: go on with it by the sweep's command, quern sweep"
                        + " ... --out @s";
        refused("train --resume @s/" + name, 3, text.formatted(name));
        refused("train --auto-resume --out @s/" + name, 3, text.formatted(name));
        assertThat(done("sweep --collect @s").out()).contains("all done");
    }
}
