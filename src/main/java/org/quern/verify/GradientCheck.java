package org.quern.verify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.quern.backend.DeviceDataset;
import org.quern.backend.OpLoop;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.backend.reference.ReferenceExecutor;
import org.quern.data.Dataset;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Batches;
import org.quern.plan.Loss;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;
import org.quern.random.Philox;
import org.quern.train.TrainingConfig;

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
    private final DeviceDataset data;
    private final StepContext pass;
    private final List<Op.DenseForward> relus = new ArrayList<>();

    /**
     * What was found for one tensor.
     *
     * @param skipped entries left out because a ReLU changes sides
     * @param worst largest difference as a multiple of what is allowed; above 1 is an error
     * @param detail the worst entry, with both numbers
     */
    public record Result(String tensor, int checked, int skipped, double worst, String detail) {
        public boolean passed() {
            return worst <= 1 && checked > 0;
        }
    }

    public record Network(String name, Plan plan) {
        @Override
        public String toString() {
            return name;
        }
    }

    /** The networks of the suite: every activation, loss and place of dropout, odd sizes. */
    public static List<Network> networks() {
        List<Network> networks = new ArrayList<>();
        for (Activation activation : Activation.values()) {
            String a = activation.text();
            networks.add(of("dense 7 " + a + ", dense 3", 5, Loss.CROSS_ENTROPY, 4));
            networks.add(of("dense 5 tanh, dense 3 " + a, 7, Loss.MEAN_SQUARED_ERROR, 3));
            String two = "dense 6 %s, dropout 0.4, dense 5 %s, dropout 0.2, dense 2";
            networks.add(of(two.formatted(a, a), 11, Loss.CROSS_ENTROPY, 6));
        }
        networks.add(of("dense 1", 1, Loss.CROSS_ENTROPY, 1));
        networks.add(of("dense 1", 1, Loss.MEAN_SQUARED_ERROR, 1));
        networks.add(of("dense 5 tanh, dense 3 sigmoid", 7, Loss.huber(0.3), 3));
        Loss weighted = Loss.crossEntropy(List.of(0.25, 1.0, 3.0));
        networks.add(of("dense 5 tanh, dense 3", 7, weighted, 4));
        networks.add(of("dense 5 gelu, dense 3", 7, Loss.BINARY_CROSS_ENTROPY, 3));
        networks.add(of("dropout 0.3, dense 4", 13, Loss.CROSS_ENTROPY, 5));
        String deep =
                "dropout 0.2, dense 17 relu, dropout 0.5, dense 13 gelu, dense 11 sigmoid,"
                        + " dropout 0.1, dense 10";
        networks.add(of(deep, 33, Loss.CROSS_ENTROPY, 9));
        networks.add(of("dense 31 relu, dense 2", 257, Loss.CROSS_ENTROPY, 3));
        return networks;
    }

    /** The network of a configuration, for a user's own check. */
    public static Network of(TrainingConfig config) {
        return new Network(config.model().text() + ", " + config.loss().title(), config.plan());
    }

    private static Network of(String layers, int inputs, Loss loss, int batch) {
        Model model = ModelText.parse(Model.input(inputs).scaled(Scaling.UNIT), layers);
        Network network = of(TrainingConfig.of(model).withLoss(loss).withBatch(batch));
        return new Network(inputs + " inputs, " + network.name(), network.plan());
    }

    /**
     * With an executor that runs ops on the reference's arena: the reference itself, or in tests a
     * mutant of it. It looks at the second step, whose batch is short.
     */
    GradientCheck(ReferenceExecutor reference, OpLoop executor) {
        this.reference = reference;
        this.executor = executor;
        this.plan = reference.plan();
        this.data = executor.upload(data(plan));
        Steps steps = new Steps(SEED, 1).select(1, 1, plan.optimizer(), s -> 1e-3);
        this.pass = StepContext.training(steps, new Batches(data.rows(), plan.batch()));
        for (Op op : plan.training()) {
            if (op instanceof Op.DenseForward o && o.activation() == Activation.RELU) {
                relus.add(o);
            }
        }
    }

    /** Checks so many entries of each tensor of a network, evenly spread, on drawn data. */
    public static List<Result> check(Plan plan, int most) {
        try (ReferenceExecutor reference = ReferenceBackend.executor(plan)) {
            return new GradientCheck(reference, reference).results(most);
        }
    }

    /**
     * Data that fits a plan: one full batch and a short one of bytes, three quarters of them 0,
     * with labels or targets, drawn by Philox.
     */
    public static Dataset data(Plan plan) {
        return data(plan, 0.25);
    }

    /** The same with another share of values that are not 0: some backends skip zeros. */
    static Dataset data(Plan plan, double density) {
        int rows = plan.batch() + plan.batch() / 2 + 1;
        int features = plan.inputSize();
        byte[] pixels = new byte[rows * features];
        for (int i = 0; i < pixels.length; i++) {
            boolean lit = Philox.unit(Philox.word(SEED, 1, 1, i)) < density;
            int value = 1 + Integer.remainderUnsigned(Philox.word(SEED, 1, 0, i), 255);
            pixels[i] = (byte) (lit ? value : 0);
        }
        int[] shape = plan.model().inputShape().stream().mapToInt(Integer::intValue).toArray();
        Dataset set = Dataset.ofPixels("drawn data", shape, pixels);
        int outputs = plan.outputSize();
        if (plan.loss().classifies()) {
            return KernelCases.labelled(set, outputs, SEED, 2);
        }
        return set.withTargets(
                plan.loss().isBinary()
                        ? KernelCases.probabilities(rows * outputs, SEED, 3, 0)
                        : KernelCases.uniform(rows * outputs, SEED, 3, 0),
                outputs);
    }

    List<Result> results(int most) {
        reference.write(plan.state(), parameters(), 0);
        for (Op op : plan.training()) {
            if (!(op instanceof Op.Update)) {
                executor.run(op, data, pass);
            }
        }
        double loss = meanLoss();
        double[] gradients = reference.arena().clone();
        BitSet sides = sides();
        List<Result> results = new ArrayList<>();
        for (Plan.DenseSlices dense : plan.dense()) {
            for (Slice tensor : List.of(dense.weights(), dense.bias())) {
                results.add(check(tensor, gradients, loss, sides, most));
            }
        }
        return results;
    }

    /** The initial state, with biases that are not 0. */
    private float[] parameters() {
        float[] state = plan.initialState(SEED);
        for (Plan.DenseSlices dense : plan.dense()) {
            for (int j = 0; j < dense.bias().columns(); j++) {
                int at = (int) dense.bias().offset() + j;
                state[at] = 0.2f * Philox.unit(Philox.word(SEED, 4, 0, at)) - 0.1f;
            }
        }
        return state;
    }

    private Result check(Slice tensor, double[] gradients, double loss, BitSet sides, int most) {
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
            double above = forward();
            boolean moved = !sides.equals(sides());
            arena[at] = w - h;
            double below = forward();
            moved |= !sides.equals(sides());
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

    /** The loss with the parameters as they are, by the ops after Gather up to the loss. */
    private double forward() {
        plan.training()
                .subList(1, plan.dense().size() + 2)
                .forEach(op -> reference.run(op, data, pass));
        return meanLoss();
    }

    private double meanLoss() {
        int at = (int) plan.metrics().loss().offset();
        return Arrays.stream(reference.arena(), at, at + pass.rows()).average().orElseThrow();
    }

    /** On which side of 0 each ReLU is. */
    private BitSet sides() {
        BitSet sides = new BitSet();
        int n = 0;
        for (Op.DenseForward relu : relus) {
            int at = (int) relu.y().offset();
            for (int i = 0; i < pass.rows() * relu.y().columns(); i++) {
                sides.set(n++, reference.arena()[at + i] > 0);
            }
        }
        return sides;
    }
}
