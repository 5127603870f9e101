package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import jcuda.jcublas.cublasStatus;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.backend.gpu.Device;
import org.quern.bench.Epilogues;
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
import org.quern.verify.AwkwardCases;
import org.quern.verify.KernelCase;
import org.quern.verify.RoundedFactors;

/** Products with cublasLt's epilogues, and what is kept beside the arena for them. */
@Tag("slow")
class CublasLtTest {
    private static final Dataset DIGITS = Digits.generate("digits", 103, 0, 5);

    /** The simulator refuses but one kind, as cublasLt does; another was asked for wrongly. */
    @AfterAll
    static void onlyBfloat16InHalfWordsWasRefused() {
        assertThat(Epilogues.REFUSED)
                .allMatch(
                        product ->
                                Stream.of(product.a(), product.b(), product.c())
                                        .anyMatch(one -> one.bfloat16() && one.stride() % 2 != 0));
    }

    private static Backend.Options precision(Backend.Precision precision) {
        return Backend.Options.DEFAULT
                .with(Backend.Gemm.CUBLAS)
                .with(precision)
                .with(Backend.Engine.GRAPH);
    }

    /** The kernel cases of products, and some whose rows cublasLt takes in bfloat16, too. */
    private static List<KernelCase> products() {
        List<KernelCase> products = new ArrayList<>();
        AwkwardCases.all().stream().filter(one -> one.op().isProduct()).forEach(products::add);
        Plan plan =
                plan(
                        "dense 32 relu, dropout 0.3, dense 24 relu, dense 40, dense 10",
                        Loss.CROSS_ENTROPY,
                        Optimizer.Adam.DEFAULT);
        for (int step = 0; step < 3; step += 2) {
            int rows = step == 0 ? 47 : 9;
            for (Op op : plan.training()) {
                String name = "%s of %s, %d rows".formatted(op.what(), op.layer(), rows);
                products.add(new KernelCase(name, plan, op, true, step, rows, DIGITS, 1));
            }
        }
        products.removeIf(one -> !one.op().isProduct());
        return products;
    }

    @TestFactory
    Stream<DynamicTest> everyProductInFloat32() {
        Usable.named("cuda");
        Backend cuda = Epilogues.ALWAYS.cuda();
        return products().stream()
                .map(
                        one ->
                                DynamicTest.dynamicTest(
                                        one.name(),
                                        () ->
                                                assertThat(
                                                                one.check(
                                                                        cuda,
                                                                        precision(
                                                                                Backend.Precision
                                                                                        .FP32)))
                                                        .isEmpty()));
    }

    /** With factors that the format has, nothing is lost but by what is written in it. */
    @TestFactory
    Stream<DynamicTest> everyProductInTensorFloat32AndBfloat16() {
        Usable.named("cuda");
        return products().stream()
                .flatMap(
                        one ->
                                Stream.of(Backend.Precision.TF32, Backend.Precision.BF16)
                                        .flatMap(precision -> inEachWay(one, precision)));
    }

    private static Stream<DynamicTest> inEachWay(KernelCase one, Backend.Precision precision) {
        boolean isBfloat16 = precision == Backend.Precision.BF16;
        RoundedFactors factors = new RoundedFactors(one, isBfloat16 ? 8 : 11);
        return Stream.of(Epilogues.ALWAYS, Epilogues.NEVER)
                .map(
                        epilogues ->
                                DynamicTest.dynamicTest(
                                        precision + " " + epilogues + " " + one.name(),
                                        () -> rounded(factors, one, epilogues, precision)));
    }

    private static void rounded(
            RoundedFactors factors,
            KernelCase one,
            Epilogues epilogues,
            Backend.Precision precision) {
        try (Executor executor = epilogues.cuda().open(one.plan(), precision(precision))) {
            assertThat(factors.check(executor, precision == Backend.Precision.BF16)).isEmpty();
        }
    }

    private static Plan plan(String layers, Loss loss, Optimizer optimizer) {
        Model model = ModelText.parse(Model.input(28, 28).scaled(Scaling.UNIT), layers);
        return Plan.of(model, loss, optimizer, 47);
    }

    private static final String MIXED =
            "dropout 0.1, dense 33 relu, dropout 0.3, dense 24 relu, dense 40, dense 16 gelu,"
                    + " dropout 0.2, dense 20 tanh, dense 18, dropout 0.4, dense 10";

    /**
     * A graph of steps, in which each value is rounded once and each bit written once, gives the
     * bits that ops give which run by themselves, each from the arena to the arena.
     */
    @ParameterizedTest
    @CsvSource({
        "FP32, ALWAYS",
        "TF32, ALWAYS",
        "BF16, ALWAYS",
        "BF16, NEVER",
    })
    void stepsGiveTheBitsOfOpsByThemselves(Backend.Precision precision, Epilogues epilogues) {
        Usable.named("cuda");
        Backend cuda = epilogues.cuda();
        for (Optimizer optimizer :
                List.of(
                        Optimizer.Adam.DEFAULT,
                        new Optimizer.Sgd(0.9f, 0),
                        new Optimizer.Sgd(0, 0))) {
            Plan plan = plan(MIXED, Loss.CROSS_ENTROPY, optimizer);
            int count = 7; // two epochs of 47, 47 and 9 rows, and one step
            float[] steps = new float[(int) plan.state().size()];
            float[] ops = steps.clone();
            float[] outputs = new float[DIGITS.rows() * plan.outputSize()];
            try (Executor executor = cuda.open(plan, precision(precision));
                    DeviceDataset data = executor.upload(DIGITS)) {
                executor.initialise(3);
                Steps log = new Steps(3, count).select(0, count, optimizer, s -> 1e-2);
                executor.train(data, log);
                executor.read(plan.state(), steps, 0);
                executor.infer(data, 0, DIGITS.rows(), outputs);
            }
            float[] inferred = new float[(int) plan.output().size()];
            try (Executor executor = cuda.open(plan, precision(precision));
                    DeviceDataset data = executor.upload(DIGITS)) {
                executor.initialise(3);
                Batches batches = new Batches(DIGITS.rows(), plan.batch());
                for (int step = 0; step < count; step++) {
                    Steps log = new Steps(3, 1).select(step, 1, optimizer, s -> 1e-2);
                    for (Op op : plan.training()) {
                        executor.run(op, data, StepContext.training(log, batches));
                    }
                }
                executor.read(plan.state(), ops, 0);
                for (Op op : plan.inference()) {
                    executor.run(op, data, StepContext.inference().rows(0, DIGITS.rows()));
                }
                executor.read(plan.output(), inferred, 0);
            }
            assertThat(steps).isEqualTo(ops);
            assertThat(Arrays.copyOf(inferred, outputs.length)).isEqualTo(outputs);
        }
    }

    /** What the host writes is what the next step or inference takes. */
    @Test
    void parametersThatAreWrittenAreRoundedAnew() {
        Usable.named("cuda");
        Backend cuda = Epilogues.ALWAYS.cuda();
        Plan plan = plan("dense 24 relu, dense 10", Loss.CROSS_ENTROPY, Optimizer.Adam.DEFAULT);
        float[] first = new float[10];
        float[] second = new float[10];
        try (Executor executor = cuda.open(plan, precision(Backend.Precision.BF16));
                DeviceDataset data = executor.upload(DIGITS)) {
            executor.initialise(1);
            executor.infer(data, 0, 1, first);
            float[] state = new float[(int) plan.state().size()];
            executor.read(plan.state(), state, 0);
            executor.initialise(2);
            executor.infer(data, 0, 1, second);
            assertThat(second).isNotEqualTo(first);
            executor.write(plan.state(), state, 0);
            executor.infer(data, 0, 1, second);
            assertThat(second).isEqualTo(first);
        }
    }

    /** The simulator's cublasLt refuses what the real one would; a call that is wrong shows. */
    @Test
    void theSimulatorRefusesCallsThatAreWrong() {
        Usable.named("cuda");
        int notSupported = -cublasStatus.CUBLAS_STATUS_NOT_SUPPORTED;
        int invalid = -cublasStatus.CUBLAS_STATUS_INVALID_VALUE;
        Backend.Options options = precision(Backend.Precision.FP32);
        try (Device device = Epilogues.ALWAYS.cuda().device(options)) {
            Device.Buffer memory = device.allocate(1 << 16, "matrices");
            long handle = CublasLt.create();
            Wrong right = new Wrong(handle, memory.handle());
            long plan = right.plan();
            assertThat(plan).isPositive();
            long workspace = right.pointers[0];
            assertThat(CublasLt.run(handle, plan, workspace, 4095, 0)).isEqualTo(-invalid);
            assertThat(CublasLt.run(handle, plan, workspace + (1 << 20), 4096, 0))
                    .isEqualTo(-invalid);
            CublasLt.release(plan);
            assertThat(right.with(5, 7).plan()).as("a leading dimension").isEqualTo(invalid);
            assertThat(right.with(7, 7).plan()).as("that of D").isEqualTo(invalid);
            assertThat(right.with(3, 1).plan()).as("a transpose").isEqualTo(invalid);
            assertThat(right.with(12, 64).plan()).as("that of the bits").isEqualTo(invalid);
            assertThat(right.with(11, 1000).plan()).as("an epilogue").isEqualTo(notSupported);
            assertThat(right.with(10, 77).with(8, 14).plan()).as("types").isEqualTo(notSupported);
            assertThat(right.at(3, 0).plan()).as("no bias").isEqualTo(invalid);
            assertThat(right.at(4, 0).plan()).as("no bits").isEqualTo(invalid);
            assertThat(right.at(5, 4095).plan()).as("a workspace").isEqualTo(notSupported);
            assertThat(CublasLt.destroy(handle)).isZero();
            device.release(memory);
        }
    }

    /** The arguments of a plan, right or with some changed. */
    private record Wrong(long handle, int[] numbers, long[] pointers) {
        /** D [8 x 16] = A [8 x 24] B [24 x 16], bias, ReLU and its bits. */
        Wrong(long handle, long at) {
            this(
                    handle,
                    new int[] {8, 16, 24, 0, 0, 8, 24, 8, 0, 0, 68, 134, 128},
                    new long[] {at, at + 4096, at + 8192, at + 12_288, at + 16_384, 4096});
        }

        Wrong with(int index, int value) {
            int[] changed = numbers.clone();
            changed[index] = value;
            return new Wrong(handle, changed, pointers);
        }

        Wrong at(int index, long value) {
            long[] changed = pointers.clone();
            changed[index] = value;
            return new Wrong(handle, numbers, changed);
        }

        long plan() {
            return CublasLt.plan(handle, numbers, pointers, 1);
        }
    }
}
