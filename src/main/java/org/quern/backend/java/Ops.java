package org.quern.backend.java;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.quern.backend.StepContext;
import org.quern.data.Dataset;
import org.quern.model.Activation;
import org.quern.plan.Mask;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;
import org.quern.random.Philox;

/** The ops of a plan on an {@link Arena}. */
final class Ops {
    private final Arena arena;
    private final SparseBatch entries;
    private final int[] order;
    private final float[] sums;
    private final float[] bias;
    private final RowBuffers rows;
    private final Map<Mask, Keep> keeps = new HashMap<>();

    /** Factors of a mask, drawn for one step: scale where a value is kept, else 0. */
    private static final class Keep {
        final float[] factors;
        final int[] block = new int[4];
        long step = -1;
        long seed;
        int size;

        Keep(int size) {
            factors = new float[size + 3];
        }

        float[] draw(Mask mask, StepContext pass, int newSize) {
            if (step == pass.step() && seed == pass.seed() && size == newSize) {
                return factors;
            }
            step = pass.step();
            seed = pass.seed();
            size = newSize;
            int scale = Float.floatToRawIntBits(mask.scale());
            long below = Integer.toUnsignedLong(mask.threshold()) - 1;
            for (int i = 0; i < size; i += 4) {
                Philox.block(seed, mask.stream(), step, i / 4, block, 0);
                for (int w = 0; w < 4; w++) {
                    // without a branch, which would be guessed wrong every third time
                    int kept = (int) (below - Integer.toUnsignedLong(block[w]) >> 63);
                    factors[i + w] = Float.intBitsToFloat(scale & kept);
                }
            }
            return factors;
        }
    }

    Ops(Plan plan, Arena arena) {
        this.arena = arena;
        int widest = plan.inputSize();
        for (Plan.DenseSlices dense : plan.dense()) {
            widest = Math.max(widest, dense.layer().units());
            addKeep(dense.mask(), plan.batch() * dense.layer().units());
        }
        addKeep(((Op.Gather) plan.training().get(0)).mask(), plan.batch() * plan.inputSize());
        entries = new SparseBatch(plan.inferenceBatch(), widest);
        order = new int[plan.inferenceBatch()];
        sums = new float[widest];
        bias = new float[widest];
        rows = new RowBuffers(Math.max(widest, plan.batch()));
    }

    private void addKeep(Mask mask, int size) {
        if (mask.drops()) {
            keeps.put(mask, new Keep(size));
        }
    }

    /**
     * The factors of a mask that drops, for all positions of a pass with rows of {@code columns}.
     */
    float[] keep(Mask mask, StepContext pass, int columns) {
        return keeps.get(mask).draw(mask, pass, pass.rows() * columns);
    }

    void run(Op op, Dataset set, StepContext pass) {
        if (op instanceof Op.Gather o) {
            gather(o, set, pass);
        } else if (op instanceof Op.DenseForward o) {
            SparseBatch x = entries.of(o.x().columns());
            x.collect(arena.array(o.x()), arena.at(o.x()), pass.rows());
            forward(o, x, pass);
        } else if (op instanceof Op.CrossEntropy o) {
            Losses.crossEntropy(o, arena, pass.rows());
        } else if (op instanceof Op.SquaredError o) {
            Losses.squaredError(o, arena, pass.rows());
        } else if (op instanceof Op.DenseBackwardInput o) {
            backwardInput(o, pass);
        } else if (op instanceof Op.DenseBackwardWeights o) {
            SparseBatch x = entries.of(o.x().columns());
            x.collect(arena.array(o.x()), arena.at(o.x()), pass.rows());
            x.sort();
            backwardWeights(o, x, pass.rows());
        } else if (op instanceof Op.Adam o) {
            Optimizer.Adam form = o.form();
            Loops.adam(
                    arena.array(o.parameters()),
                    arena.array(o.gradients()),
                    arena.array(o.m()),
                    arena.array(o.v()),
                    o.parameters().columns(),
                    (float) (1 - form.beta1()),
                    (float) (1 - form.beta2()),
                    (float) form.epsilon(),
                    pass.rate(),
                    pass.decay());
        } else if (op instanceof Op.Sgd o) {
            sgd(o, pass);
        } else if (op instanceof Op.Metrics o) {
            Losses.metrics(o, arena, pass);
        }
    }

    private void gather(Op.Gather op, Dataset set, StepContext pass) {
        float[] x = arena.array(op.x());
        int columns = op.x().columns();
        float[] factors = pass.drops(op.mask()) ? keep(op.mask(), pass, columns) : null;
        for (int b = 0; b < pass.rows(); b++) {
            order[b] = pass.row(b);
            int from = order[b] * columns;
            int at = arena.at(op.x()) + b * columns;
            if (set.isPixels()) {
                byte[] pixels = set.pixels();
                for (int i = 0; i < columns; i++) {
                    x[at + i] = (pixels[from + i] & 0xff) * op.scale() + op.shift();
                }
            } else {
                float[] values = set.values();
                for (int i = 0; i < columns; i++) {
                    x[at + i] = values[from + i] * op.scale() + op.shift();
                }
            }
            for (int i = 0; factors != null && i < columns; i++) {
                x[at + i] *= factors[b * columns + i];
            }
        }
        if (pass.isTraining()) {
            gatherTargets(op, set, pass, order);
        }
    }

    void gatherTargets(Op.Gather op, Dataset set, StepContext pass, int[] rows) {
        float[] targets = arena.array(op.targets());
        int at = arena.at(op.targets());
        int width = op.targets().columns();
        for (int b = 0; b < pass.rows(); b++) {
            if (set.hasLabels()) {
                targets[at + b] = set.labels()[rows[b]];
            } else if (set.hasTargets()) {
                System.arraycopy(set.targets(), rows[b] * width, targets, at + b * width, width);
            }
        }
    }

    void forward(Op.DenseForward op, SparseBatch x, StepContext pass) {
        int n = op.y().columns();
        float[] y = arena.array(op.y());
        float[] factors = pass.drops(op.mask()) ? keep(op.mask(), pass, n) : null;
        float[][] w = x.rowsOf(arena.array(op.weights()), arena.at(op.weights()), n, rows);
        System.arraycopy(arena.array(op.bias()), arena.at(op.bias()), bias, 0, n);
        for (int b = 0; b < pass.rows(); b++) {
            int at = arena.at(op.y()) + b * n;
            x.product(b, w, sums, n);
            Loops.add(1, bias, sums, n);
            if (op.z() != null) {
                System.arraycopy(sums, 0, arena.array(op.z()), arena.at(op.z()) + b * n, n);
            }
            Activations.apply(op.activation(), sums, 0, n);
            if (factors == null) {
                System.arraycopy(sums, 0, y, at, n);
            } else {
                for (int j = 0; j < n; j++) {
                    y[at + j] = ifPositive(factors[b * n + j], sums[j] * factors[b * n + j]);
                }
            }
        }
    }

    private void backwardInput(Op.DenseBackwardInput op, StepContext pass) {
        int in = op.weights().rows();
        int out = op.weights().columns();
        float[] w = arena.array(op.weights());
        float[] dx = arena.array(op.dx());
        float[] x = arena.array(op.x());
        float[] z = op.z() == null ? null : arena.array(op.z());
        float[] factors = pass.drops(op.mask()) ? keep(op.mask(), pass, in) : null;
        float unscale = factors == null ? 1 : 1 / op.mask().scale();
        Activation activation = op.activation();
        float[][] columns = rows.columns(w, arena.at(op.weights()), in, out);
        SparseBatch gradients = entries.of(out);
        gradients.collect(arena.array(op.dy()), arena.at(op.dy()), pass.rows());
        for (int b = 0; b < pass.rows(); b++) {
            gradients.product(b, columns, sums, in);
            int xAt = arena.at(op.x()) + b * in;
            int at = arena.at(op.dx()) + b * in;
            if (activation == Activation.RELU) {
                for (int i = 0; i < in; i++) {
                    dx[at + i] = ifPositive(x[xAt + i], sums[i]);
                }
            } else {
                for (int i = 0; i < in; i++) {
                    float zi = z == null ? 0 : z[arena.at(op.z()) + b * in + i];
                    dx[at + i] =
                            sums[i] * Activations.derivative(activation, x[xAt + i] * unscale, zi);
                }
            }
            for (int i = 0; factors != null && i < in; i++) {
                float factor = factors[b * in + i];
                dx[at + i] = ifPositive(factor, dx[at + i] * factor);
            }
        }
    }

    /**
     * {@code value} where {@code y}, which is no negative number, is not 0, else 0, even for a
     * value that is infinite; without a branch, since masks cannot be guessed.
     */
    private static float ifPositive(float y, float value) {
        int mask = -(Float.floatToRawIntBits(y) & Integer.MAX_VALUE) >> 31; // NaN is not 0
        return Float.intBitsToFloat(Float.floatToRawIntBits(value) & mask);
    }

    /** dW and db; the entries of X must be sorted. */
    void backwardWeights(Op.DenseBackwardWeights op, SparseBatch x, int batch) {
        int n = op.dw().columns();
        float[] g = arena.array(op.dw());
        float[] dy = arena.array(op.dy());
        int at = arena.at(op.dw());
        float[][] d = rows.copy(dy, arena.at(op.dy()), batch, n);
        for (int i = 0; i < op.dw().rows(); i++) {
            x.transposedProduct(i, d, sums, n);
            System.arraycopy(sums, 0, g, at + i * n, n);
        }
        Arrays.fill(sums, 0, n, 0);
        for (int b = 0; b < batch; b++) {
            Loops.add(1, d[b], sums, n);
        }
        System.arraycopy(sums, 0, g, arena.at(op.db()), n);
    }

    private void sgd(Op.Sgd op, StepContext pass) {
        float[] w = arena.array(op.parameters());
        float[] g = arena.array(op.gradients());
        int n = op.parameters().columns();
        if (op.velocity() != null) {
            float[] u = arena.array(op.velocity());
            float momentum = (float) op.form().momentum();
            Loops.momentum(w, g, u, n, momentum, pass.rate(), pass.decay());
        } else {
            Loops.sgd(w, g, n, pass.rate(), pass.decay());
        }
    }
}
