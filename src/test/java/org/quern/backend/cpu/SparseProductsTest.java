package org.quern.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;
import org.quern.plan.Slice;
import org.quern.verify.ReferenceCheck;

/**
 * Layers whose inputs, and gradients of whose outputs, ReLU and dropout leave so few values of that
 * the products skip zeros (native/sparse.h): every product, and the updates that take gradients as
 * they are summed, on every instruction set, with widths that no panel fits and batches that no
 * list holds.
 */
class SparseProductsTest {
    private static final Dataset DIGITS = Digits.generate("digits", 1009, 0, 1);
    private static final List<Integer> BATCHES = List.of(16, 33, 127, 509);
    private static final String LAYERS =
            "dense 301 relu, dropout 0.5, dense 257 relu, dropout 0.5, dense 67 relu, dense 64"
                    + " relu, dropout 0.2, dense 10";

    /** What the reference leaves after a step, which is the same for all instruction sets. */
    private static final Map<Plan, float[]> EXPECTED = new HashMap<>();

    private static Plan plan(Optimizer optimizer, int batch) {
        Model model = ModelText.parse(Model.input(28, 28).scaled(Scaling.UNIT), LAYERS);
        return Plan.of(model, Loss.CROSS_ENTROPY, optimizer, batch);
    }

    private static List<Integer> instructionSets() {
        Usable.named("cpu");
        List<Integer> sets = new ArrayList<>();
        for (int isa = 1; isa <= 3; isa++) {
            if (Native.instructionSet(isa) != null) {
                sets.add(isa);
            }
        }
        return sets;
    }

    private static Stream<DynamicTest> everywhere(String what, Check check) {
        return instructionSets().stream()
                .flatMap(
                        isa ->
                                BATCHES.stream()
                                        .map(
                                                batch ->
                                                        DynamicTest.dynamicTest(
                                                                "%s, %s, batch %d"
                                                                        .formatted(
                                                                                what,
                                                                                Native
                                                                                        .instructionSet(
                                                                                                isa),
                                                                                batch),
                                                                () -> check.run(isa, batch))));
    }

    private interface Check {
        void run(int isa, int batch);
    }

    /** Op by op, a full batch and the short one at an epoch's end. */
    @TestFactory
    Stream<DynamicTest> everyProductOfAStepIsRight() {
        return everywhere(
                "ops",
                (isa, batch) -> {
                    Plan plan = plan(Optimizer.Adam.DEFAULT, batch);
                    try (CpuExecutor executor = new CpuExecutor(plan, 2, isa)) {
                        assertThat(ReferenceCheck.ofStep(executor, DIGITS, 1, 0)).isEmpty();
                        long last = DIGITS.rows() / batch;
                        assertThat(ReferenceCheck.ofStep(executor, DIGITS, 1, last)).isEmpty();
                    }
                });
    }

    /** Batches that a list of columns just holds, and just does not. */
    @TestFactory
    Stream<DynamicTest> theLargestBatchesAreRight() {
        Dataset many = Digits.generate("digits", 1030, 0, 1);
        Model model =
                ModelText.parse(
                        Model.input(28, 28).scaled(Scaling.UNIT),
                        "dense 65 relu, dropout 0.5, dense 67 relu, dropout 0.5, dense 10");
        return instructionSets().stream()
                .flatMap(
                        isa ->
                                Stream.of(1024, 1025)
                                        .map(
                                                batch ->
                                                        DynamicTest.dynamicTest(
                                                                Native.instructionSet(isa)
                                                                        + ", batch "
                                                                        + batch,
                                                                () ->
                                                                        update(
                                                                                Plan.of(
                                                                                        model,
                                                                                        Loss
                                                                                                .CROSS_ENTROPY,
                                                                                        new Optimizer
                                                                                                .Sgd(
                                                                                                0,
                                                                                                0),
                                                                                        batch),
                                                                                many,
                                                                                isa))));
    }

    /** What training leaves after a step is what the float64 reference leaves. */
    @TestFactory
    Stream<DynamicTest> everyUpdateOfAStepIsRight() {
        return Stream.of(
                        new Optimizer.Sgd(0, 0.01),
                        new Optimizer.Sgd(0.9, 0),
                        Optimizer.Adam.DEFAULT)
                .flatMap(
                        optimizer ->
                                everywhere(
                                        optimizer.toString(),
                                        (isa, batch) ->
                                                update(plan(optimizer, batch), DIGITS, isa)));
    }

    private static void update(Plan plan, Dataset set, int isa) {
        float[] expected = EXPECTED.computeIfAbsent(plan, of -> reference(of, set));
        float[] got;
        try (CpuExecutor executor = new CpuExecutor(plan, 2, isa)) {
            got = stepped(executor, set);
        }
        // Adam's first step is its rate times the gradient's sign, whatever the gradient: its
        // moments tell
        boolean adam = plan.optimizer() instanceof Optimizer.Adam;
        List<Slice> slices = new ArrayList<>();
        if (!adam) {
            slices.add(plan.parameters());
        }
        for (int i = 0; i < plan.optimizer().moments(); i++) {
            slices.add(plan.update().moments().get(i));
        }
        for (Slice slice : slices) {
            float largest = 0;
            for (int i = (int) slice.offset(); i < slice.end(); i++) {
                largest = Math.max(largest, Math.abs(expected[i]));
            }
            assertThat(largest).isPositive();
            for (int i = (int) slice.offset(); i < slice.end(); i++) {
                if (!(Math.abs(got[i] - expected[i]) <= 2e-6f * largest)) {
                    throw new AssertionError(
                            "value %d of %d: %s, expected %s; the largest is %s"
                                    .formatted(
                                            i - slice.offset(),
                                            slice.size(),
                                            got[i],
                                            expected[i],
                                            largest));
                }
            }
        }
    }

    private static float[] reference(Plan plan, Dataset set) {
        try (Executor reference = new ReferenceBackend().open(plan, Backend.Options.DEFAULT)) {
            return stepped(reference, set);
        }
    }

    private static float[] stepped(Executor executor, Dataset set) {
        Plan plan = executor.plan();
        try (DeviceDataset data = executor.upload(set)) {
            executor.write(plan.state(), plan.initialState(1), 0);
            Steps steps = new Steps(1, 1).select(0, 1, plan.optimizer(), s -> 0.5);
            executor.train(data, steps);
            float[] state = new float[(int) plan.state().size()];
            executor.read(plan.state(), state, 0);
            return state;
        }
    }
}
