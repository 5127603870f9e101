package org.quern.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.OpLoop;
import org.quern.backend.StepContext;
import org.quern.backend.Usable;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.backend.reference.ReferenceExecutor;
import org.quern.data.Dataset;
import org.quern.model.Activation;
import org.quern.plan.Op;
import org.quern.plan.Slice;

/**
 * Analytic gradients against differences, float32 against float64, and whether errors would be
 * seen.
 */
class GradientCheckTest {

    @ParameterizedTest
    @MethodSource("networks")
    void gradientsAreThoseOfTheLoss(GradientCheck.Network network) {
        for (GradientCheck.Result result : GradientCheck.check(network.plan(), 400)) {
            assertThat(result).as(result.detail()).matches(GradientCheck.Result::passed);
            assertThat(result.checked()).isGreaterThan(result.skipped());
        }
    }

    @ParameterizedTest
    @MethodSource("networksOnBackends")
    void everyOpOfAStepAgreesWithTheReference(GradientCheck.Network network, Backend backend) {
        Backend.Options options = Backend.Options.DEFAULT;
        if (!backend.onHost()) {
            options = options.with(Backend.Gemm.OWN); // those of cuBLAS are CublasTest's
        }
        try (Executor executor = backend.open(network.plan(), options)) {
            for (double density : new double[] {0.25, 0.9}) { // sparse rows, and dense ones
                Dataset data = GradientCheck.data(network.plan(), density);
                for (long step : new long[] {0, 1, 5}) {
                    assertThat(ReferenceCheck.ofStep(executor, data, 3, step)).isEmpty();
                }
            }
        }
    }

    /** An executor on the reference's arena that gets one thing wrong. */
    private static final class Mutant extends OpLoop {
        private final ReferenceExecutor reference;
        private final Mutation mutation;

        Mutant(ReferenceExecutor reference, Mutation mutation) {
            super(reference.plan());
            this.reference = reference;
            this.mutation = mutation;
        }

        @Override
        public DeviceDataset upload(org.quern.data.Dataset data) {
            return reference.upload(data);
        }

        @Override
        public void run(Op op, DeviceDataset data, StepContext pass) {
            reference.run(op, data, pass);
            mutation.after(op, reference.arena(), pass);
        }

        @Override
        public String device() {
            return "mutant";
        }

        @Override
        public void write(Slice slice, float[] source, int from) {
            reference.write(slice, source, from);
        }

        @Override
        public void read(Slice slice, float[] target, int to) {
            reference.read(slice, target, to);
        }

        @Override
        public void close() {
            reference.close();
        }
    }

    /** Something done to the arena after each op. */
    @FunctionalInterface
    interface Mutation {
        void after(Op op, double[] arena, StepContext pass);
    }

    /** A mutation of gradients, and on which kind of network it must be noticed. */
    record Named(String name, Mutation mutation, ToDoubleFunction<GradientCheck.Network> concerns) {
        @Override
        public String toString() {
            return name;
        }
    }

    @ParameterizedTest
    @MethodSource("mutations")
    void aPlantedErrorIsCaught(Named named) {
        int networks = 0;
        for (GradientCheck.Network network : GradientCheck.networks()) {
            if (named.concerns().applyAsDouble(network) > 0) {
                networks++;
                assertThat(passes(network, named.mutation()))
                        .as("%s on %s", named, network)
                        .isFalse();
            }
        }
        assertThat(networks).isPositive();
    }

    @ParameterizedTest
    @MethodSource("networks")
    void withoutAnErrorTheMutantPasses(GradientCheck.Network network) {
        assertThat(passes(network, (op, arena, pass) -> {})).isTrue();
    }

    private static boolean passes(GradientCheck.Network network, Mutation mutation) {
        try (ReferenceExecutor reference = ReferenceBackend.executor(network.plan())) {
            OpLoop mutant = new Mutant(reference, mutation);
            return new GradientCheck(reference, mutant)
                    .results(400).stream().allMatch(GradientCheck.Result::passed);
        }
    }

    static Stream<Named> mutations() {
        List<Named> all = new ArrayList<>();
        // a single input may well be 0, and its weight's gradient with it
        all.add(
                scaled(
                        "weight gradient",
                        Op.DenseBackwardWeights.class,
                        0,
                        n -> n.plan().inputSize() > 1 ? 1 : 0));
        all.add(scaled("bias gradient", Op.DenseBackwardWeights.class, 1, n -> 1));
        all.add(
                scaled(
                        "gradient of cross-entropy",
                        Op.CrossEntropy.class,
                        1,
                        n -> has(n, Op.CrossEntropy.class) && n.plan().outputSize() > 1 ? 1 : 0));
        all.add(
                scaled(
                        "gradient of squared error",
                        Op.ElementwiseLoss.class,
                        1,
                        n -> has(n, Op.ElementwiseLoss.class) ? 1 : 0));
        for (Activation activation : Activation.values()) {
            all.add(
                    new Named(
                            "derivative of " + activation.text() + " 1 % too large",
                            (op, arena, pass) -> {
                                if (op instanceof Op.DenseBackwardInput o
                                        && o.activation() == activation) {
                                    scale(arena, o.dx(), pass.rows());
                                }
                            },
                            n -> through(n, activation) ? 1 : 0));
        }
        all.add(
                new Named(
                        "dropout's mask shifted in the backward pass",
                        (op, arena, pass) -> {
                            if (op instanceof Op.DenseBackwardInput o && pass.drops(o.mask())) {
                                shift(arena, o.dx(), pass.rows());
                            }
                        },
                        n -> dropsInside(n) ? 1 : 0));
        all.add(
                new Named(
                        "mean over the full batch instead of the short one",
                        (op, arena, pass) -> {
                            if (op instanceof Op.CrossEntropy o) {
                                double wrong = (double) pass.rows() / o.gradient().rows();
                                multiply(arena, o.gradient(), pass.rows(), wrong);
                            }
                        },
                        n ->
                                has(n, Op.CrossEntropy.class)
                                                && n.plan().outputSize() > 1
                                                && n.plan().batch() / 2 + 1 < n.plan().batch()
                                        ? 1
                                        : 0));
        all.add(
                new Named(
                        "one element of one weight gradient 1 % too large",
                        (op, arena, pass) -> {
                            if (op instanceof Op.DenseBackwardWeights o) {
                                arena[largest(arena, o.dw())] *= 1.01;
                            }
                        },
                        n ->
                                n.plan().dense().get(0).weights().size() < 400
                                                && n.plan().outputSize() > 1
                                        ? 1
                                        : 0));
        return all.stream();
    }

    private static Named scaled(
            String name,
            Class<? extends Op> kind,
            int output,
            ToDoubleFunction<GradientCheck.Network> concerns) {
        return new Named(
                name + " 1 % too large",
                (op, arena, pass) -> {
                    if (kind.isInstance(op)) {
                        Slice slice = op.outputs().get(output);
                        boolean weights = op instanceof Op.DenseBackwardWeights;
                        scale(arena, slice, weights ? slice.rows() : pass.rows());
                    }
                },
                n ->
                        n.plan().outputSize() > 1 || !n.plan().loss().classifies()
                                ? concerns.applyAsDouble(n)
                                : 0);
    }

    private static void scale(double[] arena, Slice slice, int rows) {
        multiply(arena, slice, rows, 1.01);
    }

    private static void multiply(double[] arena, Slice slice, int rows, double factor) {
        for (int i = 0; i < rows * slice.columns(); i++) {
            arena[(int) slice.offset() + i] *= factor;
        }
    }

    private static void shift(double[] arena, Slice slice, int rows) {
        int size = rows * slice.columns();
        double first = arena[(int) slice.offset()];
        System.arraycopy(arena, (int) slice.offset() + 1, arena, (int) slice.offset(), size - 1);
        arena[(int) slice.offset() + size - 1] = first;
    }

    private static int largest(double[] arena, Slice slice) {
        int best = (int) slice.offset();
        for (int i = best; i < slice.end(); i++) {
            best = Math.abs(arena[i]) > Math.abs(arena[best]) ? i : best;
        }
        return best;
    }

    private static boolean has(GradientCheck.Network network, Class<? extends Op> kind) {
        return network.plan().training().stream().anyMatch(kind::isInstance);
    }

    private static boolean through(GradientCheck.Network network, Activation activation) {
        return network.plan().training().stream()
                .anyMatch(
                        op ->
                                op instanceof Op.DenseBackwardInput o
                                        && o.activation() == activation);
    }

    private static boolean dropsInside(GradientCheck.Network network) {
        return network.plan().training().stream()
                .anyMatch(op -> op instanceof Op.DenseBackwardInput o && o.mask().drops());
    }

    static List<GradientCheck.Network> networks() {
        return GradientCheck.networks();
    }

    static Stream<Arguments> networksOnBackends() {
        return GradientCheck.networks().stream()
                .flatMap(n -> Usable.backends().stream().map(b -> Arguments.of(n, b)));
    }
}
