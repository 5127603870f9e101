package org.quern.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.quern.backend.DeviceDataset;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.backend.Words;
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
import org.quern.random.Philox;
import org.quern.train.TrainingConfig;
import org.quern.verify.AwkwardCases;
import org.quern.verify.KernelCase;

/**
 * What is special to the cpu backend: instruction sets, threads, the matrix product, memory of its
 * own.
 */
@Tag("jdk")
class CpuExecutorTest {
    private static final Dataset DIGITS = Digits.generate("digits", 700, 0, 1);

    @BeforeAll
    static void needsTheLibrary() {
        Usable.named("cpu");
    }

    private static List<Integer> instructionSets() {
        List<Integer> sets = new ArrayList<>();
        for (int isa = 1; isa <= 3; isa++) {
            if (Native.instructionSet(isa) != null) {
                sets.add(isa);
            }
        }
        return sets;
    }

    @TestFactory
    Stream<DynamicTest> everyInstructionSetPassesEveryCase() {
        return instructionSets().stream()
                .flatMap(
                        isa ->
                                AwkwardCases.all().stream()
                                        .map(
                                                c ->
                                                        DynamicTest.dynamicTest(
                                                                Native.instructionSet(isa)
                                                                        + " "
                                                                        + c.name(),
                                                                () -> check(c, isa))));
    }

    private static void check(KernelCase c, int isa) {
        try (CpuExecutor executor = new CpuExecutor(c.plan(), 3, isa)) {
            assertThat(c.check(executor)).isEmpty();
        }
    }

    private static float[] trained(
            String layers, Scaling scaling, int batch, int threads, int isa) {
        Model model = ModelText.parse(Model.input(28, 28).scaled(scaling), layers);
        Plan plan = TrainingConfig.of(model).withBatch(batch).plan();
        try (CpuExecutor executor = new CpuExecutor(plan, threads, isa);
                DeviceDataset data = executor.upload(DIGITS)) {
            executor.write(plan.state(), plan.initialState(1), 0);
            Steps steps = new Steps(1, 12).select(0, 12, plan.optimizer(), s -> 1e-3);
            executor.train(data, steps);
            float[] state = new float[(int) plan.state().size()];
            executor.read(plan.state(), state, 0);
            return state;
        }
    }

    @Test
    void theNumberOfThreadsChangesNoBit() {
        String layers = "dropout 0.1, dense 301 relu, dropout 0.5, dense 257 gelu, dense 10";
        for (int isa : instructionSets()) {
            for (Scaling scaling : new Scaling[] {Scaling.UNIT, new Scaling(0.01f, -1)}) {
                float[] one = trained(layers, scaling, 127, 1, isa);
                assertThat(trained(layers, scaling, 127, 2, isa)).isEqualTo(one);
                assertThat(trained(layers, scaling, 127, 3, isa)).isEqualTo(one);
            }
        }
    }

    @Test
    void matrixProductsOfAwkwardSizes() {
        int[] sizes = {1, 2, 7, 15, 16, 17, 31, 33, 48, 49, 97, 257};
        for (int isa : instructionSets()) {
            for (int m : sizes) {
                for (int n : sizes) {
                    products(isa, m, n, (m * 31 + n * 17) % 500 + 1);
                }
            }
            products(isa, 300, 100, 800);
        }
    }

    /** X·W, Xᵀ·dY and dY·Wᵀ of a dense layer, X [m × k], W [k × n]. */
    private static void products(int isa, int m, int n, int k) {
        Model model = Model.input(1).dense(k).dense(n);
        Plan plan = Plan.of(model, Loss.MEAN_SQUARED_ERROR, new Optimizer.Sgd(0, 0), m);
        Dataset rows =
                Dataset.ofValues("rows", new int[] {1}, new float[m])
                        .withTargets(new float[m * n], n);
        Steps steps = new Steps(1, 1).select(0, 1, plan.optimizer(), s -> 0);
        StepContext pass = StepContext.training(steps, new Batches(m, m));
        float[] x = drawn(m * k, 1);
        float[] w = drawn(k * n, 2);
        float[] dy = drawn(m * n, 3);
        Plan.DenseSlices layer = plan.dense().get(1);
        try (CpuExecutor executor = new CpuExecutor(plan, 1, isa);
                DeviceDataset data = executor.upload(rows)) {
            executor.write(rows(layer.x(), m), x, 0);
            executor.write(layer.weights(), w, 0);
            for (Op op : plan.training()) {
                if (op instanceof Op.DenseForward o && o.x().equals(layer.x())) {
                    executor.run(op, data, pass);
                    check(isa, x, k, 1, w, n, 1, read(executor, rows(o.y(), m)), m, n, k);
                } else if (op instanceof Op.DenseBackwardInput o) {
                    executor.write(rows(o.dy(), m), dy, 0);
                    executor.run(op, data, pass);
                    check(isa, dy, n, 1, w, 1, n, read(executor, rows(o.dx(), m)), m, k, n);
                } else if (op instanceof Op.DenseBackwardWeights o && o.x().equals(layer.x())) {
                    executor.write(rows(o.dy(), m), dy, 0);
                    executor.run(op, data, pass);
                    check(isa, x, 1, k, dy, n, 1, read(executor, o.dw()), k, n, m);
                }
            }
        }
    }

    private static Slice rows(Slice slice, int rows) {
        return new Slice(slice.name(), slice.offset(), rows, slice.columns());
    }

    private static float[] read(CpuExecutor executor, Slice slice) {
        float[] values = new float[(int) slice.size()];
        executor.read(slice, values, 0);
        return values;
    }

    /** Whether C [m × n] is A·B, whose rows and columns lie some values apart. */
    private static void check(
            int isa,
            float[] a,
            int rowsOfA,
            int columnsOfA,
            float[] b,
            int rowsOfB,
            int columnsOfB,
            float[] c,
            int m,
            int n,
            int k) {
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                double magnitude = 0;
                for (int p = 0; p < k; p++) {
                    double product =
                            (double) a[i * rowsOfA + p * columnsOfA]
                                    * b[p * rowsOfB + j * columnsOfB];
                    sum += product;
                    magnitude += Math.abs(product);
                }
                // the derived bound of org.quern.verify.Bounds
                double allowed = 4 * Math.sqrt(k) * 0x1p-24 * magnitude;
                if (!(Math.abs(c[i * n + j] - sum) <= allowed)) {
                    throw new AssertionError(
                            "%s %dx%dx%d [%d, %d]: %s, expected %s"
                                    .formatted(
                                            Native.instructionSet(isa),
                                            m,
                                            n,
                                            k,
                                            i,
                                            j,
                                            c[i * n + j],
                                            sum));
                }
            }
        }
    }

    @Test
    void aNetworkThatTheLibraryDoesNotKnowIsRefused() {
        Plan plan = TrainingConfig.of(Model.input(28, 28).dense(10)).plan();
        NetDescription known = NetDescription.of(plan, 1);
        Native.close(CpuExecutor.open(known.words(), 0));
        for (int word :
                new int[] {
                    place(known.net(), "LOSS"),
                    place(known.net(), "RULE"),
                    known.net().size() + place(known.layers().get(0), "ACTIVATION")
                }) {
            for (int unknown : new int[] {-1, 77}) {
                long[] words = known.words();
                words[word] = unknown;
                assertThatThrownBy(() -> CpuExecutor.open(words, 0))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("do not know this network's");
            }
        }
    }

    @Test
    void aLibraryOfAnotherVersionIsTold() {
        assertThat(CpuBackend.stale(Words.abi())).isNull();
        assertThat(CpuBackend.stale(Native.abi())).isNull();
        assertThat(CpuBackend.stale(0))
                .isEqualTo("libquern.so is of another version than this jar: build Quern again");
    }

    private static int place(Words words, String name) {
        return words.names().stream().map(n -> n.replaceFirst(":.*", "")).toList().indexOf(name);
    }

    private static float[] drawn(int size, int stream) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = 2 * Philox.unit(Philox.word(5, stream, size, i)) - 1;
        }
        return values;
    }

    @Test
    void sparseAndDenseRowsTrainAlike() {
        // the same values as floats, which have fewer zeros than the sparse form needs once 1 is
        // added
        float[] values = new float[DIGITS.rows() * DIGITS.features()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (DIGITS.pixels()[i] & 0xff) + 1;
        }
        Dataset dense =
                Dataset.ofValues("dense", new int[] {28, 28}, values)
                        .withLabels(DIGITS.labels(), DIGITS.classes());
        Model model = ModelText.parse(Model.input(28, 28), "dense 33 relu, dense 10");
        float[][] losses = new float[2][];
        for (int k = 0; k < 2; k++) {
            Scaling scaling = k == 0 ? Scaling.UNIT : new Scaling(1 / 255f, -1 / 255f);
            Plan plan = TrainingConfig.of(model.scaled(scaling)).plan();
            try (CpuExecutor executor = new CpuExecutor(plan, 1, 0);
                    DeviceDataset data = executor.upload(k == 0 ? DIGITS : dense)) {
                executor.write(plan.state(), plan.initialState(1), 0);
                Steps steps = new Steps(1, 30).select(0, 30, plan.optimizer(), s -> 1e-3);
                executor.train(data, steps);
                losses[k] = steps.losses().clone();
            }
        }
        for (int i = 0; i < 30; i++) {
            assertThat(Math.abs(losses[0][i] / losses[1][i] - 1)).isLessThan(1e-4f);
        }
    }

    /** A thread takes megabytes, whether or not there is ever work for it. */
    @Test
    void thereAreNoMoreThreadsThanThereIsWorkFor() {
        Plan plan = TrainingConfig.of(Model.input(28, 28).dense(48).dense(10)).plan();
        try (CpuExecutor executor = new CpuExecutor(plan, 500, 0);
                CpuExecutor one = new CpuExecutor(plan, 1, 0)) {
            assertThat(executor.device()).endsWith(", 38 threads");
            assertThat(executor.notice()).startsWith("38 of 500 threads: ");
            assertThat(one.device()).endsWith(", 1 thread");
            assertThat(one.notice()).isNull();
        }
    }

    @Test
    void instructionSetsAreKnownByName() {
        assertThat(CpuBackend.number(null)).isZero();
        assertThat(CpuBackend.number("baseline")).isEqualTo(1);
        assertThat(CpuBackend.number("sse9")).isEqualTo(-1);
        Assumptions.assumeTrue(
                System.getProperty("os.arch").equals("amd64"), "other than x86-64 has one set");
        assertThat(Native.instructionSet(1)).isEqualTo("baseline");
        assertThat(Native.instructionSet(4)).isNull();
    }
}
