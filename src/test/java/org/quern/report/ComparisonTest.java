package org.quern.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ComparisonTest {
    private static JsonObject run(String text) {
        return JsonParser.parseString(text).getAsJsonObject();
    }

    @Test
    void twoRuns() {
        JsonObject first =
                run(
                        "{quern: 1, batch: 32, seed: 1, epochsAsked: 2, parameters: 7850,"
                                + " epochs: [{loss: 0.5, stepMicros: 10}, {loss: 0.25, stepMicros:"
                                + " 11}], bestEpoch: 2, seconds: {total: 1.5}, test: {loss: 0.3,"
                                + " accuracy: 0.9, baselineAccuracy: 0.11350,"
                                + " balancedAccuracy: 0.89, macroF1: 0.88, rocAuc: null,"
                                + " wrongPerClass: [3, 1500]}}");
        JsonObject second =
                run("{quern: 1, batch: 64, seed: 1, epochsAsked: 2, parameters: 7850, epochs: []}");
        assertThat(Comparison.of(List.of("first", "b"), List.of(first, second)).text(100) + "\n")
                .isEqualTo(
                        """
                                            first       b
                        test accuracy      0.9000       -
                        baseline accuracy  0.1135       -
                        balanced accuracy  0.8900       -
                        macro-F1           0.8800       -
                        wrong               1,503       -
                        test loss          0.3000       -
                        best epoch              2       -
                        epochs             2 of 2  0 of 2
                        last loss          0.2500       -
                        us a step            11.0       -
                        seconds              1.50       -
                        parameters          7,850   7,850

                        settings that differ
                        batch                  32      64
                        """);
    }

    /** Scores on other rows are no better and no worse. */
    @Test
    void onlyRunsOnTheSameDataAreRanked() {
        String text = "{data: '%s', columns: {a: %s}, epochs: [], test: {loss: %s, accuracy: 0.5}}";
        JsonObject one = run(text.formatted("a.csv", 1, 0.3));
        JsonObject same = run(text.formatted("a.csv", 2, 0.2));
        JsonObject other = run(text.formatted("b.csv", 2, 0.1));
        Comparison alike = Comparison.of(List.of("one", "same"), List.of(one, same));
        assertThat(alike.alike()).isTrue();
        assertThat(best(alike, "test loss")).containsExactly(1);
        assertThat(alike.columns()).startsWith("columns differ: ");
        assertThat(alike.settings()).extracting(Comparison.Row::name).doesNotContain("columns");
        Comparison unlike =
                Comparison.of(List.of("one", "same", "other"), List.of(one, same, other));
        assertThat(unlike.alike()).isFalse();
        // wherever it is, and whatever is predicted
        String table = "{data: '%s', columns: {targets: [{name: '%s'}]}, epochs: []}";
        JsonObject here = run(table.formatted("/a/t.csv", "x"));
        JsonObject there = run(table.formatted("b/t.csv", "x"));
        JsonObject label = run(table.formatted("b/t.csv", "y"));
        assertThat(Comparison.of(List.of("a", "b"), List.of(here, there)).alike()).isTrue();
        assertThat(Comparison.of(List.of("a", "b"), List.of(there, label)).alike()).isFalse();
        assertThat(best(unlike, "test loss")).isEmpty();
    }

    private static List<Integer> best(Comparison of, String name) {
        return of.results().stream()
                .filter(row -> row.name().equals(name))
                .findFirst()
                .orElseThrow()
                .best();
    }

    @Test
    void runsThatPredictNumbers() {
        String text =
                "{epochs: [], epochsAsked: 1, test: {r2: %s, rmse: %s,"
                        + " baselineRmse: 114012.3, mae: 36120}}";
        JsonObject one = run(text.formatted("0.78616", "52873.1"));
        JsonObject other = run(text.formatted("-1.5", "1.2e11"));
        assertThat(Comparison.of(List.of("a", "b"), List.of(one, other)).text(100))
                .startsWith(
                        """
                                             a          b
                        test R2         0.7862    -1.5000
                        RMSE            52,873  1.2000e11
                        baseline RMSE  114,010    114,010
                        MAE             36,120     36,120
                        epochs          0 of 1     0 of 1
                        """);
    }

    @Test
    void longSettingsStandBelowAndNamesAreWords() {
        String text = "{quern: 1, learningRate: \"%s\", model: \"%s\", odd: [1], epochs: []}";
        JsonObject first = run(text.formatted("0.001", "dense 48 relu, dense 10"));
        JsonObject second = run(text.formatted("0.002", "dense 10"));
        assertThat(Comparison.of(List.of("a", "bee"), List.of(first, second)).text(100) + "\n")
                .isEqualTo(
                        """
                                            a     bee
                        epochs         0 of -  0 of -

                        settings that differ
                        learning rate   0.001   0.002

                        model differs
                        a    dense 48 relu, dense 10
                        bee  dense 10
                        """);
    }

    @Test
    void manyRunsFollowInFurtherTables() {
        List<JsonObject> runs =
                IntStream.range(0, 20)
                        .mapToObj(i -> run("{quern: 1, seed: " + i + ", epochs: []}"))
                        .toList();
        List<String> names = IntStream.range(0, 20).mapToObj(i -> "a run " + i).toList();
        List<String> lines = Comparison.of(names, runs).text(100).lines().toList();
        assertThat(lines).allMatch(line -> line.length() <= 100);
        assertThat(String.join("", lines)).contains(names);
        assertThat(lines.stream().filter(line -> line.startsWith("seed"))).hasSize(3);
    }

    @Test
    void columnsAreNoText() {
        String text = "{columns: {standardize: true, inputs: [{name: x, mean: %s}]}, epochs: []}";
        List<JsonObject> runs = List.of(run(text.formatted("1.5")), run(text.formatted("1.25")));
        assertThat(Comparison.of(List.of("a", "b"), runs).text(100))
                .endsWith(
                        "\n\ncolumns differ: other ones, or other statistics of the training rows")
                .doesNotContain("{", "mean");
        List<JsonObject> same = List.of(runs.get(0), runs.get(0));
        assertThat(Comparison.of(List.of("a", "b"), same).text(100))
                .endsWith("\n\nall settings are the same");
    }
}
