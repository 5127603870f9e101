package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.data.Dataset;
import org.quern.plan.Loss;
import org.quern.random.Philox;

class EvaluationTest {
    @Test
    void lossAccuracyAndMistakesByHand() {
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[] {1, 2, 3})
                        .withLabels(new int[] {0, 1, 1}, List.of("a", "b"));
        float log3 = (float) Math.log(3);
        // probabilities 3/4 1/4, 1/2 1/2 (the first of equals wins), 3/4 1/4
        float[] logits = {log3, 0, 1, 1, log3 + 1000, 1000};
        Evaluation evaluation = Evaluation.of(Loss.CROSS_ENTROPY, logits, set);
        double loss = (Math.log(4 / 3.0) + Math.log(2) + Math.log(4)) / 3;
        assertThat(evaluation.loss()).isCloseTo(loss, within(1e-5));
        assertThat(evaluation.accuracy()).isCloseTo(1 / 3.0, within(1e-12));
        assertThat(evaluation.predicted()).containsExactly(0, 0, 0);
        assertThat(evaluation.mistakes()).extracting(Evaluation.Mistake::row).containsExactly(2, 1);
        assertThat(evaluation.mistakes().get(0).confidence()).isCloseTo(0.75f, within(1e-4f));
    }

    @Test
    void confusionByHand() {
        ConfusionMatrix matrix =
                ConfusionMatrix.of(
                        List.of("a", "b", "c"),
                        new int[] {0, 0, 0, 1, 1, 1},
                        new int[] {0, 1, 1, 1, 1, 0});
        assertThat(matrix.counts()[0]).containsExactly(1, 2, 0);
        assertThat(matrix.wrongPerClass()).containsExactly(2, 1, 0);
        assertThat(matrix.accuracy()).isEqualTo(0.5);
        ConfusionMatrix.ClassScore a = matrix.scores().get(0);
        assertThat(a.precision()).isEqualTo(0.5);
        assertThat(a.recall()).isCloseTo(1 / 3.0, within(1e-12));
        assertThat(a.f1()).isCloseTo(0.4, within(1e-12));
        assertThat(matrix.scores().get(2).f1()).isZero(); // 0/0
        assertThat(matrix.mostConfused(5))
                .containsExactly(
                        new ConfusionMatrix.Confusion("a", "b", 2),
                        new ConfusionMatrix.Confusion("b", "a", 1));
    }

    @Test
    void softmaxIsStable() {
        float[] values = {1e4f, 1e4f, -1e4f, -1e4f};
        Predictor.softmax(values, 2);
        assertThat(values).containsExactly(0.5f, 0.5f, 0.5f, 0.5f);
    }

    @Test
    void regressionByHand() {
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[] {1, 2, 3, 4})
                        .withTargets(new float[] {1, 2, 3, 6}, 1);
        Evaluation evaluation =
                Evaluation.of(Loss.MEAN_SQUARED_ERROR, new float[] {1, 1, 3, 9}, set);
        assertThat(evaluation.loss()).isEqualTo((1 + 9) / 4.0);
        assertThat(evaluation.meanAbsoluteError()).isEqualTo((1 + 3) / 4.0);
        // the mean is 3, the spread 4 + 1 + 0 + 9
        assertThat(evaluation.accuracy()).isCloseTo(1 - 10 / 14.0, within(1e-15));
        assertThat(evaluation.confusion()).isNull();
        Dataset equal = set.withTargets(new float[] {2, 2, 2, 2}, 1);
        assertThat(Evaluation.of(Loss.MEAN_SQUARED_ERROR, new float[4], equal).accuracy()).isZero();
    }

    @Test
    void rowsWithoutAnswersAreRefused() {
        Dataset bare = Dataset.ofValues("bare", new int[] {1}, new float[] {1, 2});
        assertThatThrownBy(() -> Evaluation.of(Loss.CROSS_ENTROPY, new float[4], bare))
                .hasMessage("bare has no class labels to compare with");
        assertThatThrownBy(() -> Evaluation.of(Loss.MEAN_SQUARED_ERROR, new float[2], bare))
                .hasMessage("bare has no targets to compare with, or not as many as outputs");
        Dataset three = bare.withLabels(new int[] {0, 2}, List.of("a", "b", "c"));
        assertThatThrownBy(() -> Evaluation.of(Loss.CROSS_ENTROPY, new float[4], three))
                .hasMessage("bare has 3 classes, but the model knows 2");
    }

    /** The classes of a model without names, and accuracy that is the matrix' to the last bit. */
    @ParameterizedTest
    @ValueSource(ints = {1, 31, 257, 9973})
    void agreesWithItsConfusionMatrix(int rows) {
        float[] logits = new float[rows * 3];
        int[] labels = new int[rows];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = Philox.unit(Integer.reverse(i * 0x9e3779b9));
            labels[i / 3] = i % 7 % 2;
        }
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[rows])
                        .withLabels(labels, List.of("no", "yes"));
        Evaluation evaluation = Evaluation.of(Loss.CROSS_ENTROPY, logits, set);
        assertThat(evaluation.confusion().classes()).containsExactly("no", "yes", "output 2");
        assertThat(evaluation.accuracy()).isEqualTo(evaluation.confusion().accuracy());
        assertThat(evaluation.confusion().total()).isEqualTo(rows);
        assertThat(evaluation.mistakes())
                .isSortedAccordingTo(
                        Comparator.comparing(Evaluation.Mistake::confidence)
                                .reversed()
                                .thenComparing(Evaluation.Mistake::row));
        float[] probabilities = logits.clone();
        Predictor.softmax(probabilities, 3);
        for (int row = 0; row < rows; row++) {
            assertThat(evaluation.confidence()[row])
                    .isCloseTo(probabilities[3 * row + evaluation.predicted()[row]], within(1e-6f));
        }
    }
}
