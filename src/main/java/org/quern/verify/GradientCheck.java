package org.quern.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.OpLoop;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.backend.reference.ReferenceExecutor;
import org.quern.data.Dataset;
import org.quern.model.Activation;
import org.quern.plan.Batches;
import org.quern.plan.Initializer;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;
import org.quern.random.Philox;

/**
 * Central differences against analytic gradients, in float64 on the reference, over whole networks
 * with dropout on:
 *
 * <pre>(L(w + h) − L(w − h)) / 2h,  h = ∛ε · max(1, |w|),  ε = 2⁻⁵²</pre>
 *
 * <p>That h balances the truncation error, h² L‴ / 6, with the rounding error, ε |L| / h; both are
 * then about 4e-11 for values near 1. A difference counts as an error beyond {@value #RELATIVE} of
 * the gradient plus {@value #ABSOLUTE} · max(1, |L|), room for L‴ up to some thousands. Where a
 * ReLU changes sides between w − h and w + h, the difference is not a derivative; such entries are
 * counted and left out.
 */
public final class GradientCheck {
    static final double RELATIVE = 1e-5;
    static final double ABSOLUTE = 1e-8;
    private static final double EPSILON = 0x1p-52;
    private static final long SEED = 7;

    private final ReferenceExecutor reference;
    private final OpLoop executor;
    private final Plan plan;
    private final Dataset data;
    private final long step;
    private final Steps steps;
    private final StepContext pass;
    private final List<Op.DenseForward> relus = new ArrayList<>();

    /**
     * What was found for one tensor.
     *
     * @param tensor for instance {@code 0.weight}
     * @param checked entries compared
     * @param skipped entries left out because a ReLU changes sides
     * @param worst largest difference as a multiple of what is allowed; above 1 is an error
     * @param detail the worst entry, with both numbers
     */
    public record Result(String tensor, int checked, int skipped, double worst, String detail) {
        /** Whether all entries agree, and there were any. */
        public boolean passed() {
            return worst <= 1 && checked > 0;
        }
    }

    /**
     * With an executor that runs ops on the reference's arena: the reference itself, or in tests a
     * mutant of it.
     */
    GradientCheck(ReferenceExecutor reference, OpLoop executor, Dataset data, long step) {
        this.reference = reference;
        this.executor = executor;
        this.plan = reference.plan();
        this.data = data;
        this.step = step;
        this.steps = new Steps(SEED, 1).select(step, 1, plan.optimizer(), s -> 1e-3);
        this.pass = StepContext.training(steps, new Batches(data.rows(), plan.batch()));
        for (Op op : plan.training()) {
            if (op instanceof Op.DenseForward o && o.activation() == Activation.RELU) {
                relus.add(o);
            }
        }
    }

    /**
     * Checks a network on drawn data, in a short last batch.
     *
     * @param most entries of each tensor that are checked, evenly spread
     */
    public static List<Result> check(Plan plan, int most) {
        try (ReferenceExecutor reference =
                new ReferenceBackend().open(plan, Backend.Options.DEFAULT)) {
            return new GradientCheck(reference, reference, data(plan), 1).results(most);
        }
    }

    /**
     * Data that fits a plan: one full batch and a short one of bytes, three quarters of them 0,
     * with labels or targets, drawn by Philox.
     */
    public static Dataset data(Plan plan) {
        return data(plan, 0.25);
    }

    /**
     * The same with another share of values that are not 0: on either side of the density at which
     * a backend begins to skip zeros.
     */
    static Dataset data(Plan plan, double density) {
        int rows = plan.batch() + plan.batch() / 2 + 1;
        int features = plan.inputSize();
        byte[] pixels = new byte[rows * features];
        for (int i = 0; i < pixels.length; i++) {
            boolean lit = Philox.unit(Philox.word(SEED, 1, 1, i)) < density;
            pixels[i] =
                    (byte)
                            (lit
                                    ? 1 + Integer.remainderUnsigned(Philox.word(SEED, 1, 0, i), 255)
                                    : 0);
        }
        int[] shape = plan.model().inputShape().stream().mapToInt(Integer::intValue).toArray();
        Dataset set = Dataset.ofPixels("drawn data", shape, pixels);
        int outputs = plan.outputSize();
        if (plan.loss().classifies()) {
            int[] labels = new int[rows];
            for (int row = 0; row < rows; row++) {
                labels[row] = Integer.remainderUnsigned(Philox.word(SEED, 2, 0, row), outputs);
            }
            return set.withLabels(
                    labels, IntStream.range(0, outputs).mapToObj(Integer::toString).toList());
        }
        float[] targets = new float[rows * outputs];
        for (int i = 0; i < targets.length; i++) {
            targets[i] = 2 * Philox.unit(Philox.word(SEED, 3, 0, i)) - 1;
        }
        return set.withTargets(targets, outputs);
    }

    List<Result> results(int most) {
        reference.write(plan.state(), parameters(), 0);
        List<Result> results = new ArrayList<>();
        try (DeviceDataset resident = executor.upload(data)) {
            for (Op op : plan.training()) {
                if (!(op instanceof Op.Update)) {
                    executor.run(op, resident, pass);
                }
            }
            double loss = meanLoss();
            double[] gradients = reference.arena().clone();
            boolean[] sides = sides();
            for (Plan.DenseSlices dense : plan.dense()) {
                for (Slice tensor : List.of(dense.weights(), dense.bias())) {
                    results.add(check(tensor, gradients, loss, sides, most, resident));
                }
            }
        }
        return results;
    }

    /** The initial state, with biases that are not 0. */
    private float[] parameters() {
        float[] state = Initializer.state(plan, SEED);
        for (Plan.DenseSlices dense : plan.dense()) {
            for (int j = 0; j < dense.bias().columns(); j++) {
                int at = (int) dense.bias().offset() + j;
                state[at] = 0.2f * Philox.unit(Philox.word(SEED, 4, 0, at)) - 0.1f;
            }
        }
        return state;
    }

    private Result check(
            Slice tensor,
            double[] gradients,
            double loss,
            boolean[] sides,
            int most,
            DeviceDataset resident) {
        double[] arena = reference.arena();
        long stride = Math.max(1, tensor.size() / most);
        int checked = 0;
        int skipped = 0;
        double worst = 0;
        String detail = "";
        for (long i = 0; i < tensor.size(); i += stride) {
            int at = (int) (tensor.offset() + i);
            double w = arena[at];
            double h = Math.cbrt(EPSILON) * Math.max(1, Math.abs(w));
            arena[at] = w + h;
            double above = forward(resident);
            boolean moved = !java.util.Arrays.equals(sides, sides());
            arena[at] = w - h;
            double below = forward(resident);
            moved |= !java.util.Arrays.equals(sides, sides());
            arena[at] = w;
            if (moved) {
                skipped++;
                continue;
            }
            checked++;
            double difference = (above - below) / ((w + h) - (w - h));
            double analytic = gradients[(int) (plan.gradients().offset() + at)];
            double allowed =
                    RELATIVE * Math.max(Math.abs(difference), Math.abs(analytic))
                            + ABSOLUTE * Math.max(1, Math.abs(loss));
            double error = Math.abs(difference - analytic) / allowed;
            if (!(error <= worst)) {
                worst = Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
                detail =
                        "%s[%d]: gradient %.9g, by differences %.9g"
                                .formatted(tensor.name(), i, analytic, difference);
            }
        }
        return new Result(tensor.name(), checked, skipped, worst, detail);
    }

    /** The loss with the parameters as they are; the input stays gathered. */
    private double forward(DeviceDataset resident) {
        for (Op op : plan.training()) {
            if (op instanceof Op.DenseForward
                    || op instanceof Op.CrossEntropy
                    || op instanceof Op.RegressionLoss) {
                reference.run(op, resident, pass);
            }
        }
        return meanLoss();
    }

    private double meanLoss() {
        double sum = 0;
        for (int b = 0; b < pass.rows(); b++) {
            sum += reference.arena()[(int) plan.metrics().loss().offset() + b];
        }
        return sum / pass.rows();
    }

    /** On which side of 0 each ReLU is. */
    private boolean[] sides() {
        int size = relus.stream().mapToInt(o -> pass.rows() * o.y().columns()).sum();
        boolean[] sides = new boolean[size];
        int n = 0;
        for (Op.DenseForward relu : relus) {
            int at = (int) relu.y().offset();
            for (int i = 0; i < pass.rows() * relu.y().columns(); i++) {
                sides[n++] = reference.arena()[at + i] > 0;
            }
        }
        return sides;
    }

    /** The global step of the check, in which the batch is short. */
    long step() {
        return step;
    }
}
