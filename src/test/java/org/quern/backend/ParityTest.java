package org.quern.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Batches;
import org.quern.plan.Loss;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/** Whole runs: the same seed is the same run on every backend, but for rounding. */
class ParityTest {
    private static final Dataset DIGITS = Digits.generate("digits", 1003, 0, 5);

    /** For each digit, which of the digits below it are of its parity: several of ten outputs. */
    private static final Dataset SEVERAL = DIGITS.withTargets(several(), 10);

    private static float[] several() {
        float[] targets = new float[10 * DIGITS.rows()];
        for (int i = 0; i < targets.length; i++) {
            int digit = DIGITS.labels()[i / 10];
            targets[i] = i % 10 <= digit && (digit - i % 10) % 2 == 0 ? 1 : 0;
        }
        return targets;
    }

    private static final Loss WEIGHTED =
            Loss.crossEntropy(List.of(1.0, 0.5, 3.0, 0.0, 1.0, 1.0, 10.0, 0.1, 2.0, 1.0));

    private record Net(String layers, Scaling scaling, Optimizer optimizer, int batch, Loss loss) {
        Net(String layers, Scaling scaling, Optimizer optimizer, int batch) {
            this(layers, scaling, optimizer, batch, Loss.CROSS_ENTROPY);
        }

        Plan plan() {
            Model model = ModelText.parse(Model.input(28, 28).scaled(scaling), layers);
            return Plan.of(model, loss, optimizer, batch);
        }

        /** The widest takes a simulated GPU half a second a step. */
        int steps() {
            return batch > 100 ? 12 : 50;
        }

        Dataset data() {
            return loss.classifies() ? DIGITS : SEVERAL;
        }

        @Override
        public String toString() {
            return layers + ", batch " + batch;
        }
    }

    private static final List<Net> NETS =
            List.of(
                    new Net(
                            "dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10",
                            Scaling.UNIT,
                            Optimizer.Adam.DEFAULT,
                            32),
                    new Net(
                            "dropout 0.2, dense 33 tanh, dense 31 gelu, dropout 0.5, dense 10",
                            Scaling.UNIT,
                            new Optimizer.Adam(0.9, 0.999, 1e-7, 0.01),
                            47),
                    new Net(
                            "dense 150 relu he, dense 10",
                            new Scaling(2 / 255f, -1),
                            new Optimizer.Sgd(0.9, 0),
                            257),
                    new Net(
                            "dense 33 silu, dropout 0.2, dense 10",
                            Scaling.UNIT,
                            new Optimizer.Lion(0.9, 0.99, 0.1),
                            47),
                    new Net(
                            "dense 33 relu, dropout 0.2, dense 10",
                            Scaling.UNIT,
                            Optimizer.Adam.DEFAULT,
                            47,
                            Loss.BINARY_CROSS_ENTROPY),
                    new Net(
                            "dense 33 tanh, dense 10",
                            Scaling.UNIT,
                            Optimizer.Adam.DEFAULT,
                            47,
                            WEIGHTED));

    /** What is computed once and compared with more than once. */
    private record Run(String backend, Net net, long seed) {}

    private record Result(float[] losses, float[] state) {}

    private static final String REFERENCE = "reference";
    private static final Map<Run, Result> WHOLE = new HashMap<>();
    private static final Map<Run, Masks> MASKS = new HashMap<>();
    private static final Map<Run, float[]> OUTPUTS = new HashMap<>();

    /** All steps in one run. */
    private static Result whole(String backend, Net net, long seed) {
        return WHOLE.computeIfAbsent(
                new Run(backend, net, seed),
                run -> {
                    try (Executor executor = open(backend, net.plan())) {
                        float[] losses = losses(executor, net, seed, 0, net.steps());
                        return new Result(losses, state(executor));
                    }
                });
    }

    /** The first network with three seeds, the others with one of these in turn. */
    static Stream<Arguments> runs() {
        long[] seeds = {1, 2, -3};
        List<Arguments> runs = new ArrayList<>();
        for (Backend backend : Usable.backends()) {
            for (int i = 0; i < NETS.size(); i++) {
                for (int j = 0; j < (i == 0 ? seeds.length : 1); j++) {
                    runs.add(Arguments.of(backend.name(), NETS.get(i), seeds[(i + j) % 3]));
                }
            }
        }
        return runs.stream();
    }

    @ParameterizedTest(name = "{0}: {1}, seed {2}")
    @MethodSource("runs")
    void lossesOfManyStepsAgreeWithTheReference(String backend, Net net, long seed) {
        float[] expected = whole(REFERENCE, net, seed).losses;
        float[] got = whole(backend, net, seed).losses;
        for (int i = 0; i < net.steps(); i++) {
            assertThat(Math.abs(got[i] - expected[i]) / expected[i])
                    .as("loss of step %d", i)
                    .isLessThan(1e-4f);
        }
    }

    @ParameterizedTest(name = "{0}: {1}, seed {2}")
    @MethodSource("runs")
    void twoRunsAndARunInTwoPartsGiveTheSameBits(String backend, Net net, long seed) {
        Plan plan = net.plan();
        float[] whole = whole(backend, net, seed).losses;
        float[] state = whole(backend, net, seed).state;
        int part = 2 * net.steps() / 5;
        try (Executor first = open(backend, plan);
                Executor second = open(backend, plan)) {
            float[] begun = losses(first, net, seed, 0, part);
            second.write(plan.state(), state(first), 0);
            float[] rest = losses(second, net, seed, part, net.steps() - part);
            assertThat(begun).isEqualTo(Arrays.copyOf(whole, part));
            assertThat(rest).isEqualTo(Arrays.copyOfRange(whole, part, net.steps()));
            assertThat(state(second)).isEqualTo(state);
        }
    }

    @ParameterizedTest(name = "{0}: {1}, seed {2}")
    @MethodSource("runs")
    void batchesAndMasksAreTheSameBits(String backend, Net net, long seed) {
        Masks expected =
                MASKS.computeIfAbsent(
                        new Run(REFERENCE, net, seed), run -> masks(REFERENCE, net, seed));
        Masks got = masks(backend, net, seed);
        assertThat(got.labels).isEqualTo(expected.labels);
        assertThat(got.dropped).isEqualTo(expected.dropped);
    }

    private record Masks(float[] labels, boolean[] dropped) {}

    /** The labels and the dropped outputs of an epoch's last step. */
    private static Masks masks(String backend, Net net, long seed) {
        Plan plan = net.plan();
        long step = new Batches(DIGITS.rows(), net.batch()).stepsPerEpoch() - 1;
        Op gather = plan.training().get(0);
        Op forward = plan.training().get(1);
        Slice targets = ((Op.Gather) gather).targets();
        Slice y = ((Op.DenseForward) forward).y();
        int rows = new Batches(DIGITS.rows(), net.batch()).rowsAt(step);
        try (Executor executor = open(backend, plan);
                DeviceDataset data = executor.upload(net.data())) {
            // weights 0 and biases 1: an output is 0 where it is dropped, and only there
            executor.write(plan.state(), new float[(int) plan.state().size()], 0);
            Slice bias = plan.dense().get(0).bias();
            float[] ones = new float[(int) bias.size()];
            Arrays.fill(ones, 1);
            executor.write(bias, ones, 0);
            Steps steps = new Steps(seed, 1).select(step, 1, plan.optimizer(), s -> 1e-3);
            StepContext pass =
                    StepContext.training(steps, new Batches(DIGITS.rows(), plan.batch()));
            executor.run(gather, data, pass);
            executor.run(forward, data, pass);
            float[] outputs = read(executor, y);
            boolean[] dropped = new boolean[rows * y.columns()];
            for (int i = 0; i < dropped.length; i++) {
                dropped[i] = outputs[i] == 0;
            }
            float[] wanted = Arrays.copyOf(read(executor, targets), rows * targets.columns());
            return new Masks(wanted, dropped);
        }
    }

    @ParameterizedTest(name = "{0}: {1}, seed {2}")
    @MethodSource("runs")
    void inferenceIsTheForwardPassOfTheReference(String backend, Net net, long seed) {
        Plan plan = net.plan();
        int rows = 301;
        float[] resident = new float[rows * 10];
        float[] host = new float[rows * 10];
        int[] indices = new int[rows];
        Arrays.setAll(indices, i -> 7 + i);
        float[] state = plan.initialState(seed);
        float[] expected =
                OUTPUTS.computeIfAbsent(
                        new Run(REFERENCE, net, seed),
                        run -> {
                            float[] outputs = new float[rows * 10];
                            try (Executor reference = open(REFERENCE, plan);
                                    DeviceDataset data = reference.upload(net.data())) {
                                reference.write(plan.state(), state, 0);
                                reference.infer(data, 7, rows, outputs);
                            }
                            return outputs;
                        });
        try (Executor executor = open(backend, plan);
                DeviceDataset data = executor.upload(net.data())) {
            executor.write(plan.state(), state, 0);
            executor.infer(data, 7, rows, resident);
            executor.infer(DIGITS.select(indices), host);
        }
        double[] allowed = ForwardBound.of(plan, state, DIGITS, 7, rows);
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) Math.abs(resident[i] - expected[i]))
                    .as("output %d", i)
                    .isLessThanOrEqualTo(allowed[i]);
        }
        assertThat(host).isEqualTo(resident);
    }

    /** By graph on a device: the fused kernel's runs are FusedTest's. */
    private static Executor open(String name, Plan plan) {
        if (name.equals(REFERENCE)) {
            return new ReferenceBackend().open(plan, Backend.Options.DEFAULT);
        }
        Backend backend = Backends.choose(name).backend();
        Backend.Options options = new Backend.Options(2);
        return backend.open(plan, backend.onHost() ? options : options.with(Backend.Engine.GRAPH));
    }

    private static float[] losses(Executor executor, Net net, long seed, long first, int count) {
        Plan plan = executor.plan();
        if (first == 0) {
            executor.write(plan.state(), plan.initialState(seed), 0);
        }
        Steps steps = new Steps(seed, count).select(first, count, plan.optimizer(), s -> 1e-3);
        try (DeviceDataset data = executor.upload(net.data())) {
            executor.train(data, steps);
        }
        return steps.losses().clone();
    }

    private static float[] state(Executor executor) {
        return read(executor, executor.plan().state());
    }

    private static float[] read(Executor executor, Slice slice) {
        float[] values = new float[(int) slice.size()];
        executor.read(slice, values, 0);
        return values;
    }
}
