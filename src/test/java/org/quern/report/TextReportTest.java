package org.quern.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.quern.data.Dataset;
import org.quern.plan.Loss;
import org.quern.train.ConfusionMatrix;
import org.quern.train.Evaluation;

class TextReportTest {
    private static Evaluation evaluation(List<String> classes, int[] actual, int[] predicted) {
        int width = classes.size();
        float[] logits = new float[actual.length * width];
        for (int row = 0; row < actual.length; row++) {
            logits[row * width + predicted[row]] = row + 1;
        }
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[actual.length])
                        .withLabels(actual, classes);
        return Evaluation.of(Loss.CROSS_ENTROPY, logits, set);
    }

    @Test
    void aClassifier() {
        Evaluation evaluation =
                evaluation(
                        List.of("cat", "dog", "horse"),
                        new int[] {0, 0, 0, 1, 1, 1, 1},
                        new int[] {0, 1, 1, 1, 1, 1, 0});
        assertThat(TextReport.of("test", evaluation) + "\n")
                .isEqualTo(
                        """
                        test accuracy 0.5714 (always 'dog': 0.5714), loss 1.8489: 3 of 7 wrong
                        macro-F1 0.5333, balanced accuracy 0.5417

                        confusion (rows true, columns predicted)
                                cat   dog horse
                          cat     1     2     .
                          dog     1     3     .
                        horse     .     .     .

                        class     rows   wrong  precision  recall      F1
                        cat          3       2     0.5000  0.3333  0.4000
                        dog          4       1     0.6000  0.7500  0.6667
                        horse        0       0          -       -       -

                        most confused   cat as dog (2), dog as cat (1)
                        worst mistakes  row 6: dog as cat (0.9982), row 2: cat as dog (0.9094), row 1: cat as dog (0.7870)
                        """);
    }

    @Test
    void withoutMistakesNoneAreListed() {
        Evaluation evaluation =
                evaluation(List.of("a", "b"), new int[] {0, 1, 1}, new int[] {0, 1, 1});
        assertThat(TextReport.of("train", evaluation))
                .contains("train accuracy 1.0000", ": 0 of 3 wrong")
                .doesNotContain("mistakes", "confused");
    }

    @Test
    void tenClassesOfAMillionRowsFitAHundredColumns() {
        int[][] counts = new int[10][10];
        for (int[] row : counts) {
            java.util.Arrays.fill(row, 10_000);
        }
        List<String> names = IntStream.range(0, 10).mapToObj(Integer::toString).toList();
        Evaluation evaluation =
                new Evaluation(
                        1_000_000,
                        Loss.CROSS_ENTROPY,
                        2.3,
                        new float[0],
                        List.of(),
                        null,
                        null,
                        new ConfusionMatrix(names, counts),
                        new int[0],
                        new float[0],
                        List.of());
        String text = TextReport.of("test", evaluation);
        assertThat(text).contains("confusion (rows true, columns predicted)");
        assertThat(text.lines()).allMatch(line -> line.length() <= 100);
    }

    @Test
    void aMatrixThatIsTooWideIsLeftOut() {
        List<String> names = IntStream.range(0, 60).mapToObj(i -> "class " + i).toList();
        int[] all = IntStream.range(0, 60).toArray();
        String text = TextReport.of("test", evaluation(names, all, all));
        assertThat(text).doesNotContain("rows true").contains("class 59  ");
    }

    @Test
    void twoClasses() {
        Evaluation evaluation =
                evaluation(
                        List.of("ok", "fraud"),
                        new int[] {0, 0, 0, 0, 1, 0, 1, 0},
                        new int[] {0, 0, 0, 0, 0, 1, 1, 0});
        // margins -1 to -5, 6, 7, -8: of 12 pairs 6 + 1 in order
        assertThat(TextReport.of("test", evaluation))
                .startsWith(
                        """
                        test accuracy 0.7500 (always 'ok': 0.7500), loss 1.4397: 2 of 8 wrong
                        macro-F1 0.6667, balanced accuracy 0.6667
                        'fraud': ROC AUC 0.5833 (chance: 0.5000), PR AUC 0.6429 (chance: 0.2500)
                        """);
    }

    @Test
    void rowsOfOneClass() {
        assertThat(
                        TextReport.of(
                                "test",
                                evaluation(
                                        List.of("ok", "fraud"),
                                        new int[] {0, 0, 0},
                                        new int[] {0, 0, 1})))
                .contains(
                        "\nmacro-F1 0.4000, balanced accuracy 0.6667\n"
                                + "ROC AUC -, PR AUC -: all rows are of one class\n",
                        "\nfraud        0       0     0.0000       -  0.0000");
    }

    @Test
    void aRegression() {
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[4])
                        .withTargets(new float[] {1, 2, 3, 6}, 1);
        Evaluation evaluation =
                Evaluation.of(Loss.MEAN_SQUARED_ERROR, new float[] {1, 1, 3, 9}, set);
        assertThat(TextReport.of("test", evaluation))
                .isEqualTo("test R2 0.2857, RMSE 1.5811 (the mean: 1.8708), MAE 1.0000 on 4 rows");
    }

    @Test
    void severalOutputs() {
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[4])
                        .withTargets(
                                new float[] {1, 1e6f, 2, 2e6f, 3, 3e6f, 6, 6e6f},
                                List.of("rooms", "price"));
        float[] outputs = {1, 1e6f, 1, 1e6f, 3, 3e6f, 9, 9e6f};
        assertThat(
                        TextReport.of("test", Evaluation.of(Loss.MEAN_SQUARED_ERROR, outputs, set))
                                + "\n")
                .isEqualTo(
                        """
                        test R2 0.2857, RMSE 790,570 (the mean: 935,420), MAE 500,000
                        means over 2 outputs, on 4 rows

                        output       RMSE   the mean        MAE      R2
                        rooms      1.5811     1.8708     1.0000  0.2857
                        price   1,581,100  1,870,800  1,000,000  0.2857
                        """);
    }

    @Test
    void severalLabels() {
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[4])
                        .withTargets(new float[] {1, 0, 1, 1, 0, 0, 0, 0}, List.of("funny", "sad"));
        float[] logits = {2, -1, -1, 3, 1, -2, -2, -1};
        assertThat(
                        TextReport.of("test", Evaluation.of(Loss.BINARY_CROSS_ENTROPY, logits, set))
                                + "\n")
                .isEqualTo(
                        """
                        test accuracy 0.7500 (baseline: 0.6250), exact match 0.5000, loss 0.4603
                        macro-F1 0.7500 on 4 rows

                        label     yes  wrong  precision  recall      F1  ROC AUC  PR AUC
                        funny       2      2     0.5000  0.5000  0.5000   0.7500  0.8333
                        sad         1      0     1.0000  1.0000  1.0000   1.0000  1.0000
                        """);
    }

    @Test
    void manyOutputsAreCounted() {
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[2])
                        .withTargets(new float[2 * 784], 784);
        String text =
                TextReport.of(
                        "test", Evaluation.of(Loss.MEAN_SQUARED_ERROR, new float[2 * 784], set));
        assertThat(text.lines()).hasSize(2 + 2 + 20 + 1);
        assertThat(text).endsWith("\nand 764 more").doesNotContain("\n20 ");
    }
}
