package org.quern.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openjdk.jmh.annotations.Param;
import org.quern.backend.DeviceDataset;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.backend.Wrapped;
import org.quern.plan.Op;
import org.quern.verify.KernelCase;
import org.quern.verify.KernelCases;
import org.quern.verify.ReferenceCheck;

/** The benchmarks compute what they say, and their parameters matter. */
@Tag("slow")
class BenchmarkTest {
    /**
     * The reference takes long for larger ones, which the command checks each time that it runs.
     */
    private static final double LARGEST_FLOPS = 2e7;

    private static StepBenchmark steps(String backend, String net, String threads) {
        StepBenchmark benchmark = new StepBenchmark();
        benchmark.backend = backend;
        benchmark.net = net;
        benchmark.threads = Integer.parseInt(threads);
        benchmark.open();
        return benchmark;
    }

    private static float lossAfterTwoCalls(String backend, String net, String threads) {
        StepBenchmark benchmark = steps(backend, net, threads);
        benchmark.fiftySteps();
        float first = benchmark.meanLoss();
        benchmark.fiftySteps();
        float second = benchmark.meanLoss();
        assertThat(second).isLessThan(first);
        benchmark.close();
        return second;
    }

    @Test
    void stepsTrain() {
        Usable.named("cpu");
        float tutorial = lossAfterTwoCalls("cpu", "tutorial", "1");
        float wide = lossAfterTwoCalls("cpu", "wide", "1");
        float java = lossAfterTwoCalls("java", "tutorial", "1");
        assertThat(tutorial / java).isBetween(0.999f, 1.001f);
        assertThat(wide).isNotEqualTo(tutorial);
    }

    @Test
    void eachParameterOfTheStepsMatters() {
        Usable.named("cpu");
        List<String> backends = values(StepBenchmark.class, "backend");
        List<String> threads = values(StepBenchmark.class, "threads");
        Set<String> devices = new HashSet<>();
        for (String backend : backends) {
            for (String count : threads) {
                StepBenchmark benchmark = steps(backend, "tutorial", count);
                devices.add(benchmark.device());
                benchmark.close();
            }
        }
        // plain Java runs on one thread, however many it is given
        assertThat(backends).containsExactly("cpu", "java");
        assertThat(devices).hasSize(threads.size() + 1);
        assertThat(values(StepBenchmark.class, "net").stream().map(BenchmarkTest::parameters))
                .doesNotHaveDuplicates()
                .allMatch(count -> count > 0);
    }

    private static long parameters(String net) {
        return Workload.valueOf(net.toUpperCase(Locale.ROOT)).plan().parameters().size();
    }

    @Test
    void predictionsOfOneAndOfManyAgree() {
        PredictBenchmark benchmark = new PredictBenchmark();
        benchmark.backend = "java";
        benchmark.open();
        float[] all = benchmark.tenThousandRows().clone();
        float[] one = benchmark.oneRow();
        for (int j = 0; j < 10; j++) {
            assertThat(one[j]).isEqualTo(all[30 + j]);
        }
        benchmark.close();
    }

    @Test
    void theBackendOfPredictionsMatters() {
        Usable.named("cpu");
        List<String> backends = values(PredictBenchmark.class, "backend");
        Set<String> devices = new HashSet<>();
        for (String backend : backends) {
            PredictBenchmark benchmark = new PredictBenchmark();
            benchmark.backend = backend;
            benchmark.open();
            devices.add(benchmark.device());
            benchmark.close();
        }
        assertThat(devices).hasSameSizeAs(backends);
    }

    static Stream<String> kernels() {
        return KernelCases.bench().stream()
                .filter(one -> one.operands().flops() <= LARGEST_FLOPS)
                .map(KernelBenchmark::parameter);
    }

    /** From poisoned outputs, the measured method itself makes what the reference expects. */
    @ParameterizedTest
    @MethodSource("kernels")
    void kernelsComputeWhatTheyClaim(String kernel) {
        ReferenceCheck check = null;
        Set<String> devices = new HashSet<>();
        for (String backend : values(KernelBenchmark.class, "backend")) {
            Usable.named(backend);
            KernelBenchmark benchmark = new KernelBenchmark();
            benchmark.kernel = kernel;
            benchmark.backend = backend;
            benchmark.openUnchecked();
            assertThat(KernelBenchmark.parameter(benchmark.measured())).isEqualTo(kernel);
            if (check == null) {
                check = ReferenceCheck.of(benchmark.measured());
            }
            assertThat(check.check(new Measured(benchmark))).as(backend).isEmpty();
            assertThat(check.check(new Idle(benchmark))).as("nothing on %s", backend).isPresent();
            devices.add(benchmark.executor().device());
            benchmark.close();
        }
        assertThat(devices).hasSameSizeAs(values(KernelBenchmark.class, "backend"));
    }

    /** Runs the benchmark's method wherever the check has the op run. */
    private static class Measured extends Wrapped {
        private final KernelBenchmark benchmark;

        Measured(KernelBenchmark benchmark) {
            super(benchmark.executor());
            this.benchmark = benchmark;
        }

        @Override
        public void run(Op op, DeviceDataset data, StepContext pass) {
            Steps log = benchmark.kernel(1);
            if (pass.isTraining()) {
                pass.log(log.losses()[0], log.hits()[0]);
            }
        }
    }

    /** Does nothing there, so that the check sees what was there before. */
    private static final class Idle extends Measured {
        Idle(KernelBenchmark benchmark) {
            super(benchmark);
        }

        @Override
        public void run(Op op, DeviceDataset data, StepContext pass) {
            // as if it had
        }
    }

    /**
     * No two values of the parameter measure the same work, and none of the command's is missing.
     */
    @Test
    void everyKernelIsAWorkloadOfItsOwn() {
        List<KernelCase> cases = KernelCases.bench();

        assertThat(values(KernelBenchmark.class, "kernel"))
                .isEqualTo(cases.stream().map(KernelBenchmark::parameter).toList());
        assertThat(
                        cases.stream()
                                .map(
                                        one ->
                                                List.of(
                                                        one.op().getClass(),
                                                        one.operands().flops(),
                                                        one.bytes())))
                .doesNotHaveDuplicates();
    }

    /** Values of a JMH parameter. */
    private static List<String> values(Class<?> benchmark, String parameter) {
        try {
            return Arrays.asList(
                    benchmark.getDeclaredField(parameter).getAnnotation(Param.class).value());
        } catch (NoSuchFieldException e) {
            throw new AssertionError(e);
        }
    }
}
