package org.quern.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.plan.Op;
import org.quern.plan.Slice;
import org.quern.verify.AwkwardCases;
import org.quern.verify.GradientCheck;
import org.quern.verify.KernelCase;
import org.quern.verify.ReferenceCheck;

/**
 * Would the kernel cases notice a wrong kernel? Errors are planted in an executor that is right.
 */
class PlantedErrorTest {

    /** An output of a kind of op, scaled by 1.01. */
    record Planted(Class<? extends Op> kind, int output) {
        @Override
        public String toString() {
            return kind.getSimpleName() + " output " + output;
        }
    }

    static Stream<Planted> outputs() {
        List<Planted> all = new ArrayList<>();
        for (Class<?> kind : Op.class.getPermittedSubclasses()) {
            Class<? extends Op> op = kind.asSubclass(Op.class);
            int outputs =
                    AwkwardCases.all().stream()
                            .filter(c -> op.isInstance(c.op()))
                            .mapToInt(c -> c.op().outputs().size())
                            .max()
                            .orElseThrow();
            for (int i = 0; i < Math.max(1, outputs); i++) {
                all.add(new Planted(op, i));
            }
        }
        return all.stream();
    }

    @ParameterizedTest
    @MethodSource("outputs")
    void onePercentIsCaughtInEveryOutputOfEveryOp(Planted planted) {
        int concerned = 0;
        for (KernelCase c : AwkwardCases.all()) {
            if (planted.kind().isInstance(c.op()) && canChange(c, planted)) {
                concerned++;
                assertThat(check(c, planted)).as("%s in %s", planted, c).isPresent();
            }
        }
        assertThat(concerned).isPositive();
    }

    /** Whether an output has a value that is not 0, which 1 % would change. */
    private static boolean canChange(KernelCase c, Planted planted) {
        if (c.op() instanceof Op.Metrics) {
            return true;
        }
        if (planted.output() >= c.op().outputs().size()) {
            return false;
        }
        Slice slice = c.op().outputs().get(planted.output());
        try (Executor right = new ReferenceBackend().open(c.plan(), Backend.Options.DEFAULT)) {
            float[] inputs = c.inputs();
            right.write(new Slice("arena", 0, 1, inputs.length), inputs, 0);
            c.run(right, c.steps());
            float[] values = new float[(int) slice.size()];
            right.read(slice, values, 0);
            for (float value : values) {
                if (value != 0 && !Float.isNaN(value)) { // NaN: poison beyond the pass's rows
                    return true;
                }
            }
            return false;
        }
    }

    private static Optional<String> check(KernelCase c, Planted planted) {
        try (Executor executor =
                scaled(new ReferenceBackend().open(c.plan(), Backend.Options.DEFAULT), planted)) {
            return c.check(executor);
        }
    }

    private static Executor scaled(Executor right, Planted planted) {
        return new Wrapped(right) {
            @Override
            public void run(Op op, DeviceDataset data, StepContext pass) {
                inner.run(op, data, pass);
                if (!planted.kind().isInstance(op)) {
                    return;
                }
                if (op instanceof Op.Metrics) {
                    pass.log(loss(op, inner, pass) * 1.01f, -1);
                } else if (planted.output() < op.outputs().size()) {
                    scale(inner, op.outputs().get(planted.output()));
                }
            }
        };
    }

    private static float loss(Op op, Executor executor, StepContext pass) {
        Slice losses = ((Op.Metrics) op).loss();
        float[] values = new float[losses.rows()];
        executor.read(losses, values, 0);
        float sum = 0;
        for (int b = 0; b < pass.rows(); b++) {
            sum += values[b];
        }
        return sum;
    }

    private static void scale(Executor executor, Slice slice) {
        float[] values = new float[(int) slice.size()];
        executor.read(slice, values, 0);
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.isNaN(values[i]) ? values[i] : values[i] * 1.01f;
        }
        executor.write(slice, values, 0);
    }

    @ParameterizedTest
    @MethodSource("suite")
    void onePercentIsCaughtInTheUpdateOfAWholeStep(GradientCheck.Network network) {
        Planted update = new Planted(Op.Update.class, 0);
        try (Executor executor =
                scaled(
                        new ReferenceBackend().open(network.plan(), Backend.Options.DEFAULT),
                        update)) {
            assertThat(ReferenceCheck.ofStep(executor, GradientCheck.data(network.plan()), 3, 0))
                    .isNotEmpty();
        }
    }

    static List<GradientCheck.Network> suite() {
        return GradientCheck.networks();
    }
}
