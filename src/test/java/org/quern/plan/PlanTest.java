package org.quern.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.quern.Tries;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.ModelText;

class PlanTest {
    private static final String TUTORIAL =
            "dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10";

    private static Plan plan(String layers, Optimizer optimizer, int batch) {
        return Plan.of(
                ModelText.parse(Model.input(28, 28), layers), Loss.CROSS_ENTROPY, optimizer, batch);
    }

    @Test
    void opsOfATrainingStepInOrder() {
        List<String> names =
                plan(TUTORIAL, Optimizer.Adam.DEFAULT, 32).training().stream()
                        .map(op -> op.what() + " of " + op.layer())
                        .toList();
        assertThat(names)
                .containsExactly(
                        "input of input",
                        "output of layer 0 (dense 48 relu)",
                        "output of layer 2 (dense 15)",
                        "output of layer 4 (dense 10)",
                        "loss of layer 4 (dense 10)",
                        "weight gradient of layer 4 (dense 10)",
                        "input gradient of layer 4 (dense 10)",
                        "weight gradient of layer 2 (dense 15)",
                        "input gradient of layer 2 (dense 15)",
                        "weight gradient of layer 0 (dense 48 relu)",
                        "metrics of loss",
                        "update of all layers");
    }

    @Test
    void tensorsAreNamedAsInAPyTorchSequential() {
        List<String> names = new ArrayList<>();
        for (Plan.DenseSlices dense : plan(TUTORIAL, Optimizer.Adam.DEFAULT, 32).dense()) {
            names.add(dense.weights().name());
            names.add(dense.bias().name());
        }
        // Linear 0, ReLU 1, Dropout 2, Linear 3, Dropout 4, Linear 5
        assertThat(names)
                .containsExactly("0.weight", "0.bias", "3.weight", "3.bias", "5.weight", "5.bias");
    }

    @Test
    void slicesAreAlignedAndDoNotOverlap() {
        Tries.of(
                60,
                draw ->
                        areAlignedAndDoNotOverlap(
                                draw.from(1, 300),
                                draw.from(1, 40),
                                draw.from(1, 400),
                                draw.of(List.of(Activation.values()))));
    }

    private static void areAlignedAndDoNotOverlap(
            int hidden, int outputs, int batch, Activation activation) {
        Model model = Model.input(33).dense(hidden, activation).dropout(0.5f).dense(outputs);
        Plan plan = Plan.of(model, Loss.CROSS_ENTROPY, Optimizer.Adam.DEFAULT, batch);
        TreeSet<Slice> slices = new TreeSet<>(Comparator.comparingLong(Slice::offset));
        for (Op op : plan.training()) {
            if (!(op instanceof Op.Update)) {
                slices.addAll(op.outputs());
            }
            if (op instanceof Op.Gather o) {
                slices.add(o.targets());
            }
            if (op instanceof Op.DenseForward o) {
                slices.addAll(List.of(o.weights(), o.bias()));
            }
        }
        slices.add(plan.update().moments().get(0));
        slices.add(plan.update().moments().get(1));
        long end = 0;
        for (Slice slice : slices) {
            assertThat(slice.offset() % Plan.ALIGNMENT).isZero();
            assertThat(slice.offset()).isGreaterThanOrEqualTo(end);
            end = slice.end();
        }
        assertThat(end).isLessThanOrEqualTo(plan.arena());
        assertThat(plan.state().size()).isEqualTo(3 * plan.parameters().size());
        assertThat(plan.gradients().size()).isEqualTo(plan.parameters().size());
    }

    @Test
    void momentsFollowTheOptimizer() {
        assertThat(plan("dense 5", new Optimizer.Sgd(0, 0), 1).state().size())
                .isEqualTo(plan("dense 5", new Optimizer.Sgd(0.9, 0), 1).parameters().size());
        assertThat(plan("dense 5", new Optimizer.Sgd(0.9, 0), 1).state().size())
                .isEqualTo(2 * plan("dense 5", new Optimizer.Sgd(0, 0), 1).state().size());
    }

    @Test
    void whatDoesNotFitIsSaid() {
        assertThatThrownBy(() -> plan("dense 10", Optimizer.Adam.DEFAULT, 0))
                .hasMessage("batch 0: a batch has at least 1 row");
        assertThatThrownBy(() -> plan("dense 10 relu", Optimizer.Adam.DEFAULT, 1))
                .hasMessage(
                        "cross-entropy takes logits, but the last layer is \"dense 10 relu\": make it"
                                + " \"dense 10\"");
        assertThatThrownBy(() -> plan("dense 2000000 relu, dense 10", Optimizer.Adam.DEFAULT, 1))
                .hasMessage(
                        "the network needs more than 2³¹ − 1 numbers at batch 1 (moment 0 alone has"
                                + " 1,590,000,016): use a smaller batch or narrower layers");
    }

    @Test
    void stepsFallOnEpochsWithAShortLastBatch() {
        Batches batches = new Batches(70, 32);
        assertThat(batches.stepsPerEpoch()).isEqualTo(3);
        assertThat(batches.rowsAt(1)).isEqualTo(32);
        assertThat(batches.rowsAt(2)).isEqualTo(6);
        assertThat(batches.place(5)).isEqualTo(64);
        assertThat(batches.epoch(5)).isEqualTo(1);
        assertThat(new Batches(64, 32).stepsPerEpoch()).isEqualTo(2);
        assertThat(new Batches(1, 1000).rowsAt(12)).isEqualTo(1);
    }

    @Test
    void initialStateIsUniformWithinTheLimitAndZeroElsewhere() {
        Plan plan = plan(TUTORIAL, Optimizer.Adam.DEFAULT, 32);
        float[] state = plan.initialState(9);
        Slice w = plan.dense().get(0).weights();
        double limit = Math.sqrt(6.0 / (784 + 48));
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < w.size(); i++) {
            float value = state[(int) w.offset() + i];
            assertThat(Math.abs(value)).isLessThanOrEqualTo((float) limit);
            sum += value;
            squares += value * value;
        }
        assertThat(sum / w.size()).isCloseTo(0, within(4 * limit / Math.sqrt(3.0 * w.size())));
        assertThat(squares / w.size()).isCloseTo(limit * limit / 3, within(limit * limit / 100));
        Slice bias = plan.dense().get(0).bias();
        for (long i = bias.offset(); i < bias.end(); i++) {
            assertThat(state[(int) i]).isZero();
        }
        for (int i = (int) plan.parameters().end(); i < state.length; i++) {
            assertThat(state[i]).isZero();
        }
        assertThat(plan.initialState(9)).isEqualTo(state);
        assertThat(plan.initialState(10)).isNotEqualTo(state);
    }

    @Test
    void adamsStepSizeIsTheClosedForm() {
        Optimizer adam = Optimizer.Adam.DEFAULT;
        assertThat(adam.rate(1e-3, 0)).isEqualTo((float) (1e-3 * Math.sqrt(1 - 0.999) / (1 - 0.9)));
        assertThat(adam.rate(1e-3, 1_000_000)).isEqualTo(1e-3f);
        for (long step = 0; step < 20_000; step = step * 3 / 2 + 1) {
            double exact =
                    1e-3
                            * Math.sqrt(1 - StrictMath.pow(0.999, step + 1))
                            / (1 - StrictMath.pow(0.9, step + 1));
            float rate = adam.rate(1e-3, step);
            assertThat(Math.abs(rate - exact)).isLessThanOrEqualTo(Math.ulp(rate));
        }
        assertThat(adam.decay(1e-3)).isEqualTo(1);
        assertThat(new Optimizer.Adam(0.9, 0.999, 1e-7, 0.1).decay(0.01)).isEqualTo(0.999f);
        assertThat(new Optimizer.Sgd(0.9, 0).rate(0.25, 77)).isEqualTo(0.25f);
    }

    @Test
    void optimizersRefuseNonsense() {
        assertThatThrownBy(() -> new Optimizer.Adam(1, 0.9, 1e-7, 0))
                .hasMessage("Adam: beta1 1.0 and beta2 0.9 must be in [0, 1)");
        assertThatThrownBy(() -> new Optimizer.Adam(0.9, 0.9, 0, 0))
                .hasMessage("Adam: epsilon 0.0 must be above 0");
        assertThatThrownBy(() -> new Optimizer.Sgd(-0.1, 0))
                .hasMessage("SGD: momentum -0.1 must be in [0, 1)");
        assertThatThrownBy(() -> new Optimizer.Sgd(0, -1))
                .hasMessage("weight decay -1.0 must be 0 or more");
    }

    @Test
    void aMaskKeepsAboutOneMinusRate() {
        Mask mask = new Mask(0.3f, 7);
        int kept = 0;
        for (int i = 0; i < 100_000; i++) {
            kept += mask.keeps(1, 5, i) ? 1 : 0;
        }
        assertThat(kept / 1e5).isCloseTo(0.7, within(0.006)); // four standard deviations
        assertThat(mask.scale()).isEqualTo(1 / 0.7f);
        assertThat(Integer.toUnsignedLong(new Mask(0.5f, 0).threshold())).isEqualTo(1L << 31);
        assertThat(Mask.NONE.keeps(1, 1, 1)).isTrue();
    }
}
