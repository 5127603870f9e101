package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.quern.data.Dataset;
import org.quern.plan.Loss;

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
        Softmax.rows(values, 2);
        assertThat(values).containsExactly(0.5f, 0.5f, 0.5f, 0.5f);
    }
}
