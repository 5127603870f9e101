package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.plan.Loss;

/** Numbers that are predicted from a table, through the commands. */
class RegressionTest {
    @TempDir Path folder;
    private Path csv;
    private Path run;

    @BeforeEach
    void table() throws IOException {
        Random random = new Random(7);
        StringBuilder rows = new StringBuilder("a,b,name,y\n");
        for (int i = 0; i < 600; i++) {
            double a = random.nextGaussian();
            double b = random.nextGaussian();
            rows.append(
                    "%s,%s,%d,%s%n"
                            .formatted(a, b, i % 5, 2 * a - b + 0.2 * random.nextGaussian()));
        }
        csv = folder.resolve("numbers.csv");
        Files.writeString(csv, rows);
        run = folder.resolve("run");
    }

    private Cli.Outcome quern(String command, Object... more) {
        String[] words = command.split(" ");
        for (int i = 0; i < words.length; i++) {
            words[i] =
                    switch (words[i]) {
                        case "CSV" -> csv.toString();
                        case "RUN" -> run.toString();
                        default -> words[i].replace('_', ' ');
                    };
        }
        return new Cli(folder.resolve("cache")).run(words);
    }

    @Test
    void aColumnOfATableIsPredicted() throws IOException {
        Cli.Outcome trained =
                quern(
                        "train --data CSV --loss mse --model dense_1 --lr 0.05 --epochs 20 --out RUN"
                                + " --validation 0.2 --gallery");
        assertThat(trained.err()).isEmpty();
        assertThat(trained.code()).isZero();
        assertThat(trained.out())
                .containsPattern("epoch 20/20  loss .*  val loss 0\\.0\\d{3}  val R2 0\\.99\\d\\d")
                .contains("384 to train, 96 to validate, 120 to test, 3 columns: 3 numbers\n")
                .contains("no gallery: a model trained by mean squared error")
                .doesNotContain("accuracy");
        String result =
                trained.lines().stream()
                        .filter(line -> line.startsWith("test "))
                        .findFirst()
                        .orElseThrow();
        assertThat(result)
                .matches(
                        "test R2 0\\.99\\d\\d, RMSE 0\\.\\d{5} \\(the mean: 2\\.\\d{4}\\), MAE"
                                + " 0\\.\\d{5} on 120 rows");
        assertThat(quern("evaluate RUN").out()).contains(result);
        assertThat(quern("evaluate RUN --data CSV").out())
                .containsPattern("R2 0\\.99\\d\\d, .* on 600 rows");
        assertThat(quern("report RUN").err()).isEmpty();
        assertThat(Files.readString(run.resolve("report.html"))).contains("\"r2\":0.99");
        assertThat(quern("train --resume RUN").err()).isEmpty();
        Path rows = folder.resolve("rows.csv");
        Files.writeString(rows, "a,b,name\n0,0,1\n1.5,0,1\n0,1,1\n");
        Cli.Outcome predicted = quern("predict RUN " + rows);
        assertThat(predicted.err()).isEmpty();
        assertThat(predicted.lines()).hasSize(4);
        assertThat(predicted.lines().get(2)).matches("row 1: y (2\\.[89]|3\\.[012])\\d*");
    }

    @Test
    void labelsThatAreNotStandardizedAreTold() {
        String note =
                "note      the label is not standardized, because the last layer has an activation";
        String train = "train --data CSV --epochs 1 --loss mse --model ";
        assertThat(quern(train + "dense_1_relu").out()).contains(note);
        assertThat(quern(train + "dense_1").out()).doesNotContain(note);
        assertThat(quern(train + "dense_1_relu --standardize off").out()).doesNotContain(note);
    }

    @Test
    void theTargetIsForR2WhereNumbersArePredicted() {
        String command =
                "train --data CSV --loss mse --model dense_1 --epochs 1 --target-accuracy ";
        Cli.Outcome missed = quern(command + "0.999");
        assertThat(missed.code()).isOne();
        assertThat(missed.err())
                .matches("quern: test R2 -?0\\.\\d{4} is below the target 0\\.999\n");
        assertThat(quern(command + "-9").code()).isZero();
    }

    @ParameterizedTest
    @MethodSource("lossesOfNumbers")
    void aSweepIsByR2(String loss) {
        Cli.Outcome swept =
                quern("sweep --data CSV --model dense_1 --lr 0.01,0.05 --epochs 2 --loss " + loss);
        assertThat(swept.err()).isEmpty();
        assertThat(swept.out())
                .containsPattern("lr 0\\.05: val R2 -?\\d+\\.\\d{4}, val loss ")
                .containsPattern("lr +val R2 +val loss +seconds")
                .containsPattern(
                        "lr 0\\.05: test R2 -?\\d\\.\\d{4}, RMSE [\\d.]+ \\(the mean: 2\\.\\d{4}\\)\n")
                .doesNotContain("accuracy");
    }

    static List<String> lossesOfNumbers() {
        return Loss.Kind.options().stream()
                .filter(option -> !Loss.of(option, setting -> 1).takesLogits())
                .toList();
    }

    @Test
    void aColumnOfYesAndNoIsPredictedAsProbabilities() throws IOException {
        List<String> rows = Files.readAllLines(csv);
        rows.replaceAll(row -> row.replaceFirst("[^,]+$", row.matches(".*,-[^,]*") ? "0" : "1"));
        rows.set(0, "a,b,name,label");
        Files.write(csv, rows);
        Cli.Outcome trained =
                quern(
                        "train --data CSV --loss binary --model dense_1 --lr 0.05 --epochs 20"
                                + " --out RUN --validation 0.2 --gallery");
        assertThat(trained.err()).isEmpty();
        assertThat(trained.code()).isZero();
        assertThat(trained.out())
                .containsPattern("epoch 20/20 +loss 0\\.\\d{4}  accuracy 0\\.9\\d")
                .contains("no gallery: a model trained by binary cross-entropy");
        String result =
                trained.lines().stream()
                        .filter(line -> line.startsWith("test "))
                        .findFirst()
                        .orElseThrow();
        assertThat(result)
                .matches(
                        "test accuracy 0\\.9\\d+ \\(baseline: 0\\.5\\d+\\), exact match 0\\.9\\d+, loss"
                                + " 0\\.\\d+");
        assertThat(trained.out())
                .containsPattern("\nmacro-F1 0\\.9\\d+ on 120 rows\n\nlabel +yes +wrong");
        assertThat(quern("evaluate RUN").out()).contains(result);
        assertThat(Files.readString(run.resolve("run.json")))
                .containsPattern("\"accuracy\": 0\\.9\\d+,\n")
                .doesNotContain("r2");
        assertThat(quern("report RUN").err()).isEmpty();
        assertThat(Files.readString(run.resolve("report.html")))
                .contains("\"classifies\":true")
                .doesNotContain("\"r2\"");
        Path some = folder.resolve("rows.csv");
        Files.writeString(some, "a,b,name\n0,0,1\n9,0,1\n-9,0,1\n");
        Cli.Outcome predicted = quern("predict RUN " + some);
        assertThat(predicted.err()).isEmpty();
        assertThat(predicted.out())
                .containsPattern("row 1: label \\((1\\.0000|0\\.99\\d\\d)\\)\nrow 2: none\n");
        Cli.Outcome swept =
                quern("sweep --data CSV --loss binary --model dense_1 --lr 0.01,0.05 --epochs 2");
        assertThat(swept.out()).containsPattern("lr +val accuracy +val loss +seconds");
        // each training has the errors of its loss alone
        Path table = folder.resolve("sweep.csv");
        assertThat(
                        quern(
                                        "sweep --data CSV --loss mse,binary --model dense_1 --epochs 2 --csv "
                                                + table)
                                .err())
                .isEmpty();
        List<String> lines = Files.readAllLines(table);
        List<String> names = List.of(lines.get(0).split(","));
        for (String line : lines.subList(1, 3)) {
            List<String> values = List.of(line.split(",", -1));
            assertThat(values).hasSameSizeAs(names);
            boolean numbers = values.contains("mse");
            assertThat(values.get(names.indexOf("validation_R2")).isEmpty()).isEqualTo(!numbers);
            assertThat(values.get(names.indexOf("validation_accuracy")).isEmpty())
                    .isEqualTo(numbers);
            assertThat(numbers || values.get(names.indexOf("test_rmse")).isEmpty()).isTrue();
        }
        Files.writeString(csv, "a,b,label\n1.5,2,0\n2.5,3,1\n3,4,2\n2,4,1\n1,4,1\n2,2,0\n");
        assertThat(quern("train --data CSV --loss binary --split 0.2").err())
                .containsPattern(
                        "row \\d+, target 0 is 2\\.0: binary cross-entropy takes 0, 1 or a"
                                + " probability between\n");
    }

    /** Scores on other rows of a table, or on another table of its name, are not held together. */
    @Test
    void runsTestedOnOtherRowsAreNotRanked() throws IOException {
        String train = "train --data CSV --model dense_1 --epochs 1 --out ";
        quern(train + run);
        Path other = folder.resolve("other");
        Path page = folder.resolve("compared.html");
        quern(train + other + " --lr 0.1 --standardize off");
        quern("compare RUN " + other + " --out " + page);
        assertThat(page).content().contains("\"alike\":true").doesNotContain("testLabels");
        quern(train + folder.resolve("drawn") + " --split-seed 9");
        quern("compare RUN " + folder.resolve("drawn") + " --out " + page);
        assertThat(page).content().contains("\"alike\":false");
        Files.writeString(csv, Files.readString(csv).replaceAll("(?m)\\.", "0."));
        quern(train + folder.resolve("edited"));
        quern("compare RUN " + folder.resolve("edited") + " --out " + page);
        assertThat(page).content().contains("\"alike\":false");
        // a loss that this version does not know tells nothing that is needed here
        Path json = run.resolve("run.json");
        Files.writeString(json, Files.readString(json).replace("mean_squared_error", "hinge"));
        assertThat(quern("compare RUN " + other + " --out " + page).err()).isEmpty();
        assertThat(page).content().contains("\"alike\":true");
    }

    @Test
    void labelsThatAreNoNumbers() throws IOException {
        Files.writeString(csv, "a,b,label\n1.5,2,one\n2.5,3,two\n3,4,two\n");
        assertThat(quern("train --data CSV --loss mse --model dense_1").err())
                .isEqualTo(
                        "quern: %s:2 column 3 (label) is \"one\", not a number: correct it, or give --loss cross-entropy to take labels as classes\n"
                                .formatted(csv));
    }

    @Test
    void aLabelThatIsTheSameInAllRowsIsNothingToLearn() throws IOException {
        Files.writeString(csv, "a,label\n1,2.5\n2,2.5\n3,2.5\n");
        assertThat(quern("train --data CSV --model dense_1").err())
                .isEqualTo(
                        "quern: numbers.csv: the label is the same in all rows: there is nothing to"
                                + " learn\n");
    }

    @Test
    void oneNumberNeedsOneOutput() {
        assertThat(quern("train --data CSV --loss mse --model dense_3").err())
                .isEqualTo(
                        "quern: model \"dense 3\" has 3 outputs, but numbers.csv has one number a"
                                + " row to predict: make its last layer \"dense 1\"\n");
    }

    @Test
    void numbersAreExplored() throws IOException {
        Path out = folder.resolve("explored");
        Cli.Outcome explored =
                new Cli(folder).run("explore", csv.toString(), "--out", out.toString());
        assertThat(explored.err()).isEmpty();
        assertThat(explored.out())
                .contains("labels are numbers: -")
                .contains(", mean ")
                .doesNotContain("rows of each class");
        assertThat(out.resolve("classes.svg")).doesNotExist();
        assertThat(Files.readString(out.resolve("explore.html"))).contains("labels are numbers");
    }
}
