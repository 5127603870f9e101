package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.quern.QuernException.either;

import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.plan.Optimizer;
import org.quern.report.SweepText;
import org.quern.report.page.SweepPage;
import org.quern.run.RunSettings;
import org.quern.run.Sweep;
import org.quern.train.EpochResult;

class SweepCommandTest {
    @TempDir Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "1,2,5; 1 2 5",
                "1..4; 1 2 3 4",
                "7; 7",
                "-1..1; -1 0 1",
                "1e-4..1e-2; 0.00010 0.000316228 0.0010 0.00316228 0.010",
                "1e-4..1e-2:3; 0.00010 0.0010 0.010",
                "0..0.4:5; 0 0.1 0.2 0.3 0.4",
                "1..2,9; 1 2 9",
                "9007199254740993..9007199254740994; 9007199254740993 9007199254740994",
                "1..16:3; 1 4 16",
                "adam,sgd; adam sgd"
            })
    void valuesOfASetting(String text, String values) {
        List<String> parsed = SweepCommand.values("x", text, ",");
        List<String> expected = Arrays.asList(values.split(" "));
        if (expected.get(0).matches("[-0-9.]+")) {
            assertThat(parsed.stream().map(Double::valueOf))
                    .containsExactlyElementsOf(expected.stream().map(Double::valueOf).toList());
        } else {
            assertThat(parsed).isEqualTo(expected);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "1,,2",
                "4..1",
                "a..b",
                "1..2:x",
                "1..2:1",
                "1e-3..1e-3",
                "1..99999999",
                "9007199254740993..9007199254740992",
                "1..1e400"
            })
    void valuesThatAreNone(String text) {
        assertThatThrownBy(() -> SweepCommand.values("lr", text, ","))
                .hasMessageStartingWith("lr \"" + text + "\": ");
    }

    @Test
    void aSweepAsTableCsvAndJson() throws IOException {
        Path csv = folder.resolve("s.csv");
        Path json = folder.resolve("s.json");
        Cli.Outcome outcome =
                new Cli(folder)
                        .run(
                                "sweep",
                                "--data",
                                "generated:1000,200",
                                "--model",
                                "dense 10 | dense 16 relu, dense 10",
                                "--lr",
                                "1e-3..1e-2:2",
                                "--seeds",
                                "2",
                                "--epochs",
                                "1",
                                "--csv",
                                csv.toString(),
                                "--json",
                                json.toString());
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        assertThat(outcome.out())
                .containsPattern("sweep +8 trainings, \\d at a time")
                .containsPattern(
                        "model dense 16 relu, dense 10, lr 0\\.0*10*, seed 2: val accuracy 0\\.\\d{4}, val loss ")
                .contains(
                        "validate  100 of 1,000 training rows set aside to validate (--validation 0.1)");
        List<String> table =
                outcome.lines().stream().dropWhile(line -> !line.contains("mean")).toList();
        assertThat(table.get(0).strip().split("  +"))
                .containsExactly(
                        "model",
                        "lr",
                        "runs",
                        "val mean",
                        "std dev",
                        "val min",
                        "val max",
                        "val loss",
                        "seconds");
        assertThat(table).hasSize(1 + 4 + 3);
        assertThat(table.get(5))
                .isEqualTo(
                        "columns   val mean, std dev, val min and val max: accuracy on the"
                                + " validation rows, over the runs of each line; val loss and"
                                + " seconds: their means; best first");
        assertThat(table.get(6))
                .matches(
                        "best +model .*, lr .*: test accuracy 0\\.\\d{4} \\(baseline: 0\\.1\\d{3}\\), loss \\d\\.\\d{4}, the mean of 2 runs");
        List<String> lines = Files.readAllLines(csv);
        assertThat(lines.get(0))
                .isEqualTo(
                        "number,model,lr,seed,validation_accuracy,validation_loss,test_accuracy,"
                                + "test_loss,epochs,seconds,failure");
        assertThat(lines).hasSize(9);
        assertThat(lines.get(5)).startsWith("5,\"dense 16 relu, dense 10\",");
        JsonArray records = JsonParser.parseString(Files.readString(json)).getAsJsonArray();
        assertThat(records).hasSize(8);
        assertThat(records.get(7).getAsJsonObject().get("number").getAsInt()).isEqualTo(8);
        assertThat(records)
                .filteredOn(record -> record.getAsJsonObject().has("test_accuracy"))
                .hasSize(2); // the best, with each seed
    }

    private static final EpochResult EPOCH = new EpochResult(1, 1, 0, null, null, 1e-3, 1, 1, 1, 1);

    private static Sweep.Result result(int number, String lr, double validation, double test) {
        RunSettings settings = RunSettings.DEFAULT.with(Map.of("lr", lr));
        return new Sweep.Result(
                new Sweep.Member(number, 0, Map.of("lr", lr), settings),
                new Sweep.Score(validation, 0.5, Double.NaN, 0.7),
                new Sweep.Score(test, 0.25, Double.NaN, 0.8),
                List.of(EPOCH, EPOCH),
                1,
                Double.isNaN(validation) ? "diverged in epoch 1" : null);
    }

    /** Whoever picks the best of many by its test rows finds one, be it all noise. */
    @Test
    void testRowsHaveNoSayInWhatIsBest() {
        List<Sweep.Result> results =
                List.of(
                        result(1, "0.1", Double.NaN, Double.NaN),
                        result(2, "0.2", 0.5, 0.9),
                        result(3, "0.3", 0.75, 0.6));
        assertThat(SweepText.table(results).lines())
                .containsExactly(
                        " lr  val accuracy  val loss  seconds",
                        "0.3        0.7500    0.5000     1.00",
                        "0.2        0.5000    0.5000     1.00",
                        "0.1      diverged    0.5000     1.00");
        assertThat(SweepText.winner(results))
                .isEqualTo("lr 0.3: test accuracy 0.6000 (baseline: 0.8000), loss 0.2500");
        assertThat(SweepText.csv(results).lines())
                .containsExactly(
                        "number,lr,validation_accuracy,validation_loss,test_accuracy,test_loss,"
                                + "epochs,seconds,failure",
                        "1,0.1,NaN,0.5,,,2,1.0,diverged in epoch 1",
                        "2,0.2,0.5,0.5,,,2,1.0,",
                        "3,0.3,0.75,0.5,0.6,0.25,2,1.0,");
        assertThat(SweepText.winner(results.subList(0, 1))).isNull();
    }

    /** With folds there are fewer combinations than trainings, interrupted or not. */
    @Test
    void thePageKnowsHowManyTrainingsAreDone() {
        RunSettings settings = RunSettings.DEFAULT.with(Map.of("folds", "3"));
        Sweep.Score score = new Sweep.Score(0.9, 0.5, Double.NaN, 0.7);
        List<Sweep.Result> done =
                IntStream.rangeClosed(1, 2)
                        .mapToObj(fold -> new Sweep.Member(1, fold, Map.of("lr", "1"), settings))
                        .map(one -> new Sweep.Result(one, score, score, List.of(EPOCH), 1, null))
                        .toList();
        assertThat(SweepPage.html(done, Map.of("trainings", 6)))
                .contains("\"done\":2", "\"all\":1");
    }

    @Test
    void oneSeedHasNoMeans() {
        Cli.Outcome outcome =
                new Cli(folder)
                        .run(
                                "sweep",
                                "--data",
                                "generated:500,100",
                                "--batch",
                                "16,32",
                                "--epochs",
                                "1",
                                "--threads",
                                "1");
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out()).contains("2 trainings, 1 at a time");
        assertThat(outcome.lines())
                .anyMatch(line -> line.matches("batch +val accuracy +val loss +seconds"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "--validation 0; validation 0: a sweep compares by validation rows, give a fraction above 0",
                "--validation 0.1,0.2; validation \"0.1,0.2\" is not a number",
                "--seeds 0; seeds 0: give 1 or more, and not --seed as well",
                "--seeds 2 --seed 1,2; seeds 2: give 1 or more, and not --seed as well",
                "--lr fast,slow; lr \"fast\" is not a number",
                "--optimizer adam,adagrad; unknown optimizer \"adagrad\": use OPTIMIZERS"
            })
    void saysWhatIsWrong(String options, String message) {
        Cli.Outcome outcome =
                new Cli(folder).run(("sweep --data generated:100,20 " + options).split(" "));
        String said = message.replace("OPTIMIZERS", either(Optimizer.Kind.options()));
        assertThat(outcome.err()).isEqualTo("quern: " + said + System.lineSeparator());
        assertThat(outcome.code()).isEqualTo(2);
    }
}
