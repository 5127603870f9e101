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
        assertThat(matrix.scores().get(2).f1()).isNaN(); // 0/0
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
        assertThat(evaluation.mae()).isEqualTo((1 + 3) / 4.0);
        // the mean is 3, the spread 4 + 1 + 0 + 9
        assertThat(evaluation.r2()).isCloseTo(1 - 10 / 14.0, within(1e-15));
        assertThat(evaluation.confusion()).isNull();
        Dataset equal = set.withTargets(new float[] {2, 2, 2, 2}, 1);
        assertThat(Evaluation.of(Loss.MEAN_SQUARED_ERROR, new float[4], equal).r2()).isZero();
    }

    private static Evaluation ofNumbers(List<String> names, float[] outputs, float... targets) {
        int rows = targets.length / names.size();
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[rows]).withTargets(targets, names);
        return Evaluation.of(Loss.MEAN_SQUARED_ERROR, outputs, set);
    }

    @Test
    void eachOutputHasItsOwnScoresAndTheMeansArePlain() {
        Evaluation evaluation =
                ofNumbers(
                        List.of("price", "rooms"),
                        new float[] {1, 20, 1, 20, 3, 20, 9, 20},
                        1,
                        10,
                        2,
                        20,
                        3,
                        30,
                        6,
                        20);
        RegressionScore price = evaluation.numbers().get(0);
        assertThat(price.name()).isEqualTo("price");
        assertThat(price.rmse()).isCloseTo(Math.sqrt(10 / 4.0), within(1e-15));
        assertThat(price.baseline()).isCloseTo(Math.sqrt(14 / 4.0), within(1e-15));
        assertThat(price.mae()).isEqualTo(1);
        RegressionScore rooms = evaluation.numbers().get(1);
        assertThat(rooms.rmse())
                .isCloseTo(Math.sqrt(50), within(1e-14))
                .isEqualTo(rooms.baseline());
        assertThat(rooms.r2()).isZero(); // it says the mean
        assertThat(evaluation.r2()).isCloseTo((1 - 10 / 14.0) / 2, within(1e-15));
        assertThat(evaluation.rmse()).isEqualTo((price.rmse() + rooms.rmse()) / 2);
        assertThat(evaluation.baselineRmse()).isEqualTo((price.baseline() + rooms.baseline()) / 2);
        assertThat(evaluation.mae()).isEqualTo((1 + 5) / 2.0);
        assertThat(evaluation.score()).isEqualTo(evaluation.r2());
        assertThat(evaluation.accuracy()).isNaN();
    }

    @Test
    void outputsWithoutNamesAreNumbered() {
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[2])
                        .withTargets(new float[] {1, 2, 3, 4}, 2);
        assertThat(Evaluation.of(Loss.MEAN_SQUARED_ERROR, new float[4], set).numbers())
                .extracting(RegressionScore::name)
                .containsExactly("0", "1");
    }

    /** scikit-learn's r2_score: 1 if constant targets are met, else 0. */
    @Test
    void targetsThatAreAllEqual() {
        float[] equal = {0.1f, 0.1f, 0.1f};
        Evaluation met = ofNumbers(List.of("y"), equal.clone(), equal);
        assertThat(met.r2()).isEqualTo(1);
        assertThat(met.baselineRmse()).isZero();
        Evaluation missed = ofNumbers(List.of("y"), new float[] {0.1f, 0.1f, 0.2f}, equal);
        assertThat(missed.r2()).isZero();
        assertThat(missed.baselineRmse()).isZero();
        assertThat(ofNumbers(List.of("y"), new float[] {2}, 1).r2()).isZero();
    }

    /** Sizes at which float32, or squares summed without the mean, would say something else. */
    @ParameterizedTest
    @ValueSource(floats = {1, 1e-30f, 1e30f, 1e-37f, 1e37f})
    void hugeAndTinyNumbers(float unit) {
        float[] targets = {unit, 2 * unit, 3 * unit, 6 * unit};
        float[] outputs = {unit, unit, 3 * unit, 9 * unit};
        RegressionScore score = ofNumbers(List.of("y"), outputs, targets).numbers().get(0);
        assertThat(score.rmse() / unit).isCloseTo(Math.sqrt(2.5), within(1e-6));
        assertThat(score.baseline() / unit).isCloseTo(Math.sqrt(3.5), within(1e-6));
        assertThat(score.mae() / unit).isCloseTo(1, within(1e-6));
        assertThat(score.r2()).isCloseTo(1 - 10 / 14.0, within(1e-6));
    }

    @Test
    void aSmallDeviationFarFromZero() {
        float far = 1 << 24; // the last float with a whole number beside it
        RegressionScore score =
                ofNumbers(
                                List.of("seconds"),
                                new float[] {far, far, far - 2, far - 6},
                                far,
                                far - 1,
                                far - 2,
                                far - 3)
                        .numbers()
                        .get(0);
        assertThat(score.baseline()).isCloseTo(Math.sqrt(1.25), within(1e-12));
        assertThat(score.r2()).isCloseTo(1 - 10 / 5.0, within(1e-12));
    }

    @Test
    void scoresOfClassesByHand() {
        // b is predicted and has no rows, c has rows and is never predicted, d is in neither
        ConfusionMatrix matrix =
                ConfusionMatrix.of(
                        List.of("a", "b", "c", "d"),
                        new int[] {0, 0, 0, 0, 2},
                        new int[] {0, 0, 0, 1, 0});
        List<ConfusionMatrix.ClassScore> scores = matrix.scores();
        assertThat(scores.get(0).precision()).isEqualTo(0.75);
        assertThat(scores.get(0).recall()).isEqualTo(0.75);
        assertThat(scores.get(0).f1()).isEqualTo(0.75);
        assertThat(scores.get(1).precision()).isZero();
        assertThat(scores.get(1).recall()).isNaN();
        assertThat(scores.get(1).f1()).isZero();
        assertThat(scores.get(2).precision()).isNaN();
        assertThat(scores.get(2).recall()).isZero();
        assertThat(scores.get(2).f1()).isZero();
        assertThat(scores.get(3).precision()).isNaN();
        assertThat(scores.get(3).recall()).isNaN();
        assertThat(scores.get(3).f1()).isNaN();
        // scikit-learn: f1_score takes the classes in truth or prediction, balanced_accuracy_score
        // those in truth
        assertThat(matrix.macroF1()).isEqualTo((0.75 + 0 + 0) / 3);
        assertThat(matrix.balancedAccuracy()).isEqualTo((0.75 + 0) / 2);
        assertThat(matrix.baseline()).isEqualTo(new ConfusionMatrix.Baseline("a", 0.8));
    }

    @Test
    void theFirstOfEqualClassesIsTheBaseline() {
        ConfusionMatrix matrix =
                ConfusionMatrix.of(
                        List.of("a", "b", "c"), new int[] {2, 1, 2, 1}, new int[] {0, 0, 0, 0});
        assertThat(matrix.baseline()).isEqualTo(new ConfusionMatrix.Baseline("b", 0.5));
    }

    /** The second class is the one to find, by how far its logit is above the other. */
    @Test
    void twoClassesAreRankedAndMoreAreNot() {
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[4])
                        .withLabels(new int[] {0, 1, 1, 0}, List.of("ok", "bad"));
        // margins -1, 900, 800, 800: as probabilities the last three would all be 1
        float[] logits = {1, 0, -400, 500, 0, 800, 5, 805};
        Ranking ranking = Evaluation.of(Loss.CROSS_ENTROPY, logits, set).ranking();
        assertThat(ranking.positive()).isEqualTo("bad");
        assertThat(ranking.truePositives()).containsExactly(1, 2, 2);
        assertThat(ranking.falsePositives()).containsExactly(0, 1, 2);
        assertThat(Evaluation.of(Loss.CROSS_ENTROPY, new float[12], set).ranking()).isNull();
    }

    /** Yes is a logit above 0 and a target above a half. */
    @Test
    void labelsByHand() {
        float[] targets = {1, 0, 0, /**/ 1, 1, 0, /**/ 0, 0.6f, 0, /**/ 0, 0, 0};
        float[] logits = {2, -1, -1, /**/ -1, 3, -1, /**/ 1, 1, -1, /**/ -2, 2, -1};
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[4])
                        .withTargets(targets, List.of("a", "b", "c"));
        Evaluation evaluation = Evaluation.of(Loss.BINARY_CROSS_ENTROPY, logits, set);
        Labels labels = evaluation.labels();
        // a: 1 of 2 told found is right, 1 of 2 found, in order 2>1, 2>-2, -1>-2 of 4 pairs
        assertThat(labels.scores().get(0))
                .isEqualTo(new Labels.Score("a", 2, 2, 0.5, 0.5, 0.5, 0.75, 0.5 + 0.5 * 2 / 3));
        // b: 3 told, both found; 3>2, 3>-1, 1>-1 of 4 pairs
        Labels.Score b = labels.scores().get(1);
        assertThat(b.precision()).isEqualTo(2 / 3.0);
        assertThat(b.recall()).isEqualTo(1);
        assertThat(b.f1()).isEqualTo(0.8);
        assertThat(b.rocAuc()).isEqualTo(0.75);
        Labels.Score c = labels.scores().get(2);
        assertThat(c.wrong()).isZero();
        assertThat(c.yes()).isZero();
        assertThat(c.f1()).isNaN();
        assertThat(c.rocAuc()).isNaN();
        assertThat(labels.exactMatch()).isEqualTo(0.25); // the first
        assertThat(evaluation.accuracy()).isEqualTo(9 / 12.0).isEqualTo(evaluation.score());
        assertThat(evaluation.baselineAccuracy()).isEqualTo((2 + 2 + 4) / 12.0);
        assertThat(labels.macroF1()).isEqualTo((0.5 + 0.8) / 2);
        assertThat(evaluation.r2()).isNaN();
        assertThat(evaluation.ranking()).isNull();
        Dataset one = set.withTargets(new float[] {1, 0, 1, 0}, List.of("a"));
        float[] few = {1, -1, 2, 0};
        assertThat(Evaluation.of(Loss.BINARY_CROSS_ENTROPY, few, one).ranking().rocAuc())
                .isEqualTo(1);
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
