package org.quern.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.quern.data.Dataset;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/**
 * Kernel cases at sizes of use, for benchmarks: where {@link KernelCases} has the awkward ones.
 * Cases of one plan follow one another.
 */
public final class BenchCases {
    private static final int PIXELS = 784;
    private static final int ROWS = 2048;
    private static final Optimizer ADAM = Optimizer.Adam.DEFAULT;

    private BenchCases() {}

    /** The ops of a training step of the tutorial's network, batch 32. */
    public static List<KernelCase> quick() {
        List<KernelCase> cases = new ArrayList<>();
        train(
                cases,
                plan(
                        PIXELS,
                        "dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10",
                        Loss.CROSS_ENTROPY,
                        ADAM,
                        32),
                KernelCases.pixels(ROWS, PIXELS),
                op -> true);
        return List.copyOf(cases);
    }

    /**
     * These; the same of 784-800-800-10 at batch 128; what those lack (the head of a network of
     * 1,000 classes, GELU, regression, SGD with momentum); and of the largest network of Cireşan et
     * al. (2010), 12 million parameters, which no cache holds, Adam and the prediction of one row.
     */
    public static List<KernelCase> all() {
        List<KernelCase> cases = new ArrayList<>(quick());
        train(
                cases,
                plan(
                        PIXELS,
                        "dense 800 relu, dropout 0.5, dense 800 relu, dropout 0.5, dense 10",
                        Loss.CROSS_ENTROPY,
                        ADAM,
                        128),
                KernelCases.pixels(ROWS, PIXELS),
                op -> true);
        train(
                cases,
                plan(64, "dense 1000", Loss.CROSS_ENTROPY, ADAM, 128),
                KernelCases.pixels(ROWS, 64),
                Op.CrossEntropy.class::isInstance);
        train(
                cases,
                plan(
                        PIXELS,
                        "dense 800 gelu, dense 100",
                        Loss.MEAN_SQUARED_ERROR,
                        new Optimizer.Sgd(0.9, 0),
                        128),
                KernelCases.pixels(256, PIXELS).withTargets(KernelCases.targets(256, 100), 100),
                op ->
                        op instanceof Op.RegressionLoss
                                || op instanceof Op.Update
                                || op instanceof Op.DenseBackwardInput
                                || op instanceof Op.DenseForward o && o.z() != null);
        Plan large =
                plan(
                        PIXELS,
                        "dense 2500 relu, dense 2000 relu, dense 1500 relu, dense 1000 relu,"
                                + " dense 500 relu, dense 10",
                        Loss.CROSS_ENTROPY,
                        ADAM,
                        1);
        Dataset few = KernelCases.labelled(KernelCases.pixels(4, PIXELS), 10);
        large.inference().stream()
                .filter(op -> op instanceof Op.DenseForward o && o.weights().rows() == 2500)
                .forEach(op -> cases.add(KernelCases.of(large, op, false, 0, 1, few, 1)));
        train(cases, large, few, Op.Update.class::isInstance);
        return List.copyOf(cases);
    }

    /**
     * A product of n × n matrices, dW = Xᵀ·dY, as large as its time is to be: what comes near the
     * arithmetic limit of a device that no loop of multiply-adds is at hand for.
     */
    public static KernelCase product(int n) {
        Plan plan = plan(n, "dense " + n, Loss.MEAN_SQUARED_ERROR, new Optimizer.Sgd(0, 0), n);
        Op op =
                plan.training().stream()
                        .filter(Op.DenseBackwardWeights.class::isInstance)
                        .findFirst()
                        .orElseThrow();
        Dataset data = Dataset.ofPixels("nothing", new int[] {n}, new byte[n * n]);
        return KernelCases.of(plan, op, true, 0, n, data.withTargets(new float[n * n], n), 1);
    }

    private static Plan plan(int in, String layers, Loss loss, Optimizer optimizer, int batch) {
        Model model = ModelText.parse(Model.input(in).scaled(Scaling.UNIT), layers);
        return Plan.of(model, loss, optimizer, batch);
    }

    private static void train(
            List<KernelCase> cases, Plan plan, Dataset data, Predicate<Op> wanted) {
        Dataset set =
                data.hasTargets() || data.hasLabels()
                        ? data
                        : KernelCases.labelled(data, plan.outputSize());
        plan.training().stream()
                .filter(wanted)
                .forEach(op -> cases.add(KernelCases.of(plan, op, true, 1, plan.batch(), set, 1)));
    }
}
