package org.quern.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.Unguarded;
import org.quern.backend.Usable;
import org.quern.backend.cuda.CudaBackend;
import org.quern.backend.opencl.OpenclBackend;
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
import org.quern.verify.AwkwardCases;
import org.quern.verify.Expected;
import org.quern.verify.KernelCase;

/** What the GPU backends share, on OpenCL and on CUDA. */
class GpuTest {
    private static final Dataset DIGITS = Digits.generate("digits", 3003, 0, 5);
    private static final Plan PLAN =
            Plan.of(
                    ModelText.parse(
                            Model.input(28, 28).scaled(Scaling.UNIT),
                            "dropout 0.1, dense 33 relu he, dropout 0.3, dense 15 gelu, dense 10"),
                    Loss.CROSS_ENTROPY,
                    Optimizer.Adam.DEFAULT,
                    47);

    static Stream<Backend> gpus() {
        return Stream.of(Usable.named("opencl"), Usable.named("cuda"));
    }

    /** By graph, as streamed data always is, and own products: other ways sum in other orders. */
    private static Backend.Options own(int deviceMemory) {
        return Usable.deviceMemory(deviceMemory).with(Backend.Gemm.OWN).with(Backend.Engine.GRAPH);
    }

    private static Device device(Backend backend) {
        return backend instanceof CudaBackend cuda
                ? cuda.device(Backend.Options.DEFAULT.with(Backend.Gemm.OWN))
                : ((OpenclBackend) backend).device(Backend.Options.DEFAULT);
    }

    /** Devices choose a tile by their size; here every product is computed in each. */
    @Tag("slow")
    @TestFactory
    Stream<DynamicTest> everyProductInEveryTile() {
        List<Backend> backends = gpus().toList();
        return AwkwardCases.all().stream()
                .filter(one -> one.op().isProduct())
                .flatMap(one -> inEveryTile(one, backends));
    }

    private static Stream<DynamicTest> inEveryTile(KernelCase one, List<Backend> backends) {
        Expected expected = new Expected(one);
        List<DynamicTest> tests = new ArrayList<>();
        for (Backend backend : backends) {
            for (Tiling tile : Tiling.values()) {
                tests.add(
                        DynamicTest.dynamicTest(
                                backend.name() + " " + tile + " " + one.name(),
                                () -> check(one, expected, device(backend), tile)));
            }
        }
        return tests.stream();
    }

    private static void check(KernelCase one, Expected expected, Device device, Tiling tile) {
        try (KernelExecutor executor =
                new KernelExecutor(device, one.plan(), (m, n) -> tile, Backend.Options.DEFAULT)) {
            expected.isGivenBy(executor);
        }
    }

    /** The simulator runs blocks and threads in another order at each launch. */
    @Tag("slow")
    @TestFactory
    Stream<DynamicTest> everyCaseGivesTheSameBitsInTwentyOrders() {
        Backend cuda = Usable.named("cuda");
        return AwkwardCases.all().stream()
                .map(one -> DynamicTest.dynamicTest(one.name(), () -> twentyOrders(one, cuda)));
    }

    private static void twentyOrders(KernelCase one, Backend cuda) {
        float[] inputs = one.inputs();
        Slice whole = new Slice("arena", 0, 1, inputs.length);
        int[] first = null;
        try (Executor executor = cuda.open(one.plan(), own(0))) {
            for (int order = 0; order < 20; order++) {
                executor.write(whole, inputs, 0);
                Steps log = one.steps();
                one.run(executor, log);
                float[] after = new float[inputs.length + 2];
                executor.read(whole, after, 0);
                after[inputs.length] = log.losses()[0];
                after[inputs.length + 1] = log.hits()[0];
                int[] bits = new int[after.length];
                Arrays.setAll(bits, i -> Float.floatToRawIntBits(after[i]));
                first = first == null ? bits : first;
                assertThat(bits).as("order %d", order).isEqualTo(first);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("gpus")
    void theInitialStateIsThatOfTheHostToTheBit(Backend backend) {
        for (long seed : new long[] {1, -7, 1L << 40}) {
            try (Executor executor = backend.open(PLAN, Backend.Options.DEFAULT)) {
                executor.write(PLAN.state(), filled((int) PLAN.state().size(), 5), 0);
                executor.initialise(seed);
                assertThat(state(executor)).isEqualTo(PLAN.initialState(seed));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("gpus")
    void findsAValueThatIsNotFinite(Backend backend) {
        try (Executor executor = backend.open(PLAN, Backend.Options.DEFAULT)) {
            executor.initialise(1);
            assertThat(executor.finite(PLAN.state())).isTrue();
            float[] state = state(executor);
            for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
                float[] damaged = state.clone();
                damaged[damaged.length - 1] = bad;
                executor.write(PLAN.state(), damaged, 0);
                assertThat(executor.finite(PLAN.state())).isFalse();
                assertThat(executor.finite(PLAN.parameters())).isTrue();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("gpus")
    void dataThatIsStreamedGivesTheSameBitsAsDataOnTheDevice(Backend backend) {
        Dataset regression =
                Dataset.ofValues("values", new int[] {784}, filled(784 * 1001, 0.5f))
                        .withTargets(filled(2 * 1001, 1), 2);
        Plan other =
                Plan.of(
                        ModelText.parse(Model.input(784), "dense 5 tanh, dense 2"),
                        Loss.MEAN_SQUARED_ERROR,
                        new Optimizer.Sgd(0.9, 0),
                        300);
        for (boolean pixels : new boolean[] {true, false}) {
            Plan plan = pixels ? PLAN : other;
            Dataset data = pixels ? DIGITS : regression;
            float[][] states = new float[2][];
            float[][] losses = new float[2][];
            float[][] outputs = new float[2][];
            for (int streamed = 0; streamed < 2; streamed++) {
                // passes of other lengths may be computed in other ways, where there are several
                Backend.Options options = own(streamed).with(Backend.Gemm.OWN);
                try (Executor executor = backend.open(plan, options);
                        DeviceDataset resident = executor.upload(data)) {
                    assertThat(((DeviceData) Unguarded.of(resident)).chunk > 0)
                            .isEqualTo(streamed == 1);
                    executor.initialise(3);
                    int count = pixels ? 90 : 9; // more than an epoch, from the middle of one
                    Steps steps = new Steps(3, count).select(5, count, plan.optimizer(), s -> 1e-3);
                    executor.train(resident, steps);
                    losses[streamed] = steps.losses().clone();
                    states[streamed] = state(executor);
                    outputs[streamed] = new float[700 * plan.outputSize()];
                    executor.infer(resident, 111, 700, outputs[streamed]);
                }
            }
            assertThat(losses[1]).isEqualTo(losses[0]);
            assertThat(states[1]).isEqualTo(states[0]);
            assertThat(outputs[1]).isEqualTo(outputs[0]);
        }
    }

    /** A longer run makes larger tables: what other data sets had prepared must not be used. */
    @ParameterizedTest
    @MethodSource("gpus")
    void aDataSetOutlivesTheTablesThatItWasFirstUsedWith(Backend backend) {
        float[] before = new float[10 * 20];
        float[] after = new float[10 * 20];
        try (Executor executor = backend.open(PLAN, own(0));
                DeviceDataset first = executor.upload(DIGITS);
                DeviceDataset second = executor.upload(DIGITS)) {
            executor.initialise(1);
            executor.infer(first, 5, 20, before);
            Steps none = new Steps(1, 5000).select(0, 1, PLAN.optimizer(), s -> 0);
            float[] state = state(executor);
            executor.train(second, none);
            executor.write(PLAN.state(), state, 0);
            executor.infer(first, 5, 20, after);
        }
        assertThat(after).isEqualTo(before);
    }

    @Test
    void progressIsToldWhileTheDeviceGoesOn() {
        Backend cuda = Usable.named("cuda");
        try (Executor executor = cuda.open(PLAN, own(0));
                DeviceDataset data = executor.upload(DIGITS)) {
            assertThat(executor.reportsProgress()).isTrue();
            executor.initialise(2);
            Steps expected = new Steps(2, 150).select(0, 150, PLAN.optimizer(), s -> 1e-3);
            executor.train(data, expected);
            executor.initialise(2);
            Steps steps = new Steps(2, 150).select(0, 150, PLAN.optimizer(), s -> 1e-3);
            List<Integer> told = new ArrayList<>();
            steps.observe(
                    done -> {
                        told.add(done);
                        assertThat(Arrays.copyOf(steps.losses(), done))
                                .isEqualTo(Arrays.copyOf(expected.losses(), done));
                    });
            executor.train(data, steps);
            assertThat(told).isNotEmpty().isSorted().allMatch(done -> done > 0 && done <= 150);
            assertThat(steps.losses()).isEqualTo(expected.losses());
        }
    }

    @ParameterizedTest
    @MethodSource("gpus")
    void aRunGoesOnOnAnotherBackend(Backend backend) {
        float[] expected = losses(new ReferenceBackend(), null, 0, 60);
        float[][] state = new float[1][];
        float[] begun = losses(backend, state, 0, 30);
        for (Backend other : Usable.backends()) {
            float[] rest = losses(other, state.clone(), 30, 30);
            for (int i = 0; i < 60; i++) {
                float got = i < 30 ? begun[i] : rest[i - 30];
                assertThat(Math.abs(got - expected[i]) / expected[i])
                        .as("step %d on %s", i, i < 30 ? backend.name() : other.name())
                        .isLessThan(1e-4f);
            }
        }
    }

    /**
     * Runs some steps from the state that is given, or from the start, and leaves its end there.
     */
    private static float[] losses(Backend backend, float[][] state, long first, int count) {
        try (Executor executor = backend.open(PLAN, Backend.Options.DEFAULT);
                DeviceDataset data = executor.upload(DIGITS)) {
            if (first == 0) {
                executor.initialise(9);
            } else {
                executor.write(PLAN.state(), state[0], 0);
                assertThat(state(executor)).isEqualTo(state[0]);
            }
            Steps steps = new Steps(9, count).select(first, count, PLAN.optimizer(), s -> 1e-3);
            executor.train(data, steps);
            if (state != null) {
                state[0] = state(executor);
            }
            return steps.losses();
        }
    }

    @ParameterizedTest
    @MethodSource("gpus")
    void aNetworkThatDoesNotFitIsToldWithTheBatchThatWould(Backend backend) {
        Plan huge =
                Plan.of(
                        ModelText.parse(Model.input(784), "dense 4000 relu, dense 10"),
                        Loss.CROSS_ENTROPY,
                        Optimizer.Adam.DEFAULT,
                        170_000);
        long free;
        try (Device device = device(backend)) {
            free = device.free();
        }
        Assumptions.assumeTrue(free < 4 * huge.arena(), "this device is too large to be filled");
        assertThatThrownBy(() -> backend.open(huge, Backend.Options.DEFAULT))
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> {
                            assertThat(e.kind()).isEqualTo(QuernException.Kind.DEVICE);
                            assertThat(e.getMessage())
                                    .matches(
                                            "out of memory on .*: the network at batch 170000 needs"
                                                    + " 5,760 MiB \\(36 MiB of it for 3,180,016"
                                                    + " parameters and their moments\\), and"
                                                    + " [0-9,]+ MiB are free: batch [0-9,]+ would"
                                                    + " fit");
                        });
    }

    private static float[] filled(int size, float scale) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) Math.sin(i) * scale;
        }
        return values;
    }

    private static float[] state(Executor executor) {
        float[] state = new float[(int) executor.plan().state().size()];
        executor.read(executor.plan().state(), state, 0);
        return state;
    }
}
