package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.random.Philox;

/** A class that is rare, and what it counts for. */
class ClassWeightsTest {
    private static final int ROWS = 600;
    private static final List<String> CLASSES = List.of("common", "rare");

    /** One row in ten is rare, and a little larger. */
    private static Dataset rare() {
        float[] values = new float[ROWS];
        int[] labels = new int[ROWS];
        for (int i = 0; i < ROWS; i++) {
            labels[i] = i % 10 == 3 ? 1 : 0;
            values[i] = 2 * Philox.unit(Philox.word(1, 2, 0, i)) - 1 + 0.8f * labels[i];
        }
        return Dataset.ofValues("rows", new int[] {1}, values).withLabels(labels, CLASSES);
    }

    private static TrainingConfig config(Loss loss) {
        return TrainingConfig.of(Model.input(1).dense(2))
                .withLoss(loss)
                .withSchedule(new Schedule.Constant(0.03))
                .withBatch(60);
    }

    private static Evaluation trained(Backend backend, Loss loss, int epochs) {
        try (Trainer trainer = Trainer.open(config(loss), backend, Backend.Options.DEFAULT)) {
            trainer.fit(rare(), rare(), epochs);
            return trainer.evaluate(rare());
        }
    }

    @Test
    void balancedAsScikitLearnDoes() {
        Dataset set = Dataset.ofValues("v", new int[] {1}, new float[6]);
        // sklearn.utils.class_weight.compute_class_weight("balanced", ...) of 0 0 0 0 1 3
        assertThat(set.withLabels(new int[] {0, 0, 0, 0, 1, 3}, List.of("a", "b", "c", "d")))
                .extracting(Dataset::balancedWeights)
                .isEqualTo(List.of(0.5, 2.0, 1.0, 2.0));
    }

    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#backends")
    void balancedWeightsFindTheRareClass(Backend backend) {
        Loss balanced = Loss.crossEntropy(rare().balancedWeights());
        double plain =
                trained(backend, Loss.CROSS_ENTROPY, 30).confusion().scores().get(1).recall();
        double found = trained(backend, balanced, 30).confusion().scores().get(1).recall();
        assertThat(found).isGreaterThan(plain + 0.4);
    }

    /** Without dropout a row of weight 2 is that row twice, but for the mean over the rows. */
    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#backends")
    void theMeanOfABatchIsOverItsRows(Backend backend) {
        Dataset one = Dataset.ofValues("v", new int[] {1}, new float[] {1, 1});
        Dataset set = one.withLabels(new int[] {0, 1}, CLASSES);
        Loss loss = Loss.crossEntropy(List.of(0.5, 4.0));
        TrainingConfig config = config(loss).withBatch(2);
        try (Trainer trainer = Trainer.open(config, backend, Backend.Options.DEFAULT)) {
            float[] logits = trainer.outputs(one);
            double both = Math.log(Math.exp(logits[0]) + Math.exp(logits[1]));
            double expected = (0.5 * (both - logits[0]) + 4 * (both - logits[1])) / 2;
            History history = trainer.fit(set, 1);
            assertThat(history.epochs().get(0).loss()).isCloseTo(expected, within(1e-6));
        }
    }

    /** All weights 1 are no weights, to the last bit. */
    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#backends")
    void weightsOfOneChangeNothing(Backend backend) {
        Evaluation plain = trained(backend, Loss.CROSS_ENTROPY, 2);
        Evaluation ones = trained(backend, Loss.crossEntropy(List.of(1.0, 1.0)), 2);
        assertThat(ones.loss()).isEqualTo(plain.loss());
    }

    @Test
    void weightsThatCannotBe() {
        assertThatThrownBy(() -> Loss.crossEntropy(List.of(1.0, -0.5)))
                .hasMessage("class weights: -0.5 must be 0 or more, and finite");
        assertThatThrownBy(() -> Loss.crossEntropy(List.of(0.0, 0.0)))
                .hasMessage("class weights: all are 0, so there is nothing to learn");
        assertThatThrownBy(() -> config(Loss.crossEntropy(List.of(1.0, 1.0, 1.0))).plan())
                .hasMessage("3 class weights, but the model has 2 outputs");
        assertThatThrownBy(() -> trained(Usable.named("java"), Loss.crossEntropy(List.of(2.0)), 1))
                .hasMessage("rows has 2 classes, but the loss has weights for 1");
    }
}
