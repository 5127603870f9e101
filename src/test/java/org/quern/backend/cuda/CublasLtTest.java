package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.Pass;
import org.quern.backend.Resident;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.backend.check.KernelCase;
import org.quern.backend.check.KernelCases;
import org.quern.backend.check.RoundedFactors;
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

/** Products with cublasLt's epilogues, and what is kept beside the arena for them. */
class CublasLtTest {
    private static final Dataset DIGITS = Digits.generate("digits", 103, 0, 5);

    private static Backend.Options precision(Backend.Precision precision) {
        return Backend.Options.DEFAULT.with(Backend.Gemm.CUBLAS).with(precision);
    }

    private static boolean isDense(KernelCase one) {
        return one.op() instanceof Op.DenseForward
                || one.op() instanceof Op.DenseBackwardInput
                || one.op() instanceof Op.DenseBackwardWeights;
    }

    @TestFactory
    Stream<DynamicTest> everyProductInFloat32() {
        Usable.named("cuda");
        Backend cuda = new CudaBackend(Epilogues.ALWAYS);
        return KernelCases.all().stream()
                .filter(CublasLtTest::isDense)
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
        List<DynamicTest> tests = new ArrayList<>();
        for (Backend.Precision precision :
                List.of(Backend.Precision.TF32, Backend.Precision.BF16)) {
            boolean isBfloat16 = precision == Backend.Precision.BF16;
            for (Epilogues epilogues : List.of(Epilogues.ALWAYS, Epilogues.NEVER)) {
                Backend cuda = new CudaBackend(epilogues);
                for (KernelCase one : KernelCases.all()) {
                    if (isDense(one)) {
                        tests.add(
                                DynamicTest.dynamicTest(
                                        precision + " " + epilogues + " " + one.name(),
                                        () ->
                                                rounded(
                                                        one,
                                                        cuda,
                                                        precision(precision),
                                                        isBfloat16 ? 8 : 11,
                                                        isBfloat16)));
                    }
                }
            }
        }
        return tests.stream();
    }

    private static void rounded(
            KernelCase one, Backend cuda, Backend.Options options, int bits, boolean written) {
        try (Executor executor = cuda.open(one.plan(), options)) {
            assertThat(RoundedFactors.check(one, executor, bits, written)).isEmpty();
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
        Backend cuda = new CudaBackend(epilogues);
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
                    Resident data = executor.upload(DIGITS)) {
                executor.initialise(3);
                Steps log = new Steps(3, count).select(0, count, optimizer, s -> 1e-2);
                executor.train(data, log);
                executor.read(plan.state(), steps, 0);
                executor.infer(data, 0, DIGITS.rows(), outputs);
            }
            float[] inferred = new float[(int) plan.output().size()];
            try (Executor executor = cuda.open(plan, precision(precision));
                    Resident data = executor.upload(DIGITS)) {
                executor.initialise(3);
                Batches batches = new Batches(DIGITS.rows(), plan.batch());
                for (int step = 0; step < count; step++) {
                    Steps log = new Steps(3, 1).select(step, 1, optimizer, s -> 1e-2);
                    for (Op op : plan.training()) {
                        executor.run(op, data, Pass.training(log, batches));
                    }
                }
                executor.read(plan.state(), ops, 0);
                for (Op op : plan.inference()) {
                    executor.run(op, data, Pass.inference().rows(0, DIGITS.rows()));
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
        Backend cuda = new CudaBackend(Epilogues.ALWAYS);
        Plan plan = plan("dense 24 relu, dense 10", Loss.CROSS_ENTROPY, Optimizer.Adam.DEFAULT);
        float[] first = new float[10];
        float[] second = new float[10];
        try (Executor executor = cuda.open(plan, precision(Backend.Precision.BF16));
                Resident data = executor.upload(DIGITS)) {
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
}
