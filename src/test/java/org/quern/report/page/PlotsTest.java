package org.quern.report.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.data.Dataset;
import org.quern.plan.Loss;
import org.quern.random.Philox;
import org.quern.train.Evaluation;
import org.quern.train.Ranking;

class PlotsTest {
    private static List<Plots.Predictions> of(float[] outputs, float[] targets, int width) {
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[targets.length / width])
                        .withTargets(targets, width);
        return Plots.predictions(Evaluation.of(Loss.MEAN_SQUARED_ERROR, outputs, set), targets);
    }

    @Test
    void dotsAndBarsByHand() {
        Plots.Predictions plot =
                of(new float[] {1, 0, 1, 0, 3, 0, 9, 0}, new float[] {1, 0, 2, 0, 3, 0, 6, 0}, 2)
                        .get(0);
        assertThat(plot.name()).isEqualTo("0");
        assertThat(plot.points())
                .containsExactly(
                        new float[] {1, 1},
                        new float[] {2, 1},
                        new float[] {3, 3},
                        new float[] {6, 9});
        // errors 0, 1, 0 and -3, in thirds of -3 to 3: the middle one from -1 to 1
        assertThat(plot.reach()).isEqualTo(3);
        assertThat(plot.bars()).containsExactly(1, 2, 1);
        assertThat(plot.beyond()).isZero();
    }

    @Test
    void aRowFarOffLeavesTheBarsReadableAndIsCounted() {
        float[] targets = new float[1000];
        targets[500] = 1e6f;
        float[] outputs = new float[1000];
        for (int i = 0; i < 1000; i++) {
            outputs[i] = targets[i] == 0 ? i % 3 - 1 : 0;
        }
        Plots.Predictions plot = of(outputs, targets, 1).get(0);
        assertThat(plot.beyond()).isEqualTo(1);
        assertThat(plot.reach()).isCloseTo(4e6 / Math.sqrt(1000), within(1.0));
        assertThat(plot.bars()).hasSize(31);
        assertThat(IntStream.of(plot.bars()).sum()).isEqualTo(999);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 1999, 2001, 30_011})
    void eachRowIsInABarAndDotsAreSpreadOverAll(int rows) {
        float[] outputs = new float[rows];
        float[] targets = new float[rows];
        for (int i = 0; i < rows; i++) {
            targets[i] = i;
            outputs[i] = i + Philox.unit(Integer.reverse(i * 0x9e3779b9));
        }
        Plots.Predictions plot = of(outputs, targets, 1).get(0);
        assertThat(plot.points()).hasSize(Math.min(rows, 2000));
        assertThat(plot.points().stream().map(point -> point[0])).doesNotHaveDuplicates();
        assertThat(plot.points().get(plot.points().size() - 1)[0])
                .isGreaterThanOrEqualTo(rows - 1 - rows / 2000f);
        assertThat(IntStream.of(plot.bars()).sum() + plot.beyond()).isEqualTo(rows);
        assertThat(plot.bars().length % 2).isOne();
    }

    @Test
    void withoutErrorsThereIsNothingToReachFor() {
        assertThat(of(new float[] {1, 2}, new float[] {1, 2}, 1).get(0).reach()).isZero();
    }

    @Test
    void theFirstOutputsAreShown() {
        float[] targets = new float[12];
        float[] outputs = new float[12];
        assertThat(of(outputs, targets, 6).stream().map(Plots.Predictions::name))
                .containsExactly("0", "1", "2", "3");
    }

    @Test
    void curvesByHand() {
        Ranking ranking = Ranking.of("yes", new double[] {0.35, 0.8}, new double[] {0.1, 0.4});
        Plots.Curves curves = Plots.curves(ranking);
        assertThat(curves.roc())
                .containsExactly(
                        new double[] {0, 0},
                        new double[] {0, 0.5},
                        new double[] {0.5, 0.5},
                        new double[] {0.5, 1},
                        new double[] {1, 1});
        assertThat(curves.precisionRecall())
                .containsExactly(
                        new double[] {0, 1},
                        new double[] {0.5, 1},
                        new double[] {0.5, 0.5},
                        new double[] {1, 2 / 3.0},
                        new double[] {1, 0.5});
    }

    /** Few enough points for a page, and the areas under them what the ranking says. */
    @Test
    void manyThresholdsAreThinnedWithoutAVisibleChange() {
        int rows = 200_000;
        double[] scores = new double[rows];
        for (int i = 0; i < rows; i++) {
            scores[i] = Philox.unit(Integer.reverse(i * 0x9e3779b9)) + (i < rows / 50 ? 0.3 : 0);
        }
        Ranking ranking =
                Ranking.of(
                        "rare",
                        Arrays.copyOf(scores, rows / 50),
                        Arrays.copyOfRange(scores, rows / 50, rows));
        Plots.Curves curves = Plots.curves(ranking);
        assertThat(curves.roc()).hasSizeLessThan(3000);
        assertThat(ranking.truePositives()).hasSizeGreaterThan(100_000);
        double roc = 0;
        double average = 0;
        for (int i = 1; i < curves.roc().size(); i++) {
            double[] from = curves.roc().get(i - 1);
            double[] to = curves.roc().get(i);
            roc += (to[0] - from[0]) * (to[1] + from[1]) / 2;
            double[] step = curves.precisionRecall().get(i);
            average += (step[0] - curves.precisionRecall().get(i - 1)[0]) * step[1];
        }
        assertThat(roc).isCloseTo(ranking.rocAuc(), within(1 / 400.0));
        assertThat(average).isCloseTo(ranking.prAuc(), within(1 / 400.0));
        assertThat(curves.roc().get(curves.roc().size() - 1)).containsExactly(1, 1);
    }
}
