package org.quern.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.quern.data.Dataset;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Batches;
import org.quern.plan.Loss;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;
import org.quern.random.Philox;

/** Makes the ops of plans into {@linkplain KernelCase cases}, and lists those at sizes of use. */
public final class KernelCases {
    private static final Optimizer ADAM = Optimizer.Adam.DEFAULT;
    private static final int PIXELS = 784;
    private static final int ROWS = 2048;
    private static final float LARGEST_SPREAD = 3;

    private KernelCases() {}

    /** The cases of one small network, for a quick look at a backend. */
    public static List<KernelCase> quick() {
        String layers = "dense 33 relu, dropout 0.3, dense 15 gelu, dropout 0.3, dense 10";
        return of(layers, pixels(50, 257), Loss.CROSS_ENTROPY, ADAM, 31, 1, 1);
    }

    /** For a quick benchmark: the ops of a training step of the tutorial's network, batch 32. */
    public static List<KernelCase> quickBench() {
        Plan plan = classifier(PIXELS, ModelText.TUTORIAL, 32);
        return training(plan, pixels(ROWS, PIXELS), op -> true);
    }

    /**
     * For a benchmark, those of one plan after one another: {@link #quickBench}; the same of
     * 784-800-800-10 at batch 128; what those lack (the head of a network of 1,000 classes, GELU,
     * regression, SGD with momentum); and of the largest network of Cireşan et al. (2010), 12
     * million parameters, which no cache holds, Adam and the prediction of one row.
     */
    public static List<KernelCase> bench() {
        List<KernelCase> cases = new ArrayList<>(quickBench());
        String layers = "dense 800 relu, dropout 0.5, dense 800 relu, dropout 0.5, dense 10";
        Plan wide = classifier(PIXELS, layers, 128);
        cases.addAll(training(wide, pixels(ROWS, PIXELS), op -> true));
        Plan head = classifier(64, "dense 1000", 128);
        cases.addAll(training(head, pixels(ROWS, 64), Op.CrossEntropy.class::isInstance));
        Optimizer momentum = new Optimizer.Sgd(0.9, 0);
        layers = "dense 800 gelu, dense 100";
        Plan regression = plan(PIXELS, layers, Loss.MEAN_SQUARED_ERROR, momentum, 128);
        Predicate<Op> lacking =
                op ->
                        op instanceof Op.ElementwiseLoss
                                || op instanceof Op.Update
                                || op instanceof Op.DenseBackwardInput
                                || op instanceof Op.DenseForward o && o.z() != null;
        Dataset rows = pixels(256, PIXELS).withTargets(targets(256, 100), 100);
        cases.addAll(training(regression, rows, lacking));
        layers =
                "dense 2500 relu, dense 2000 relu, dense 1500 relu, dense 1000 relu,"
                        + " dense 500 relu, dense 10";
        Plan large = classifier(PIXELS, layers, 1);
        Dataset few = labelled(pixels(4, PIXELS), 10);
        large.inference().stream()
                .filter(op -> op instanceof Op.DenseForward o && o.weights().rows() == 2500)
                .forEach(op -> cases.add(of(large, op, false, 0, 1, few, 1)));
        cases.addAll(training(large, few, Op.Update.class::isInstance));
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
        return of(plan, op, true, 0, n, data.withTargets(new float[n * n], n), 1);
    }

    /** Each op of a plan once in training, in a full or short batch, and the ops of inference. */
    static List<KernelCase> of(
            String layers,
            Dataset data,
            Loss loss,
            Optimizer optimizer,
            int batch,
            long step,
            float spread) {
        Scaling scaling = data.isPixels() ? Scaling.UNIT : new Scaling(1.5f, -0.25f);
        Model model = ModelText.parse(Model.input(data.shape()).scaled(scaling), layers);
        Dataset set = data.hasTargets() ? data : labelled(data, model.outputSize());
        Plan plan = Plan.of(model, loss, optimizer, batch);
        int rows = new Batches(set.rows(), batch).rowsAt(step);
        List<KernelCase> cases = new ArrayList<>();
        plan.training().forEach(op -> cases.add(of(plan, op, true, step, rows, set, spread)));
        int inferred = Math.min(set.rows(), 3);
        plan.inference().forEach(op -> cases.add(of(plan, op, false, 0, inferred, set, spread)));
        return cases;
    }

    static KernelCase of(
            Plan plan, Op op, boolean training, long step, int rows, Dataset data, float spread) {
        float rate = op.mask().rate();
        String name =
                op.name(rows)
                        + (rate > 0 && training ? ", dropout " + rate : "")
                        + (training ? "" : ", inference");
        // only of logits, for no exponential to overflow: with such operands the bound of a sum
        // would be wider than the range of the activation after it, and the case could not fail
        boolean logits =
                op instanceof Op.CrossEntropy
                        || op instanceof Op.ElementwiseLoss && plan.loss().isBinary();
        float used = logits ? spread : Math.min(spread, LARGEST_SPREAD);
        return new KernelCase(name, plan, op, training, step, rows, data, used);
    }

    /** Bytes of which three quarters are 0. */
    static Dataset pixels(int rows, int features) {
        byte[] pixels = new byte[rows * features];
        for (int i = 0; i < pixels.length; i++) {
            int word = Philox.word(1, 0, rows, i);
            pixels[i] = (byte) (word >>> 30 == 0 ? word : 0);
        }
        return Dataset.ofPixels("case pixels", new int[] {features}, pixels);
    }

    static float[] targets(int rows, int columns) {
        return uniform(rows * columns, 2, columns, rows);
    }

    /** Targets of yes and no: 1 or 0, and every third a probability. */
    static float[] probabilities(int size, long seed, int stream, long step) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = probability(Philox.unit(Philox.word(seed, stream, step, i)), i);
        }
        return values;
    }

    static float probability(float unit, int index) {
        return index % 3 == 0 ? unit : Math.round(unit);
    }

    /** Values in [-1, 1) from a stream of Philox. */
    static float[] uniform(int size, long seed, int stream, long step) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = 2 * Philox.unit(Philox.word(seed, stream, step, i)) - 1;
        }
        return values;
    }

    static Dataset labelled(Dataset set, int classes) {
        return labelled(set, classes, 3, 0);
    }

    static Dataset labelled(Dataset set, int classes, long seed, int stream) {
        int[] labels = new int[set.rows()];
        for (int row = 0; row < labels.length; row++) {
            labels[row] = Integer.remainderUnsigned(Philox.word(seed, stream, 0, row), classes);
        }
        List<String> names = IntStream.range(0, classes).mapToObj(Integer::toString).toList();
        return set.withLabels(labels, names);
    }

    private static Plan classifier(int in, String layers, int batch) {
        return plan(in, layers, Loss.CROSS_ENTROPY, ADAM, batch);
    }

    private static Plan plan(int in, String layers, Loss loss, Optimizer optimizer, int batch) {
        Model model = ModelText.parse(Model.input(in).scaled(Scaling.UNIT), layers);
        return Plan.of(model, loss, optimizer, batch);
    }

    private static List<KernelCase> training(Plan plan, Dataset data, Predicate<Op> wanted) {
        Dataset set =
                data.hasTargets() || data.hasLabels() ? data : labelled(data, plan.outputSize());
        return plan.training().stream()
                .filter(wanted)
                .map(op -> of(plan, op, true, 1, plan.batch(), set, 1))
                .toList();
    }
}
