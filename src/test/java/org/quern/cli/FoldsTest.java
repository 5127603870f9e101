package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.data.DataReader;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.data.Statistics;
import org.quern.run.RunFolder;
import org.quern.run.RunSettings;

/** Which rows are tested on, validated on and trained on: shares of classes, folds, balance. */
class FoldsTest {
    private static final Pattern FOLD =
            Pattern.compile(
                    "fold (\\d)/4  test (?:accuracy|R2) (\\S+), test (?:loss|RMSE) (\\S+), \\S+"
                            + " s");
    private static final Pattern MEAN =
            Pattern.compile(
                    "test accuracy (\\S+) ± (\\S+) \\(baseline: (0\\.66\\d\\d)\\), loss (\\S+) ± (\\S+):"
                            + " mean and standard deviation of 4 folds");
    private static final Pattern MEAN_OF_NUMBERS =
            Pattern.compile(
                    "test R2 (\\S+) ± (\\S+), RMSE (\\S+) ± (\\S+) \\(the mean: (\\S+)\\): mean and standard"
                            + " deviation of 4 folds");

    @TempDir Path folder;

    /**
     * 150 rows: 100 of class a, 40 of b, 10 of c, which columns x and y tell apart for the most.
     */
    private Path csv;

    @BeforeEach
    void table() throws IOException {
        Random random = new Random(5);
        StringBuilder text = new StringBuilder("x,y,label\n");
        for (int row = 0; row < 150; row++) {
            int label = row < 100 ? 0 : row < 140 ? 1 : 2;
            double x = 1e6 * label + 4e5 * random.nextGaussian();
            double y = 1e-3 * label * label + 4e-4 * random.nextGaussian();
            text.append(x + "," + y + "," + "abc".charAt(label) + "\n");
        }
        csv = folder.resolve("table.csv");
        Files.writeString(csv, text);
    }

    private Cli.Outcome run(String line) {
        String given = line.replace("TABLE", csv.toString());
        return new Cli(folder).run(given.split(" "));
    }

    private static List<double[]> numbers(Cli.Outcome outcome, Pattern of) {
        return outcome.lines().stream()
                .map(of::matcher)
                .filter(Matcher::matches)
                .map(FoldsTest::numbers)
                .toList();
    }

    private static double[] numbers(Matcher found) {
        return IntStream.rangeClosed(1, found.groupCount())
                .mapToDouble(group -> Double.parseDouble(found.group(group)))
                .toArray();
    }

    @Test
    void trainTellsOfEachFoldAndOfTheMean() {
        Cli.Outcome outcome = run("train --data TABLE --backend java --epochs 3 --folds 4");
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        assertThat(outcome.out())
                .contains(": 150 rows, 2 columns: 2 numbers, 3 classes")
                .containsPattern(
                        "folds     4 of 37 or 38 rows, each tested by a network trained on the"
                                + " others; \\d at a time, no model is kept");
        List<double[]> folds = numbers(outcome, FOLD);
        assertThat(folds.stream().map(fold -> fold[0])).containsExactlyInAnyOrder(1., 2., 3., 4.);
        double[] mean = numbers(outcome, MEAN).get(0);
        for (int of = 0; of < 2; of++) {
            int at = of + 1;
            double[] all = folds.stream().mapToDouble(fold -> fold[at]).toArray();
            double is = DoubleStream.of(all).average().orElseThrow();
            double squares = DoubleStream.of(all).map(x -> (x - is) * (x - is)).sum();
            assertThat(mean[3 * of]).isCloseTo(is, within(1e-4));
            assertThat(mean[3 * of + 1]).isCloseTo(Math.sqrt(squares / 4), within(1e-4));
        }
        assertThat(outcome.lines().get(outcome.lines().size() - 1)).matches(MEAN);
        assertThat(folder.toFile().list()).containsExactly("table.csv");
    }

    @Test
    void numbersArePredictedInFoldsToo() throws IOException {
        Random random = new Random(7);
        StringBuilder text = new StringBuilder("x,y\n");
        for (int row = 0; row < 60; row++) {
            double x = random.nextGaussian();
            text.append(x + "," + (5000 + 300 * x + 10 * random.nextGaussian()) + "\n");
        }
        Files.writeString(csv, text);
        Cli.Outcome outcome =
                run(
                        "train --data TABLE --label y --loss mse --recipe first --epochs 30 --lr"
                                + " 0.01 --backend java --folds 4");
        assertThat(outcome.err()).isEmpty();
        assertThat(numbers(outcome, FOLD)).hasSize(4);
        double[] mean = numbers(outcome, MEAN_OF_NUMBERS).get(0);
        assertThat(mean[0]).isGreaterThan(0.9);
        assertThat(mean[2]).as("in the unit of y").isBetween(5.0, 100.0);
        assertThat(mean[4]).isBetween(200.0, 400.0);
    }

    @Test
    void testRowsOfTheDataAreLeftAlone() {
        Cli.Outcome outcome =
                run("train --data generated:200,50 --backend java --epochs 1 --folds 2");
        assertThat(outcome.out())
                .contains(
                        "folds     2 of 100 rows, each ", "the data's 50 test rows are in no fold");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "--folds 1; 2; folds 1: give at least 2",
                "--folds 3 --out r; 2; --folds keeps no model of its trainings: drop --out",
                "--folds 3 --save r --report p; 2; --folds keeps no model of its trainings: drop --save and --report",
                "--folds 3 --watch; 2; --folds keeps no model of its trainings: drop --watch",
                "--folds 3 --resume r; 2; --folds keeps no model of its trainings: drop --resume",
                "--folds 3 --overfit 9; 2; --folds 3 says what is tested on: leave --overfit out",
                "--folds 3 --split 0.1; 2; --folds 3 says what is tested on: leave --split out",
                "--balance --loss mse; 2; '--balance needs classes, and --loss mse has none'",
                "--balance --class-weights balanced; 2; '--balance and --class-weights both make rare classes count: give one'",
                "--folds 200; 2; folds 200: table.csv has 150 rows: give at least 2 folds, at most one a row"
            })
    void whatCannotBeIsRefused(String options, int code, String message) {
        Cli.Outcome outcome = run("train --data TABLE --backend java " + options);
        assertThat(outcome.err()).isEqualTo("quern: " + message + System.lineSeparator());
        assertThat(outcome.code()).isEqualTo(code);
        assertThat(folder.toFile().list()).containsExactly("table.csv");
    }

    @Test
    void foldsThatMissTheirTargetOrDiverge() {
        String line = "train --data TABLE --backend java --folds 3 --epochs 1 ";
        assertThat(run(line + "--target-accuracy 1 --lr 1e-9").err())
                .matches("quern: test accuracy 0\\.\\d{4} is below the target 1\\.0\\R");
        assertThat(run(line + "--target-accuracy 95").err())
                .isEqualTo("quern: target-accuracy 95.0: give a fraction, such as 0.95\n");
        Cli.Outcome diverged = run(line + "--lr 1e38");
        assertThat(diverged.err()).isEqualTo("quern: 3 of 3 folds diverged: there is no mean\n");
        assertThat(diverged.code()).isEqualTo(1);
        assertThat(diverged.out()).contains("fold 1/3  training diverged");
    }

    @Test
    void aSweepIsJudgedByTheMeanOfItsFolds() throws IOException {
        Path table = folder.resolve("s.csv");
        Path json = folder.resolve("s.json");
        String line =
                "sweep --data TABLE --backend java --folds 3 --epochs 2 --lr 1e-2,1e-5 --seeds 2"
                        + " --csv %s --json %s";
        Cli.Outcome outcome = run(line.formatted(table, json));
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out())
                .contains("folds     3 of 50 rows, each tested by a network trained on the others")
                .containsPattern("sweep +12 trainings, \\d at a time")
                .containsPattern("lr 1e-2, seed 2, fold 3: val accuracy 0\\.\\d{4}, val loss ")
                .doesNotContain("validate");
        assertThat(outcome.lines())
                .anyMatch(
                        said ->
                                said.matches(
                                        "best      lr 1e-2: val accuracy \\S+ ± \\S+ \\(baseline:"
                                                + " 0.6667\\), loss \\S+ ± \\S+: mean and standard deviation of 6 runs in 3"
                                                + " folds"))
                .anyMatch(
                        said ->
                                said.matches(
                                        " *lr  runs  val mean +std dev +val min +val max +val loss"
                                                + " +seconds"))
                .anyMatch(said -> said.matches("1e-2 +6( +[0-9.]+){6}"));
        List<String> lines = Files.readAllLines(table);
        assertThat(lines.get(0))
                .isEqualTo(
                        "number,lr,seed,folds,validation_accuracy,validation_accuracy_deviation,"
                                + "validation_loss,validation_loss_deviation,epochs,seconds,"
                                + "failure");
        assertThat(lines).hasSize(5);
        assertThat(lines.get(4)).startsWith("4,1e-5,2,3,0.");
        JsonArray records = JsonParser.parseString(Files.readString(json)).getAsJsonArray();
        assertThat(records).hasSize(4);
        JsonObject first = records.get(0).getAsJsonObject();
        double[] folds =
                outcome.lines().stream()
                        .map(
                                Pattern.compile(
                                                "\\d+/\\d+  lr 1e-2, seed 1, fold \\d: val accuracy (\\S+), .*")
                                        ::matcher)
                        .filter(Matcher::matches)
                        .mapToDouble(found -> Double.parseDouble(found.group(1)))
                        .toArray();
        assertThat(folds).hasSize(3);
        assertThat(first.get("validation_accuracy").getAsDouble())
                .isCloseTo(DoubleStream.of(folds).average().orElseThrow(), within(1e-4));
    }

    // ---- which rows

    private Splits parts(String... settings) {
        RunSettings all = RunSettings.DEFAULT;
        for (String setting : settings) {
            String[] pair = setting.split("=");
            all = all.with(Map.of(pair[0], pair[1]));
        }
        return all.parts(DataReader.read(csv));
    }

    @Test
    void eachPartHasItsShareOfEachClass() {
        Splits parts = parts("validation=0.1");
        assertThat(Statistics.perClass(parts.test())).containsExactly(20, 8, 2);
        assertThat(Statistics.perClass(parts.validation())).containsExactly(8, 3, 1);
        assertThat(Statistics.perClass(parts.train())).containsExactly(72, 29, 7);
        assertThat(Statistics.perClass(parts("limit=15").train())).containsExactly(10, 4, 1);
        assertThat(Statistics.perClass(parts("limit=3").train())).containsExactly(1, 1, 1);
        Splits plain = parts("validation=0.1", "stratify=off");
        assertThat(plain.test().rows()).isEqualTo(30);
        assertThat(Statistics.perClass(plain.test())).isNotEqualTo(new int[] {20, 8, 2});
    }

    /** Yes or no for one output: labels are targets to it, but rows are drawn by class. */
    @Test
    void answersHaveTheirSharesToo() throws IOException {
        StringBuilder text = new StringBuilder("x,label\n");
        for (int row = 0; row < 100; row++) {
            text.append(row + "," + (row < 20 ? 1 : 0) + "\n");
        }
        Files.writeString(csv, text);
        Dataset test = parts("loss=binary", "split=0.25").test();
        float yes = 0;
        for (float target : test.targets()) {
            yes += target;
        }
        assertThat(test.rows()).isEqualTo(25);
        assertThat(yes).isEqualTo(5);
    }

    @Test
    void theSeedOfTrainingDrawsNoRows() {
        float[] test = parts().test().values();
        assertThat(parts("seed=2").test().values()).isEqualTo(test);
        assertThat(parts("split-seed=2").test().values()).isNotEqualTo(test);
    }

    /** Columns are fitted on the real rows, and only rows to train on are repeated. */
    @Test
    void balanceRepeatsRowsToTrainOnAlone() {
        RunSettings plain = RunSettings.DEFAULT.with(Map.of("validation", "0.1"));
        RunSettings balanced = plain.with(Map.of("balance", "true"));
        Splits data = DataReader.read(csv);
        Splits parts = balanced.parts(data);
        assertThat(parts.columns()).isEqualTo(plain.parts(data).columns());
        assertThat(parts.validation().rows()).isEqualTo(12);
        assertThat(parts.test().rows()).isEqualTo(30);
        Dataset rows = balanced.toTrain(parts);
        assertThat(Statistics.perClass(rows)).containsExactly(72, 72, 72);
        assertThat(plain.toTrain(parts)).isSameAs(parts.train());
    }

    /** Early stopping goes by real rows, and the run is gone on with as it was. */
    @Test
    void aBalancedRunStopsEarlyAndIsResumed() {
        Path run = folder.resolve("run");
        String line =
                "train --data TABLE --backend java --balance --early-stopping 2 --epochs 200 --lr"
                        + " 0.05 --out "
                        + run;
        Cli.Outcome outcome = run(line);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out())
                .contains(
                        ": 108 to train, 12 to validate, 30 to test, ",
                        "balanced  rows repeated until each class has 72: 29 of class b, 7 of class"
                                + " c; 216 to train on, 1.3 KiB more memory",
                        "stopping  by the validation loss, 12 of 120 training rows set aside to"
                                + " validate (--validation 0.1)")
                .doesNotContain("epoch 200/200");
        JsonObject told = RunFolder.readRun(run);
        assertThat(told.get("trainingRows").getAsInt()).isEqualTo(108);
        assertThat(told.get("balancedRows").getAsInt()).isEqualTo(216);
        assertThat(told.get("splitSeed").getAsLong()).isEqualTo(1);
        Cli.Outcome resumed = run("train --resume " + run);
        assertThat(resumed.err()).isEmpty();
        String last = outcome.out().substring(outcome.out().indexOf("\ntest accuracy"));
        assertThat(resumed.out()).contains(last.substring(0, last.indexOf("\nseconds ")));
        assertThat(run("evaluate " + run).out())
                .contains(last.substring(0, last.indexOf(" wrong")));
        assertThat(run("train --resume " + run + " --folds 2").err())
                .isEqualTo("quern: --folds keeps no model of its trainings: drop --resume\n");
    }

    @Test
    void rareClassesAreNamedBesideFolds() throws IOException {
        Files.writeString(csv, "1,2,d\n2,3,d\n", StandardOpenOption.APPEND);
        assertThat(run("train --data TABLE --backend java --epochs 1 --folds 3").out())
                .contains("note      fewer rows than folds, so not in each of them: 2 of class d");
    }

    @Test
    void aFoldOfASweepIsMeasuredOnItsOwnRows() throws IOException {
        String out = folder.resolve("s").toString();
        String sweep = "sweep --data TABLE --backend java --epochs 3 --folds 4 --out " + out;
        assertThat(run(sweep).err()).isEmpty();
        for (int fold = 1; fold <= 4; fold++) {
            Path kept = folder.resolve("s/0001-fold-" + fold);
            JsonObject json =
                    JsonParser.parseString(Files.readString(kept.resolve("run.json")))
                            .getAsJsonObject();
            JsonObject own = json.getAsJsonObject("validation");
            String score = "%.4f".formatted(own.get("accuracy").getAsDouble());
            String loss = "%.4f".formatted(own.get("loss").getAsDouble());
            assertThat(run("evaluate --backend java " + kept).out())
                    .containsPattern("data .* " + json.get("testRows") + " rows")
                    .containsPattern("test accuracy " + score + "[^\n]*, loss " + loss);
            assertThat(run("evaluate --split train " + kept).out())
                    .containsPattern("data .* " + json.get("trainingRows") + " rows");
        }
        Path first = folder.resolve("s/0001-fold-1");
        Files.delete(first.resolve("run.json")); // as before its end
        assertThat(run("evaluate " + first).err())
                .isEqualToIgnoringNewLines(
                        "quern: the run is one of 4 folds of a sweep, and says which when it has"
                                + " ended: go on with the sweep, or give other rows by --data");
        assertThat(run("evaluate --data TABLE " + first).err()).isEmpty();
    }
}
