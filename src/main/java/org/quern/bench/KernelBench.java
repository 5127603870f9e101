package org.quern.bench;

import java.util.ArrayList;
import java.util.List;
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
public final class KernelBench implements AutoCloseable {
    private final List<BenchTarget> contenders;
    private final Budget effort;
    private final LongSupplier nanoTime;
    private final Listener listener;
    private final List<Optional<Roofline>> ceilings = new ArrayList<>();

    /** Is told of what is found, as it is found. */
    public interface Listener {
        /** A device's limits; those of small copies are not there yet. */
        void limits(Roofline.Figures figures);

        /** A result. */
        void result(Result result);

        /** A kernel computes something else than it should, and was not timed. */
        void wrong(String line);

        /** Something cannot be measured here. */
        void leftOut(String line);
    }

    /**
     * A case on a backend.
     *
     * @param kernel the case's name
     * @param op the kind of op
     * @param backend what ran it
     * @param flops of a run
     * @param bytes least traffic of a run
     * @param workingSet bytes of memory that it touches
     * @param checked how much of what it computed was compared with the reference
     * @param seconds of a run
     * @param flopsPerSecond by the median
     * @param bytesPerSecond by the median
     * @param limit what bounds it on this device: arithmetic, memory or cache; null if unknown
     * @param percentOfLimit of that limit by the median; null if unknown
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

    /** For contenders that can run here. */
    public KernelBench(
            List<BenchTarget> contenders, Budget effort, LongSupplier nanoTime, Listener listener) {
        this.contenders = contenders;
        this.effort = effort;
        this.nanoTime = nanoTime;
        this.listener = listener;
    }

    /** Measures the limits, then the cases. */
    public void run(List<KernelCase> cases) {
        for (BenchTarget contender : contenders) {
            Optional<Roofline> ceiling = Roofline.of(contender, effort, nanoTime);
            ceilings.add(ceiling);
            ceiling.ifPresent(found -> listener.limits(found.figures(contender.name())));
        }
        for (int from = 0; from < cases.size(); ) {
            Plan plan = cases.get(from).plan();
            int to = from;
            while (to < cases.size() && cases.get(to).plan() == plan) {
                to++;
            }
            ofOnePlan(plan, cases.subList(from, to));
            from = to;
        }
    }

    /** The limits with all copies that were needed. */
    public List<Roofline.Figures> limits() {
        List<Roofline.Figures> all = new ArrayList<>();
        for (int i = 0; i < ceilings.size(); i++) {
            String name = contenders.get(i).name();
            ceilings.get(i).ifPresent(ceiling -> all.add(ceiling.figures(name)));
        }
        return all;
    }

    private void ofOnePlan(Plan plan, List<KernelCase> cases) {
        List<Executor> executors = new ArrayList<>();
        try {
            for (BenchTarget contender : contenders) {
                executors.add(open(contender, plan));
            }
            for (KernelCase kernel : cases) {
                ReferenceCheck check = ReferenceCheck.of(kernel);
                for (int i = 0; i < executors.size(); i++) {
                    if (executors.get(i) != null) {
                        one(kernel, check, i, executors.get(i));
                    }
                }
            }
        } finally {
            executors.stream().filter(e -> e != null).forEach(Executor::close);
        }
    }

    private Executor open(BenchTarget contender, Plan plan) {
        try {
            return contender.backend().open(plan, contender.options());
        } catch (QuernException e) {
            if (e.kind() != QuernException.Kind.DEVICE) {
                throw e;
            }
            listener.leftOut(contender.name() + ": " + e.getMessage());
            return null;
        }
    }

    private void one(KernelCase kernel, ReferenceCheck check, int index, Executor executor) {
        BenchTarget contender = contenders.get(index);
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
        Optional<Roofline.Bound> bound = ceilings.get(index).map(found -> found.bound(kernel));
        double flops = kernel.operands().flops();
        listener.result(
                new Result(
                        kernel.name(),
                        kernel.op().getClass().getSimpleName(),
                        contender.name(),
                        flops,
                        kernel.bytes(),
                        kernel.workingSet(),
                        check.extent(),
                        timing,
                        flops / timing.median(),
                        kernel.bytes() / timing.median(),
                        bound.map(Roofline.Bound::kind).orElse(null),
                        bound.map(b -> 100 * b.seconds() / timing.median()).orElse(null)));
    }

    @Override
    public void close() {
        Roofline.closeAll(ceilings);
    }
}
