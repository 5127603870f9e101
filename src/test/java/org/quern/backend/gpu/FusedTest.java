package org.quern.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongToDoubleFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.backend.trace.TraceDevice;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/** Many steps in one launch: the same run as by ops, on every device, whatever the network. */
class FusedTest {
    private static final int STEPS = 50;
    private static final Dataset DIGITS = Digits.generate("digits", 515, 0, 5);
    private static final Dataset VALUES =
            Dataset.ofValues("values", new int[] {13}, waves(13 * 205))
                    .withTargets(waves(3 * 205), 3);

    /** Rows that are no whole number of words. */
    private static final Dataset ODD = odd(63, 130);

    /** Digits, each with 37 targets: whether it is divisible by 2, by 3, and so on up to 38. */
    private static final Dataset SEVERAL = DIGITS.withTargets(several(37), 37);

    private static float[] several(int outputs) {
        float[] targets = new float[DIGITS.rows() * outputs];
        for (int i = 0; i < targets.length; i++) {
            targets[i] = DIGITS.labels()[i / outputs] % (2 + i % outputs) == 0 ? 1 : 0;
        }
        return targets;
    }

    private static Dataset odd(int inputs, int rows) {
        byte[] bytes = new byte[inputs * rows];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (i * 2654435761L >> 16);
        }
        int[] labels = new int[rows];
        for (int i = 0; i < rows; i++) {
            labels[i] = (bytes[inputs * i] & 255) * 3 / 256;
        }
        return Dataset.ofPixels("bytes", new int[] {inputs}, bytes)
                .withLabels(labels, List.of("a", "b", "c"));
    }

    /** A network and what it is trained on. */
    private record Net(
            String layers,
            Scaling scaling,
            Optimizer optimizer,
            int batch,
            Dataset data,
            Loss loss) {
        Net(String layers, Scaling scaling, Optimizer optimizer, int batch, Dataset data) {
            this(
                    layers,
                    scaling,
                    optimizer,
                    batch,
                    data,
                    data.hasLabels() ? Loss.CROSS_ENTROPY : Loss.MEAN_SQUARED_ERROR);
        }

        Plan plan() {
            Model model = ModelText.parse(Model.input(data.shape()).scaled(scaling), layers);
            return Plan.of(model, loss, optimizer, batch);
        }

        @Override
        public String toString() {
            return layers + ", batch " + batch;
        }
    }

    private static final Scaling CENTRED = new Scaling(2 / 255f, -1);

    private static final List<Net> NETS =
            List.of(
                    new Net(
                            "dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10",
                            Scaling.UNIT,
                            Optimizer.Adam.DEFAULT,
                            32,
                            DIGITS),
                    // one layer; a batch of which the last is a single row
                    new Net("dense 10", Scaling.UNIT, new Optimizer.Sgd(0, 0), 257 / 2, DIGITS),
                    // pixels that are dropped out, and, shifted, must be floats for it
                    new Net(
                            "dropout 0.2, dense 33 tanh, dense 31 gelu, dropout 0.5, dense 10",
                            Scaling.UNIT,
                            new Optimizer.Adam(0.9, 0.999, 1e-7, 0.01),
                            47,
                            DIGITS),
                    new Net(
                            "dropout 0.1, dense 17 gelu, dropout 0.9, dense 10",
                            CENTRED,
                            new Optimizer.Sgd(0.9, 0.001),
                            31,
                            DIGITS),
                    new Net(
                            "dense 37 sigmoid, dense 10",
                            CENTRED,
                            Optimizer.Adam.DEFAULT,
                            2,
                            DIGITS),
                    // values and regression; widths that no tile fits
                    new Net(
                            "dense 7 tanh, dropout 0.3, dense 128 relu, dense 1 gelu, dense 3 tanh",
                            new Scaling(1, 0),
                            new Optimizer.Sgd(0.9, 0),
                            33,
                            VALUES),
                    new Net("dense 3", new Scaling(1, 0), Optimizer.Adam.DEFAULT, 1, VALUES),
                    new Net(
                            "dense 19 silu, dropout 0.2, dense 5 silu, dense 3",
                            new Scaling(1, 0),
                            new Optimizer.Lion(0.9, 0.99, 0.1),
                            33,
                            VALUES,
                            Loss.huber(0.25)),
                    // more outputs than lanes of a row
                    new Net(
                            "dense 19 relu, dropout 0.2, dense 37",
                            Scaling.UNIT,
                            Optimizer.Adam.DEFAULT,
                            33,
                            SEVERAL,
                            Loss.BINARY_CROSS_ENTROPY),
                    new Net(
                            "dense 19 relu, dense 3",
                            Scaling.UNIT,
                            Optimizer.Adam.DEFAULT,
                            33,
                            ODD,
                            Loss.crossEntropy(List.of(0.5, 3.0, 1.0))));

    /** For tensor cores: bytes, not shifted. */
    private static final List<Net> BYTE_NETS =
            List.of(
                    NETS.get(0),
                    NETS.get(1),
                    NETS.get(2),
                    // 13 columns of a block, all of the rows that a batch can have, and two
                    new Net(
                            "dense 200 relu, dropout 0.5, dense 3",
                            new Scaling(1 / 64f, 0),
                            new Optimizer.Sgd(0.9, 0.001),
                            128,
                            ODD),
                    new Net(
                            "dense 85 tanh, dense 3",
                            Scaling.UNIT,
                            Optimizer.Adam.DEFAULT,
                            1,
                            ODD));

    /** Those that have kernels of their own. */
    private static final List<Net> SHAPES =
            List.of(
                    NETS.get(0),
                    new Net(
                            "dense 48 relu, dropout 0.3, dense 15 relu, dense 10",
                            Scaling.UNIT,
                            new Optimizer.Sgd(0.9, 0.001),
                            32,
                            DIGITS),
                    new Net("dense 40, dense 10", Scaling.NONE, Optimizer.Adam.DEFAULT, 32, DIGITS),
                    new Net(
                            "dense 40 relu, dropout 0.2, dense 10",
                            Scaling.UNIT,
                            new Optimizer.Sgd(0, 0),
                            32,
                            DIGITS,
                            Loss.crossEntropy(
                                    List.of(0.5, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0))));

    static Stream<Arguments> shapes() {
        return SHAPES.stream().map(Arguments::of);
    }

    static Stream<Arguments> byteNets() {
        return BYTE_NETS.stream().map(Arguments::of);
    }

    static Stream<Arguments> nets() {
        List<Arguments> all = new ArrayList<>();
        for (String backend : List.of("cuda", "opencl")) {
            NETS.forEach(net -> all.add(Arguments.of(backend, net)));
        }
        return all.stream();
    }

    private static float[] waves(int size) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) Math.sin(0.37 * i * (1 + i % 7));
        }
        return values;
    }

    private record Run(float[] losses, int[] hits, float[] state, String engine) {}

    private static Run train(Backend backend, Backend.Engine engine, Net net, int call) {
        return train(backend, engine, net, call, STEPS, step -> 1e-3);
    }

    /** Trains {@code count} steps in calls of {@code call} steps. */
    private static Run train(
            Backend backend,
            Backend.Engine engine,
            Net net,
            int call,
            int count,
            LongToDoubleFunction rate) {
        Plan plan = net.plan();
        Backend.Options options = Backend.Options.DEFAULT;
        if (engine != Backend.Engine.AUTO) {
            options = options.with(engine);
        }
        try (Executor executor = backend.open(plan, options);
                DeviceDataset data = executor.upload(net.data())) {
            if (engine.isFused()) {
                assertThat(executor.engine(net.data())).startsWith("fused into one launch, by ");
                assertThat(executor.engine(net.data()).endsWith(" with tensor cores"))
                        .isEqualTo(engine == Backend.Engine.TENSOR);
            }
            executor.initialise(7);
            Steps steps = new Steps(7, count);
            float[] losses = new float[count];
            int[] hits = new int[count];
            for (int done = 0; done < count; done += call) {
                int now = Math.min(call, count - done);
                executor.train(data, steps.select(done, now, plan.optimizer(), rate));
                System.arraycopy(steps.losses(), 0, losses, done, now);
                System.arraycopy(steps.hits(), 0, hits, done, now);
            }
            float[] state = new float[(int) plan.state().size()];
            executor.read(plan.state(), state, 0);
            return new Run(losses, hits, state, executor.engine(net.data()));
        }
    }

    @Tag("slow")
    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("nets")
    void isTheRunOfTheReferenceAndTheSameBitsTwice(String name, Net net) {
        isTheRunOfTheReference(Usable.named(name), Backend.Engine.FUSED, net);
    }

    @Tag("slow")
    @ParameterizedTest(name = "{0}")
    @MethodSource("byteNets")
    void isTheRunOfTheReferenceWithTensorCores(Net net) {
        isTheRunOfTheReference(Usable.named("cuda"), Backend.Engine.TENSOR, net);
    }

    private static void isTheRunOfTheReference(Backend backend, Backend.Engine engine, Net net) {
        Run expected = train(new ReferenceBackend(), Backend.Engine.AUTO, net, STEPS);
        Run fused = train(backend, engine, net, STEPS);
        for (int i = 0; i < STEPS; i++) {
            assertThat(Math.abs(fused.losses[i] - expected.losses[i]) / expected.losses[i])
                    .as("loss of step %d", i)
                    .isLessThan(1e-4f);
        }
        // whose logits are equal but for rounding, or 0, may be taken for either
        int differ = 0;
        for (int i = 0; i < STEPS; i++) {
            differ += Math.abs(fused.hits[i] - expected.hits[i]);
        }
        assertThat(differ).isLessThanOrEqualTo(1);
        Run inParts = train(backend, engine, net, 19);
        assertThat(inParts.losses).isEqualTo(fused.losses);
        assertThat(inParts.hits).isEqualTo(fused.hits);
        assertThat(inParts.state).isEqualTo(fused.state);
    }

    @Tag("slow")
    @ParameterizedTest(name = "{0}")
    @MethodSource("shapes")
    void aKernelOfItsOwnGivesTheReferencesParametersAndMoments(Net net) {
        Plan plan = net.plan();
        int steps = 18; // the 17th is a short batch
        LongToDoubleFunction rate = step -> 1e-3;
        Backend.Engine auto = Backend.Engine.AUTO;
        Run expected = train(new ReferenceBackend(), auto, net, steps, steps, rate);
        Backend cuda = Usable.named("cuda");
        Run whole = train(cuda, auto, net, steps, steps, rate);
        Run single = train(cuda, auto, net, 1, steps, rate);
        assertThat(whole.engine).contains("the kernel for 784-").doesNotContain("not by");
        assertThat(single.losses).isEqualTo(whole.losses);
        assertThat(single.state).isEqualTo(whole.state);
        assertThat(whole.hits).isEqualTo(expected.hits);
        for (int i = 0; i < steps; i++) {
            assertThat(whole.losses[i])
                    .isCloseTo(expected.losses[i], within(1e-5f * expected.losses[i]));
        }
        int parameters = (int) plan.parameters().size();
        for (int from = 0; from < whole.state.length; from += parameters) {
            float largest = 0;
            float worst = 0;
            for (int i = from; i < from + parameters; i++) {
                largest = Math.max(largest, Math.abs(expected.state[i]));
                worst = Math.max(worst, Math.abs(whole.state[i] - expected.state[i]));
            }
            assertThat(worst).as("of the array from %d on", from).isLessThan(1e-5f * largest);
        }
    }

    /** Halves end at 65504: where a weight or an activation is beyond, another kernel goes on. */
    @Test
    void anotherKernelGoesOnWhereAValueIsTooLargeForHalves() {
        Backend cuda = Usable.named("cuda");
        Net net = SHAPES.get(1);
        Backend.Engine auto = Backend.Engine.AUTO;
        // the update of step 5 makes weights of more than 32
        LongToDoubleFunction rate = step -> step == 5 ? 3e3 : 1e-4;
        Run expected = train(new ReferenceBackend(), auto, net, 9, 12, rate);
        Run got = train(cuda, auto, net, 9, 12, rate);
        assertThat(got.engine)
                .isEqualTo(
                        "fused into one launch, by a cluster of 12 blocks (not by a cluster of 12"
                                + " blocks, the kernel for 784-48-15-10-sgd: a value of step 6 was"
                                + " too large for its products in half precision)");
        for (int i = 0; i < expected.losses.length; i++) {
            assertThat(got.losses[i])
                    .isCloseTo(expected.losses[i], within(1e-3f * expected.losses[i]));
        }
        // what is none ends as it does with any kernel
        Run none = train(cuda, auto, net, 6, 6, step -> step == 2 ? 1e38 : 1e-4);
        assertThat(none.losses[2]).isFinite();
        assertThat(none.losses[5]).isNaN();
    }

    /** Fixed-point numbers have no NaN: what made them must not be lost. */
    @Test
    void numbersThatAreNoneAreSeenWithTensorCores() {
        Backend cuda = Usable.named("cuda");
        Net net = BYTE_NETS.get(0);
        Plan plan = net.plan();
        try (Executor executor =
                        cuda.open(plan, Backend.Options.DEFAULT.with(Backend.Engine.TENSOR));
                DeviceDataset data = executor.upload(net.data())) {
            for (float none : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
                executor.initialise(7);
                float[] parameters = new float[(int) plan.state().size()];
                executor.read(plan.state(), parameters, 0);
                parameters[(int) plan.dense().get(0).weights().offset() + 300 * 48 + 7] = none;
                executor.write(plan.state(), parameters, 0);
                Steps steps = new Steps(7, 2).select(0, 2, plan.optimizer(), s -> 1e-3);
                executor.train(data, steps);
                assertThat(steps.losses()[0]).isNaN();
                executor.read(plan.state(), parameters, 0);
                int other = (int) plan.dense().get(0).weights().offset() + 400 * 48 + 8;
                assertThat(parameters[other]).isNaN(); // from a gradient
            }
        }
    }

    @Test
    void launchByLaunchGivesTheBitsOfTheGraph() {
        for (String name : List.of("cuda", "opencl")) {
            Backend backend = Usable.named(name);
            Run graph = train(backend, Backend.Engine.GRAPH, NETS.get(2), STEPS);
            Run ops = train(backend, Backend.Engine.OPS, NETS.get(2), STEPS);
            assertThat(ops.losses).isEqualTo(graph.losses);
            assertThat(ops.state).isEqualTo(graph.state);
        }
    }

    @Test
    void whatDoesNotFitTakesTheGraphAndSaysWhy() {
        Backend cuda = Usable.named("cuda");
        Scaling unit = Scaling.UNIT;
        Optimizer adam = Optimizer.Adam.DEFAULT;
        refuses(
                cuda,
                new Net("dense 48, dense 10", unit, adam, 129, DIGITS),
                Backend.Options.DEFAULT,
                true,
                "batch 129 is above 128");
        refuses(
                cuda,
                new Net("dense 8, dense 129, dense 10", unit, adam, 32, DIGITS),
                Backend.Options.DEFAULT,
                true,
                "above the first layer, 129 units are more than 128");
        refuses(
                cuda,
                new Net("dense 2, ".repeat(60) + "dense 10", unit, adam, 32, DIGITS),
                Backend.Options.DEFAULT,
                true,
                "61 layers are more than 4[0-9]");
        refuses(
                cuda,
                new Net(
                        "dense 48, dense 10",
                        unit,
                        new Optimizer.Adam(0.9, 0.999, 1e-13, 0),
                        32,
                        DIGITS),
                Backend.Options.DEFAULT,
                true,
                "Adam's epsilon 1.0E-13 is below 1.0E-12");
        refuses(
                cuda,
                new Net("dense 800 relu, dense 10", unit, adam, 32, DIGITS),
                Backend.Options.DEFAULT,
                false, // one block, slow as it is, has all memory
                "a block of a cluster of 16 blocks would need [0-9]{3} KiB of shared memory, and"
                        + " has 227 KiB");
        refuses(
                cuda,
                NETS.get(0),
                Backend.Options.DEFAULT.with(Backend.Precision.TF32),
                true,
                "products are in tf32, and a fused kernel computes in fp32");
        String bytes =
                "tensor cores take rows of bytes that are not shifted, and drop out whole words of"
                        + " them";
        Backend.Options tensor = Backend.Options.DEFAULT.with(Backend.Engine.TENSOR);
        refuses(cuda, NETS.get(4), tensor, false, bytes);
        refuses(cuda, NETS.get(5), tensor, false, bytes);
        Net dropped = new Net("dropout 0.2, dense 20 relu, dense 3", unit, adam, 32, ODD);
        refuses(cuda, dropped, tensor, false, bytes);
        try (Executor executor =
                cuda.open(NETS.get(0).plan(), Backend.Options.DEFAULT.with(Backend.Engine.GRAPH))) {
            assertThat(executor.engine(DIGITS)).isEqualTo("as a graph of launches");
        }
    }

    private static void refuses(
            Backend backend, Net net, Backend.Options options, boolean always, String reason) {
        try (Executor executor = backend.open(net.plan(), options)) {
            assertThat(executor.engine(net.data()))
                    .matches("as a graph of launches \\(not fused: " + reason + "\\)");
        }
        if (!always) {
            return;
        }
        try (Executor executor = backend.open(net.plan(), options.with(Backend.Engine.FUSED));
                DeviceDataset data = executor.upload(net.data())) {
            Steps steps = new Steps(1, 1).select(0, 1, net.optimizer(), s -> 1e-3);
            assertThatThrownBy(() -> executor.train(data, steps))
                    .isInstanceOfSatisfying(
                            QuernException.class,
                            e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.USAGE))
                    .hasMessageMatching(
                            "--engine fused cannot train this network here: "
                                    + reason
                                    + ": leave it to --engine auto");
        }
    }

    @Test
    void dataThatIsStreamedIsNotFused() {
        Net net = NETS.get(0);
        Dataset large = Digits.generate("digits", 3003, 0, 5);
        Backend cuda = Usable.named("cuda");
        Backend.Options little = Usable.deviceMemory(1);
        Steps steps = new Steps(1, 5).select(0, 5, net.optimizer(), s -> 1e-3);
        try (Executor executor = cuda.open(net.plan(), little);
                DeviceDataset data = executor.upload(large)) {
            executor.initialise(1);
            executor.train(data, steps);
            assertThat(steps.losses()[4]).isLessThan(steps.losses()[0]);
        }
        try (Executor executor = cuda.open(net.plan(), little.with(Backend.Engine.FUSED));
                DeviceDataset data = executor.upload(large)) {
            assertThatThrownBy(() -> executor.train(data, steps))
                    .hasMessageContaining("the data does not fit the device's memory");
        }
    }

    /** As {@code share_of} of the kernels divides, by at most so many threads. */
    @Test
    void theInverseOfAWidthDivides() {
        for (int width = 1; width < 70_000; width += width < 1000 ? 1 : 997) {
            int inverse = FusedLayout.inverse(width);
            for (int t = 0; t < Device.THREADS; t++) {
                if (t * inverse >> 16 != t / width) {
                    fail(t + " / " + width);
                }
            }
        }
    }

    /**
     * What a run asks of a device that has a team: launches by the thousand steps, not by the op.
     */
    @Test
    void stepsAreFewLaunches() {
        Plan plan = NETS.get(0).plan();
        TraceDevice device = new TraceDevice(List.of(BlockTeam.ALONE));
        try (Executor executor =
                        new KernelExecutor(
                                device,
                                plan,
                                Tiling.forUnits(1),
                                Backend.Options.DEFAULT.with(Backend.Engine.FUSED));
                DeviceDataset data = executor.upload(DIGITS)) {
            Steps steps = new Steps(1, 20_000);
            // how long a step takes is measured first
            executor.train(data, steps.select(0, 500, plan.optimizer(), s -> 1e-3));
            TraceDevice.Counts before = device.counts();
            executor.train(data, steps.select(500, 20_000, plan.optimizer(), s -> 1e-3));
            TraceDevice.Counts after = device.counts();
            assertThat(after.allLaunches() - before.allLaunches()).isEqualTo(1);
            assertThat(after.copies() - before.copies()).isEqualTo(2);
            assertThat(after.allocations()).isEqualTo(before.allocations());
            assertThat(after.launches().keySet()).containsExactly("fused_train_block");
        }
        assertThat(device.counts().open()).isZero();
    }
}
