package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.random.Philox;

/** Several labels a row, any number of which may be true, and two classes with one output. */
class BinaryTest {
    private static final int ROWS = 403;
    private static final Loss BINARY = Loss.BINARY_CROSS_ENTROPY;

    /** Points of the square from −1 to 1. */
    private static Dataset points() {
        float[] values = new float[2 * ROWS];
        for (int i = 0; i < values.length; i++) {
            values[i] = 2 * Philox.unit(Philox.word(1, 2, 0, i)) - 1;
        }
        return Dataset.ofValues("points", new int[] {2}, values);
    }

    /** Whether a point is right of the middle, above it, and near it. */
    private static Dataset labelled() {
        Dataset points = points();
        float[] targets = new float[3 * ROWS];
        for (int row = 0; row < ROWS; row++) {
            float x = points.value(row, 0);
            float y = points.value(row, 1);
            targets[3 * row] = x > 0 ? 1 : 0;
            targets[3 * row + 1] = y > 0 ? 1 : 0;
            targets[3 * row + 2] = x * x + y * y < 0.4 ? 1 : 0;
        }
        return points.withTargets(targets, 3);
    }

    private static TrainingConfig config(Model model) {
        return TrainingConfig.of(model)
                .withLoss(BINARY)
                .withSchedule(new Schedule.Constant(0.03))
                .withBatch(20);
    }

    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#backends")
    void severalLabelsARow(Backend backend) {
        Dataset set = labelled();
        Model model = Model.input(2).dense(16, Activation.TANH).dense(3);
        Backend.Options options = Backend.Options.DEFAULT;
        try (Trainer trainer = Trainer.open(config(model), backend, options)) {
            History history = trainer.fit(set, set, 30);
            Evaluation evaluation = trainer.evaluate(set);
            EpochResult last = history.epochs().get(29);
            assertThat(evaluation.accuracy()).isGreaterThan(0.97);
            assertThat(evaluation.loss()).isBetween(0.0, 0.1);
            assertThat(last.validationAccuracy()).isEqualTo(evaluation.accuracy());
            // of the steps, of which each changed the weights a little
            assertThat(last.accuracy()).isCloseTo(evaluation.accuracy(), within(0.03));

            float[] parameters = trainer.parameters();
            try (Predictor predictor = new Predictor(model, BINARY, parameters, backend, options)) {
                assertThat(predictor.evaluate(set).loss()).isEqualTo(evaluation.loss());
                float[] probabilities = predictor.predict(set);
                float[] logits = new float[3 * ROWS];
                predictor.outputs(set, logits);
                int right = 0;
                for (int i = 0; i < logits.length; i++) {
                    double p = 1 / (1 + Math.exp(-logits[i]));
                    assertThat(probabilities[i]).isEqualTo((float) p);
                    right += p > 0.5 == (set.targets()[i] == 1) ? 1 : 0;
                }
                assertThat(evaluation.accuracy()).isEqualTo((double) right / logits.length);
            }
        }
    }

    /** The same decisions as two classes that compete: sigmoid(z) is the softmax of (0, z). */
    @Test
    void twoClassesWithOneOutput() {
        float[] logits = {-1e4f, 1e4f, 0, 2.5f};
        Dataset set = Dataset.ofValues("v", new int[] {1}, new float[4]);
        Dataset targets = set.withTargets(new float[] {0, 1, 0, 0}, 1);
        Dataset labels = set.withLabels(new int[] {0, 1, 0, 0}, List.of("no", "yes"));
        float[] both = {0, -1e4f, 0, 1e4f, 0, 0, 0, 2.5f};
        Evaluation one = Evaluation.of(BINARY, logits, targets);
        Evaluation two = Evaluation.of(Loss.CROSS_ENTROPY, both, labels);
        assertThat(one.loss()).isCloseTo(two.loss(), within(1e-15));
        assertThat(one.accuracy()).isEqualTo(two.accuracy()).isEqualTo(0.75);
    }

    @ParameterizedTest
    @CsvSource({"-0.25", "2", "1.0000001"})
    void aTargetThatIsNoProbabilityIsRefused(float target) {
        Dataset set = labelled();
        float[] targets = set.targets().clone();
        targets[3 * 7 + 2] = target;
        Dataset bad = set.withTargets(targets, 3);
        String message =
                "points: row 7, target 2 is %s: binary cross-entropy takes 0, 1 or a probability"
                        + " between";
        Backend java = Usable.named("java");
        TrainingConfig config = config(Model.input(2).dense(3));
        try (Trainer trainer = Trainer.open(config, java, Backend.Options.DEFAULT)) {
            assertThatThrownBy(() -> trainer.fit(bad, 1))
                    .isInstanceOf(QuernException.class)
                    .hasMessage(message.formatted(target));
            assertThatThrownBy(() -> trainer.fit(set, bad, 1))
                    .hasMessage(message.formatted(target));
            assertThatThrownBy(() -> trainer.evaluate(bad)).hasMessage(message.formatted(target));
            assertThatThrownBy(() -> trainer.fit(points(), 1))
                    .hasMessage("points has no targets, which binary cross-entropy needs");
        }
    }

    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#backends")
    void logitsThatAreInfiniteEndTheTraining(Backend backend) {
        TrainingConfig config = config(Model.input(2).scaled(new Scaling(3e38f, 0)).dense(3));
        try (Trainer trainer = Trainer.open(config, backend, Backend.Options.DEFAULT)) {
            assertThatThrownBy(() -> trainer.fit(labelled(), 1))
                    .isInstanceOf(QuernException.class)
                    .hasMessageStartingWith("training diverged at step 0");
        }
    }

    /** More than float32 counts: see the hits of a step. */
    @Test
    void aBatchHasNoMoreDecisionsThanAreCountedExactly() {
        Model model = Model.input(2).dense(1 << 14);
        assertThat(config(model).withBatch(1 << 10).plan().batch()).isEqualTo(1 << 10);
        assertThatThrownBy(() -> config(model).withBatch((1 << 10) + 1).plan())
                .hasMessage(
                        "batch 1025: binary cross-entropy counts at most 2²⁴ outputs of a batch, and"
                                + " these are 16384 a row: use a smaller batch");
    }

    @Test
    void theLastLayerGivesLogits() {
        Model model = Model.input(2).dense(3, Activation.SIGMOID);
        assertThatThrownBy(() -> config(model).plan())
                .hasMessage(
                        "binary cross-entropy takes logits, but the last layer is \"dense 3"
                                + " sigmoid\": make it \"dense 3\"");
    }
}
