package org.quern.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Limits;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.backend.Wrapped;
import org.quern.backend.java.JavaBackend;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.verify.KernelCase;
import org.quern.verify.KernelCases;

/** What is wrong is not timed, and what is measured is consistent. */
class BenchTest {
    private static final Budget SHORT = new Budget(1e-4, 1e-5, 3, 0.5);

    /** Java's backend with a fault in one kind of op, and in the losses of its training. */
    private record Faulty(Class<? extends Op> kind) implements Backend {
        @Override
        public String name() {
            return "faulty";
        }

        @Override
        public int priority() {
            return 0;
        }

        @Override
        public Availability availability() {
            return new Availability(true, "for a test");
        }

        @Override
        public Executor open(Plan plan, Options options) {
            return new Wrapped(new JavaBackend().open(plan, options)) {
                @Override
                public void run(Op op, DeviceDataset data, StepContext pass) {
                    if (!kind.isInstance(op)) {
                        super.run(op, data, pass);
                    }
                }

                @Override
                public void train(DeviceDataset data, Steps steps) {
                    super.train(data, steps);
                    steps.losses()[1] *= 1.001f;
                }
            };
        }
    }

    /** Keeps what it is told. */
    private static final class Told implements KernelBench.Listener {
        final List<KernelBench.Result> kernels = new ArrayList<>();
        final List<StepBench.Result> steps = new ArrayList<>();
        final List<String> wrong = new ArrayList<>();
        final List<String> leftOut = new ArrayList<>();
        final List<Roofline.Figures> limits = new ArrayList<>();

        @Override
        public void limits(Roofline.Figures figures) {
            limits.add(figures);
        }

        @Override
        public void result(KernelBench.Result result) {
            kernels.add(result);
        }

        @Override
        public void row(int batch, List<StepBench.Result> results) {
            results.stream().filter(result -> result != null).forEach(steps::add);
        }

        @Override
        public void wrong(String line) {
            wrong.add(line);
        }

        @Override
        public void leftOut(String line) {
            leftOut.add(line);
        }
    }

    private static List<BenchTarget> contenders(Backend... backends) {
        return BenchTarget.of(List.of(backends), Backend.Options.DEFAULT);
    }

    @Test
    void aWrongKernelIsToldAndNotTimed() {
        Told told = new Told();
        KernelBench bench =
                new KernelBench(
                        contenders(new Faulty(Op.DenseBackwardInput.class)),
                        SHORT,
                        System::nanoTime,
                        told);
        assertThat(bench.run(KernelCases.quickBench())).isEmpty();

        assertThat(told.wrong)
                .hasSize(2)
                .allMatch(line -> line.startsWith("faulty: DenseBackwardInput 32x"));
        assertThat(told.kernels).hasSize(KernelCases.quickBench().size() - 2);
        assertThat(told.kernels)
                .allMatch(result -> result.limit() == null && result.percentOfLimit() == null);
    }

    @Test
    void percentagesAreOfTheLimitsThatAreTold() {
        Told told = new Told();
        List<Roofline.Figures> limits =
                new KernelBench(contenders(new JavaBackend()), SHORT, System::nanoTime, told)
                        .run(KernelCases.quickBench());

        assertThat(told.wrong).isEmpty();
        assertThat(told.kernels).hasSameSizeAs(KernelCases.quickBench());
        Roofline.Figures java = limits.get(0);
        assertThat(java.arithmetic()).isEqualTo("multiply-adds in registers");
        assertThat(java.copyBytes()).isEqualTo(64 << 20);
        for (KernelBench.Result result : told.kernels) {
            double expected =
                    result.limit().equals("arithmetic")
                            ? result.flops() / java.flopsPerSecond()
                            : result.bytes() / cached(java, result.workingSet());
            assertThat(result.percentOfLimit())
                    .isCloseTo(
                            100 * expected / result.seconds().median(),
                            org.assertj.core.data.Percentage.withPercentage(1e-6));
            assertThat(result.seconds().least()).isPositive();
            assertThat(result.seconds().median())
                    .isBetween(result.seconds().least(), result.seconds().most());
            assertThat(result.checked()).isEqualTo("all values");
        }
    }

    /** The bandwidth of the least copy that touches as much. */
    private static double cached(Roofline.Figures limits, double workingSet) {
        return limits.cachedCopies().entrySet().stream()
                .filter(copy -> 2 * copy.getKey() >= workingSet)
                .findFirst()
                .orElseThrow()
                .getValue();
    }

    @Test
    void wrongLossesAreToldAndNotTimed() {
        Told told = new Told();
        new StepBench(
                        contenders(new JavaBackend(), new Faulty(Op.Gather.class)),
                        SHORT,
                        System::nanoTime,
                        told)
                .run(StepBench.Network.TUTORIAL, List.of(1, 2));

        assertThat(told.wrong)
                .hasSize(2)
                .allMatch(line -> line.contains("on faulty: losses of the first steps are "));
        assertThat(told.steps).extracting(StepBench.Result::backend).containsOnly("java");
        assertThat(told.steps)
                .extracting(StepBench.Result::checked)
                .containsOnly("the float64 reference");
        assertThat(told.steps)
                .allSatisfy(
                        step ->
                                assertThat(step.rowsPerSecond())
                                        .isEqualTo(step.batch() / step.seconds().median()));
    }

    @Test
    void stepsThatWouldTakeTooLongAreLeftOut() {
        Told told = new Told();
        new StepBench(
                        contenders(new JavaBackend()),
                        new Budget(1e-4, 1e-5, 3, 1e-9),
                        System::nanoTime,
                        told)
                .run(StepBench.Network.TUTORIAL, List.of(1, 2, 4));

        assertThat(told.steps).extracting(StepBench.Result::batch).containsExactly(1);
        assertThat(told.leftOut)
                .singleElement()
                .asString()
                .startsWith("784-48-15-10 from batch 2 on with java: a step would take about ");
    }

    /** A GPU that cannot be opened: for a fault, or no engine is good enough. */
    private record Gpu(QuernException fault) implements Backend {
        @Override
        public String name() {
            return "gpu";
        }

        @Override
        public int priority() {
            return 0;
        }

        @Override
        public Availability availability() {
            return new Availability(true, "for a test");
        }

        @Override
        public Executor open(Plan plan, Options options) {
            throw fault != null
                    ? fault
                    : QuernException.usage("no engine %s here", options.engine());
        }
    }

    @Test
    void onAGpuStepsAreMeasuredByEngine() {
        List<Backend> backends = List.of(new Gpu(null), new JavaBackend());
        List<BenchTarget> all = BenchTarget.withEngines(backends, Backend.Options.DEFAULT);

        assertThat(all)
                .extracting(BenchTarget::name)
                .containsExactly("gpu fused", "gpu tensor", "gpu graph", "gpu ops", "java");
        assertThat(all.get(2).options().engine()).isEqualTo(Backend.Engine.GRAPH);
        assertThat(
                        BenchTarget.withEngines(
                                backends, Backend.Options.DEFAULT.with(Backend.Engine.OPS)))
                .extracting(BenchTarget::name)
                .containsExactly("gpu", "java");

        Told told = new Told();
        new StepBench(all, SHORT, System::nanoTime, told)
                .run(StepBench.Network.TUTORIAL, List.of(1, 2));
        assertThat(told.steps)
                .extracting(StepBench.Result::backend)
                .containsExactly("java", "java");
        assertThat(told.leftOut)
                .containsExactly(
                        "784-48-15-10 from batch 1 on with gpu fused: no engine FUSED here",
                        "784-48-15-10 from batch 1 on with gpu tensor: no engine TENSOR here",
                        "784-48-15-10 from batch 1 on with gpu graph: no engine GRAPH here",
                        "784-48-15-10 from batch 1 on with gpu ops: no engine OPS here");
    }

    /** Else every network and batch size after it would be left out for the same fault. */
    @Test
    void aDeviceThatIsLostEndsTheBench() {
        QuernException gone = new QuernException(QuernException.Kind.LOST, "gone");
        List<BenchTarget> all =
                BenchTarget.withEngines(List.of(new Gpu(gone)), Backend.Options.DEFAULT);
        StepBench bench = new StepBench(all, SHORT, System::nanoTime, new Told());
        assertThatThrownBy(() -> bench.run(StepBench.Network.TUTORIAL, List.of(1, 2)))
                .isSameAs(gone);
    }

    @Test
    void everyBackendButTheReferenceNamesLimits() {
        for (Backend backend : Usable.backends()) {
            try (Limits limits = backend.limits(Backend.Options.DEFAULT).orElseThrow()) {
                limits.copy(limits.largestCopy(), 1);
                limits.copy(4096, 3);
                double flops = limits.multiplyAdd(3);
                assertThat(flops).isEqualTo(3 * limits.multiplyAdd(1));
                assertThat(flops > 0).as(backend.name()).isEqualTo(backend.onHost());
            }
        }
        Optional<Limits> none = new ReferenceBackend().limits(Backend.Options.DEFAULT);
        assertThat(none).isEmpty();
    }

    @Test
    void aProductIsMeasuredWhereThereIsNoLoop() {
        KernelCase product = KernelCases.product(64);
        assertThat(product.name()).isEqualTo("DenseBackwardWeights 64x64x64");
        assertThat(product.operands().flops()).isEqualTo(2.0 * 64 * 64 * 64 + 64 * 64);
        assertThat(product.check(new JavaBackend(), Backend.Options.DEFAULT)).isEmpty();
    }
}
