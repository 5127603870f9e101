package org.quern.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.quern.data.Dataset;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;
import org.quern.random.Philox;

/** The list of kernel cases: every op of the plans of some networks with awkward sizes. */
public final class KernelCases {
    private static final Optimizer ADAM = Optimizer.Adam.DEFAULT;
    private static final Optimizer ADAMW = new Optimizer.Adam(0.8, 0.99, 1e-5, 0.1);
    private static final Optimizer SGD = new Optimizer.Sgd(0, 0);
    private static final Optimizer MOMENTUM = new Optimizer.Sgd(0.9, 0.01);

    private static final float LARGEST_SPREAD = 3;

    private KernelCases() {}

    /** All cases. */
    public static List<KernelCase> all() {
        List<KernelCase> cases = new ArrayList<>();
        add(cases, "dense 2", pixels(3, 1), Loss.CROSS_ENTROPY, ADAM, 1, 0, 1);
        add(
                cases,
                "dense 31 relu, dropout 0.3, dense 33 tanh, dense 2",
                values(7, 2),
                Loss.CROSS_ENTROPY,
                SGD,
                2,
                5,
                1);
        add(
                cases,
                "dense 33 sigmoid, dropout 0.5, dense 31 gelu, dense 10",
                pixels(48, 257),
                Loss.CROSS_ENTROPY,
                MOMENTUM,
                31,
                3,
                1);
        add(
                cases,
                "dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10",
                pixels(70, 784),
                Loss.CROSS_ENTROPY,
                ADAM,
                32,
                100_000,
                1);
        add(
                cases,
                "dropout 0.2, dense 257 gelu, dropout 0.9, dense 1000",
                values(20, 33),
                Loss.CROSS_ENTROPY,
                ADAMW,
                7,
                2,
                3);
        add(
                cases,
                "dense 31 tanh, dropout 0.4, dense 17 sigmoid, dropout 0.1, dense 13",
                pixels(5, 31),
                Loss.CROSS_ENTROPY,
                ADAM,
                33,
                0,
                1e4f);
        add(
                cases,
                "dense 500 relu, dropout 0.5, dense 101 tanh, dense 67",
                values(200, 300),
                Loss.CROSS_ENTROPY,
                ADAM,
                130,
                1,
                1);
        // more rows than any kernel takes at once
        add(
                cases,
                "dense 5 relu, dropout 0.1, dense 3",
                pixels(2405, 12),
                Loss.CROSS_ENTROPY,
                ADAM,
                1200,
                1,
                1);
        for (Activation activation : Activation.values()) {
            add(
                    cases,
                    "dense 13 tanh, dense 5 " + activation.text(),
                    values(34, 31).withTargets(targets(34, 5), 5),
                    Loss.MEAN_SQUARED_ERROR,
                    MOMENTUM,
                    33,
                    1,
                    2);
            add(
                    cases,
                    "dense 7 " + activation.text() + ", dropout 0.25, dense 1",
                    pixels(11, 13).withTargets(targets(11, 1), 1),
                    Loss.MEAN_SQUARED_ERROR,
                    ADAM,
                    4,
                    2,
                    1);
        }
        return List.copyOf(cases);
    }

    /** The cases of one small network, for a quick look at a backend. */
    public static List<KernelCase> quick() {
        List<KernelCase> cases = new ArrayList<>();
        add(
                cases,
                "dense 33 relu, dropout 0.3, dense 15 gelu, dropout 0.3, dense 10",
                pixels(50, 257),
                Loss.CROSS_ENTROPY,
                ADAM,
                31,
                1,
                1);
        return List.copyOf(cases);
    }

    /**
     * Adds each op of a plan once in training, and the ops of inference.
     *
     * @param step chosen so that the pass is full or the short last one of an epoch
     */
    private static void add(
            List<KernelCase> cases,
            String layers,
            Dataset data,
            Loss loss,
            Optimizer optimizer,
            int batch,
            long step,
            float spread) {
        boolean pixels = data.isPixels();
        Scaling scaling = pixels ? Scaling.UNIT : new Scaling(1.5f, -0.25f);
        Model model = ModelText.parse(Model.input(data.shape()).scaled(scaling), layers);
        Dataset set = data.hasTargets() ? data : labelled(data, model.outputSize());
        Plan plan = Plan.of(model, loss, optimizer, batch);
        int stepsPerEpoch = (set.rows() - 1) / batch + 1;
        int rows = Math.min(batch, set.rows() - (int) (step % stepsPerEpoch) * batch);
        for (Op op : plan.training()) {
            cases.add(of(plan, op, true, step, rows, set, spread));
        }
        int inferred = Math.min(set.rows(), Math.min(3, plan.inferenceBatch()));
        for (Op op : plan.inference()) {
            cases.add(of(plan, op, false, 0, inferred, set, spread));
        }
    }

    /** An op of a plan as a case. */
    static KernelCase of(
            Plan plan, Op op, boolean training, long step, int rows, Dataset data, float spread) {
        return new KernelCase(
                name(op, rows, training),
                plan,
                op,
                training,
                step,
                rows,
                data,
                spreadOf(op, spread));
    }

    /**
     * Only logits are drawn from a wide range, where softmax must not overflow. With operands that
     * large the bound of a sum would be wider than the range of the activation after it, and the
     * case could not fail.
     */
    private static float spreadOf(Op op, float spread) {
        return op instanceof Op.CrossEntropy ? spread : Math.min(spread, LARGEST_SPREAD);
    }

    private static String name(Op op, int rows, boolean training) {
        float rate = op.mask().rate();
        return op.name(rows)
                + (rate > 0 && training ? ", dropout " + rate : "")
                + (training ? "" : ", inference");
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

    private static Dataset values(int rows, int features) {
        return Dataset.ofValues("case values", new int[] {features}, targets(rows, features));
    }

    static float[] targets(int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = 2 * Philox.unit(Philox.word(2, columns, rows, i)) - 1;
        }
        return values;
    }

    static Dataset labelled(Dataset set, int classes) {
        int[] labels = new int[set.rows()];
        for (int row = 0; row < labels.length; row++) {
            labels[row] = Integer.remainderUnsigned(Philox.word(3, 0, 0, row), classes);
        }
        return set.withLabels(
                labels, IntStream.range(0, classes).mapToObj(Integer::toString).toList());
    }
}
