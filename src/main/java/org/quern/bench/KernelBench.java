package org.quern.bench;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toList;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.quern.QuernException;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.plan.Plan;
import org.quern.verify.KernelCase;
import org.quern.verify.ReferenceCheck;

/** Kernel cases on several backends: each is checked against the float64 reference, then timed. */
public record KernelBench(
        List<BenchTarget> contenders, Budget effort, LongSupplier nanoTime, Listener listener) {

    /** Is told of what is found, as it is found; of steps, too. */
    public interface Listener {
        /** A device's limits; those of small copies are not there yet. */
        void limits(Roofline.Figures figures);

        void result(Result result);

        /** Steps' results by batch size, a null for each contender that has none. */
        void row(int batch, List<StepBench.Result> results);

        /** Something is computed that should not be, and was not timed. */
        void wrong(String line);

        /** Something cannot be measured here. */
        void leftOut(String line);
    }

    /**
     * A case on a backend.
     *
     * @param bytes least traffic of a run; {@code workingSet} is what it touches
     * @param checked how much of what it computed was compared with the reference
     * @param limit what bounds it on this device: arithmetic, memory or cache; null if unknown
     */
    public record Result(
            String kernel,
            String op,
            String backend,
            double flops,
            double bytes,
            double workingSet,
            String checked,
            Timing seconds,
            double flopsPerSecond,
            double bytesPerSecond,
            String limit,
            Double percentOfLimit) {}

    /** Measures the limits, which it gives with all copies that were needed, then the cases. */
    public List<Roofline.Figures> run(List<KernelCase> cases) {
        Map<BenchTarget, Roofline> ceilings = new LinkedHashMap<>();
        try {
            for (BenchTarget contender : contenders) {
                Optional<Roofline> found = Roofline.of(contender, effort, nanoTime);
                found.ifPresent(ceiling -> ceilings.put(contender, ceiling));
                found.ifPresent(ceiling -> listener.limits(ceiling.measure()));
            }
            cases.stream()
                    .collect(groupingBy(KernelCase::plan, LinkedHashMap::new, toList()))
                    .forEach((plan, ofIt) -> ofOnePlan(plan, ofIt, ceilings));
            return ceilings.values().stream().map(Roofline::figures).toList();
        } finally {
            ceilings.values().forEach(Roofline::close);
        }
    }

    private void ofOnePlan(Plan plan, List<KernelCase> cases, Map<BenchTarget, Roofline> ceilings) {
        Map<BenchTarget, Executor> executors = new LinkedHashMap<>();
        try {
            for (BenchTarget contender : contenders) {
                try {
                    executors.put(contender, contender.backend().open(plan, contender.options()));
                } catch (QuernException e) {
                    if (e.kind() != QuernException.Kind.DEVICE) {
                        throw e;
                    }
                    listener.leftOut(contender.name() + ": " + e.getMessage());
                }
            }
            for (KernelCase kernel : cases) {
                ReferenceCheck check = ReferenceCheck.of(kernel);
                executors.forEach(
                        (contender, executor) ->
                                one(kernel, check, contender, executor, ceilings.get(contender)));
            }
        } finally {
            executors.values().forEach(Executor::close);
        }
    }

    private void one(
            KernelCase kernel,
            ReferenceCheck check,
            BenchTarget contender,
            Executor executor,
            Roofline ceiling) {
        Optional<String> problem = check.check(executor);
        if (problem.isPresent()) {
            listener.wrong(contender.name() + ": " + problem.get());
            return;
        }
        Steps log = kernel.steps();
        Timing timing;
        try (DeviceDataset data = executor.upload(kernel.data())) {
            timing = Timing.of(nanoTime, effort, times -> kernel.run(executor, data, log, times));
        }
        double median = timing.median();
        double flops = kernel.operands().flops();
        Roofline.Bound bound = ceiling == null ? null : ceiling.bound(kernel);
        listener.result(
                new Result(
                        kernel.name(),
                        kernel.kind(),
                        contender.name(),
                        flops,
                        kernel.bytes(),
                        kernel.workingSet(),
                        check.extent(),
                        timing,
                        flops / median,
                        kernel.bytes() / median,
                        bound == null ? null : bound.kind(),
                        bound == null ? null : 100 * bound.seconds() / median));
    }
}
