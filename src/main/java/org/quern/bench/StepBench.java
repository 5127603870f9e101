package org.quern.bench;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/**
 * Whole training steps by batch size: batch order, gather, dropout, forward, loss, backward, Adam
 * and metrics, on generated digits that lie on the device. Before a step is timed, the losses of
 * the first two (the second has seen an update) are compared with the float64 reference's, or where
 * that would take long with those of the contender before.
 */
public final class StepBench {
    public static final List<Integer> BATCHES = List.of(1, 8, 32, 128, 512, 2048);
    public static final List<Integer> QUICK_BATCHES = List.of(1, 32, 512);

    /** Float32 and the order of sums leave two steps' losses much nearer to each other. */
    private static final double TOLERANCE = 1e-4;

    private static final double AFFORDABLE_FLOPS = 3e8;
    private static final int CHECKED_STEPS = 2; // as many as FirstLosses has
    private static final int STEPS_A_CALL = 1024;
    private static final double LEARNING_RATE = 1e-3;
    private static final int ROWS = 60_000;
    private static final int QUICK_ROWS = 10_000;

    private final List<BenchTarget> contenders;
    private final Budget effort;
    private final LongSupplier nanoTime;
    private final KernelBench.Listener listener;
    private final Dataset digits;

    /** What the first losses at a batch size are compared with; null if nothing is yet. */
    private FirstLosses expected;

    /** A network whose steps are measured. */
    public enum Network {
        TUTORIAL("784-48-15-10", ModelText.TUTORIAL),
        /** 1.3 million parameters. */
        WIDE(
                "784-800-800-10",
                "dense 800 relu, dropout 0.5, dense 800 relu, dropout 0.5, dense 10");

        private final String shape;
        private final String layers;

        Network(String shape, String layers) {
            this.shape = shape;
            this.layers = layers;
        }

        public String shape() {
            return shape;
        }

        /** Compiled for Adam and a batch size. */
        public Plan plan(int batch) {
            Model model = ModelText.parse(Model.input(28, 28).scaled(Scaling.UNIT), layers);
            return Plan.of(model, Loss.CROSS_ENTROPY, Optimizer.Adam.DEFAULT, batch);
        }
    }

    /** A step's time, its rate by the median, and what its first losses were compared with. */
    public record Result(
            String network,
            int batch,
            String backend,
            boolean gpu,
            String checked,
            Timing seconds,
            double rowsPerSecond) {}

    /**
     * The least measured batch size at which, and at all larger ones, the faster of the GPUs is
     * faster than the fastest on the host; null if there is none.
     */
    public record Crossover(String network, Integer batch) {
        /** Of one network's results; empty where not both a GPU and the host were measured. */
        public static Optional<Crossover> of(List<Result> results) {
            Crossover found = null;
            for (int batch : batches(results)) {
                Optional<Result> gpu = fastest(results, batch, Result::gpu);
                Optional<Result> host = fastest(results, batch, result -> !result.gpu());
                if (gpu.isPresent() && host.isPresent()) {
                    Integer from = found == null || found.batch == null ? batch : found.batch;
                    boolean ahead = gpu.get().seconds().median() < host.get().seconds().median();
                    found = new Crossover(gpu.get().network(), ahead ? from : null);
                }
            }
            return Optional.ofNullable(found);
        }

        /** The fastest of one network's results at each batch size. */
        public static List<Result> winners(List<Result> results) {
            return batches(results).stream()
                    .map(batch -> fastest(results, batch, any -> true).orElseThrow())
                    .toList();
        }

        private static List<Integer> batches(List<Result> results) {
            return results.stream().map(Result::batch).distinct().sorted().toList();
        }

        private static Optional<Result> fastest(
                List<Result> results, int batch, Predicate<Result> among) {
            return results.stream()
                    .filter(result -> result.batch() == batch && among.test(result))
                    .min(Comparator.comparingDouble(result -> result.seconds().median()));
        }
    }

    public StepBench(
            List<BenchTarget> contenders,
            Budget effort,
            LongSupplier nanoTime,
            KernelBench.Listener listener) {
        this.contenders = contenders;
        this.effort = effort;
        this.nanoTime = nanoTime;
        this.listener = listener;
        this.digits = Digits.generate("digits", effort == Budget.QUICK ? QUICK_ROWS : ROWS, 0, 1);
    }

    private record FirstLosses(String by, float first, float second) {
        boolean agreesWith(FirstLosses expected) {
            return near(first, expected.first) && near(second, expected.second);
        }

        private static boolean near(float loss, float right) {
            return Math.abs(loss - right) <= TOLERANCE * Math.abs(right);
        }

        String text() {
            return first + " and " + second;
        }
    }

    /** Measures a network at some batch sizes, smallest first. */
    public List<Result> run(Network network, List<Integer> batches) {
        List<Result> all = new ArrayList<>();
        List<BenchTarget> leftOut = new ArrayList<>();
        for (int batch : batches) {
            Plan plan = network.plan(batch);
            double flops = 6.0 * plan.parameters().size() * batch * CHECKED_STEPS;
            expected = flops <= AFFORDABLE_FLOPS ? reference(plan) : null;
            List<Result> row = new ArrayList<>();
            for (BenchTarget contender : contenders) {
                Result result = null;
                try {
                    if (!leftOut.contains(contender)) {
                        result = measure(network, plan, contender, all);
                    }
                } catch (QuernException e) {
                    boolean tolerated = e.kind() == QuernException.Kind.DEVICE;
                    if (!tolerated && !contender.optional() || QuernException.isDeviceLost(e)) {
                        throw e;
                    }
                    String where = network.shape + " from batch " + batch + " on with ";
                    listener.leftOut(where + contender.name() + ": " + e.getMessage());
                    leftOut.add(contender);
                }
                row.add(result);
            }
            row.stream().filter(Objects::nonNull).forEach(all::add);
            listener.row(batch, row);
        }
        return all;
    }

    /** Checks a contender, then times it; null if it is wrong, an exception if it cannot be. */
    private Result measure(Network network, Plan plan, BenchTarget contender, List<Result> all) {
        int batch = plan.batch();
        String name = contender.name();
        double estimate =
                estimate(batch, all.stream().filter(one -> one.backend().equals(name)).toList());
        if (estimate > effort.longestStep()) {
            throw QuernException.device("a step would take about %.1f s", estimate);
        }
        try (Executor executor = contender.backend().open(plan, contender.options());
                DeviceDataset data = executor.upload(digits)) {
            Steps steps = new Steps(1, STEPS_A_CALL);
            FirstLosses got = first(name, executor, data, steps);
            expected = expected == null ? got : expected;
            if (!got.agreesWith(expected)) {
                String where = network.shape + " at batch " + batch + " on " + got.by;
                String losses = got.text() + ", of " + expected.by + " " + expected.text();
                listener.wrong(where + ": losses of the first steps are " + losses);
                return null;
            }
            Timing timing = time(executor, data, steps);
            return new Result(
                    network.shape,
                    batch,
                    name,
                    contender.onGpu(),
                    got == expected ? "nothing: they are finite" : expected.by,
                    timing,
                    batch / timing.median());
        }
    }

    /** What a step will take, going by those of smaller batches: a straight line through two. */
    private static double estimate(int batch, List<Result> before) {
        if (before.isEmpty()) {
            return 0;
        }
        Result last = before.get(before.size() - 1);
        double seconds = last.seconds().median();
        if (before.size() > 1) {
            Result first = before.get(before.size() - 2);
            double slope = (seconds - first.seconds().median()) / (last.batch() - first.batch());
            seconds += Math.max(0, slope) * (batch - last.batch());
        }
        return seconds;
    }

    private FirstLosses reference(Plan plan) {
        try (Executor reference = new ReferenceBackend().open(plan, Backend.Options.DEFAULT);
                DeviceDataset data = reference.upload(digits)) {
            return first("the float64 reference", reference, data, new Steps(1, STEPS_A_CALL));
        }
    }

    private static FirstLosses first(
            String by, Executor executor, DeviceDataset data, Steps steps) {
        executor.initialise(1);
        train(executor, data, steps, 0, CHECKED_STEPS);
        return new FirstLosses(by, steps.losses()[0], steps.losses()[1]);
    }

    private static void train(
            Executor executor, DeviceDataset data, Steps steps, long first, int count) {
        steps.select(first, count, executor.plan().optimizer(), step -> LEARNING_RATE);
        executor.train(data, steps);
    }

    private Timing time(Executor executor, DeviceDataset data, Steps steps) {
        long[] next = {CHECKED_STEPS};
        IntConsumer run =
                times -> {
                    for (int left = times; left > 0; left -= STEPS_A_CALL) {
                        int now = Math.min(left, STEPS_A_CALL);
                        train(executor, data, steps, next[0], now);
                        next[0] += now;
                    }
                };
        return Timing.of(nanoTime, effort, run);
    }
}
