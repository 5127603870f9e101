package org.quern.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Initializer;
import org.quern.plan.Plan;
import org.quern.random.Philox;
import org.quern.train.TrainingConfig;
import org.quern.verify.AwkwardCases;
import org.quern.verify.KernelCase;

/**
 * What is special to the cpu backend: instruction sets, threads, the matrix product, memory of its
 * own.
 */
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
            executor.write(plan.state(), Initializer.state(plan, 1), 0);
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
                    product(isa, m, n, (m * 31 + n * 17) % 500 + 1, (m + n) % 2 == 0, m % 2 == 0);
                }
            }
            product(isa, 300, 100, 800, false, true);
        }
    }

    private static void product(int isa, int m, int n, int k, boolean ta, boolean tb) {
        float[] a = drawn(m * k, 1);
        float[] b = drawn(k * n, 2);
        float[] c = new float[m * n];
        java.util.Arrays.fill(c, Float.NaN);
        Native.gemm(isa, m, n, k, a, ta, b, tb, c);
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                double magnitude = 0;
                for (int p = 0; p < k; p++) {
                    double product =
                            (double) a[ta ? p * m + i : i * k + p] * b[tb ? j * k + p : p * n + j];
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
                executor.write(plan.state(), Initializer.state(plan, 1), 0);
                Steps steps = new Steps(1, 30).select(0, 30, plan.optimizer(), s -> 1e-3);
                executor.train(data, steps);
                losses[k] = steps.losses().clone();
            }
        }
        for (int i = 0; i < 30; i++) {
            assertThat(Math.abs(losses[0][i] / losses[1][i] - 1)).isLessThan(1e-4f);
        }
    }

    @Test
    void whatIsClosedIsRefused() {
        Plan plan = TrainingConfig.of(Model.input(28, 28).dense(10)).plan();
        CpuExecutor executor = new CpuExecutor(plan, 1, 0);
        DeviceDataset data = executor.upload(DIGITS);
        data.close();
        data.close();
        Steps steps = new Steps(1, 1).select(0, 1, plan.optimizer(), s -> 1e-3);
        assertThatThrownBy(() -> executor.train(data, steps))
                .hasMessage("this data set was closed");
        executor.close();
        executor.close();
        assertThatThrownBy(() -> executor.upload(DIGITS)).hasMessage("this executor was closed");
        assertThatThrownBy(() -> executor.infer(DIGITS, new float[7000]))
                .hasMessage("this executor was closed");
    }

    @Test
    void slicesOutsideTheArenaAreRefused() {
        Plan plan = TrainingConfig.of(Model.input(28, 28).dense(10)).plan();
        try (CpuExecutor executor = new CpuExecutor(plan, 1, 0)) {
            var outside = new org.quern.plan.Slice("outside", plan.arena() - 1, 1, 2);
            assertThatThrownBy(() -> executor.read(outside, new float[2], 0))
                    .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> executor.infer(DIGITS, new float[6999]))
                    .isInstanceOf(IndexOutOfBoundsException.class);
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
