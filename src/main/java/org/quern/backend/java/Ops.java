package org.quern.backend.java;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.quern.backend.Pass;
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
    private final Entries entries;
    private final int[] order;
    private final float[] sums;
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

        float[] draw(Mask mask, Pass pass, int newSize) {
            if (step == pass.step() && seed == pass.seed() && size == newSize) {
                return factors;
            }
            step = pass.step();
            seed = pass.seed();
            size = newSize;
            float scale = mask.scale();
            int least = mask.threshold() + Integer.MIN_VALUE;
            for (int i = 0; i < size; i += 4) {
                Philox.block(seed, mask.stream(), step, i / 4, block, 0);
                for (int w = 0; w < 4; w++) {
                    factors[i + w] = block[w] + Integer.MIN_VALUE >= least ? scale : 0;
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
        entries = new Entries(plan.inferenceBatch(), widest);
        order = new int[plan.inferenceBatch()];
        sums = new float[widest];
    }

    private void addKeep(Mask mask, int size) {
        if (mask.drops()) {
            keeps.put(mask, new Keep(size));
        }
    }

    /**
     * The factors of a mask that drops, for all positions of a pass with rows of {@code columns}.
     */
    float[] keep(Mask mask, Pass pass, int columns) {
        return keeps.get(mask).draw(mask, pass, pass.rows() * columns);
    }

    void run(Op op, Dataset set, Pass pass) {
        if (op instanceof Op.Gather o) {
            gather(o, set, pass);
        } else if (op instanceof Op.DenseForward o) {
            Entries x = entries.of(o.x().columns());
            x.collect(arena.array(o.x()), arena.at(o.x()), pass.rows());
            forward(o, x, pass);
        } else if (op instanceof Op.CrossEntropy o) {
            Losses.crossEntropy(o, arena, pass.rows());
        } else if (op instanceof Op.SquaredError o) {
            Losses.squaredError(o, arena, pass.rows());
        } else if (op instanceof Op.DenseBackwardInput o) {
            backwardInput(o, pass);
        } else if (op instanceof Op.DenseBackwardWeights o) {
            Entries x = entries.of(o.x().columns());
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

    private void gather(Op.Gather op, Dataset set, Pass pass) {
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

    void gatherTargets(Op.Gather op, Dataset set, Pass pass, int[] rows) {
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

    void forward(Op.DenseForward op, Entries x, Pass pass) {
        int n = op.y().columns();
        float[] y = arena.array(op.y());
        float[] factors = pass.drops(op.mask()) ? keep(op.mask(), pass, n) : null;
        for (int b = 0; b < pass.rows(); b++) {
            int at = arena.at(op.y()) + b * n;
            Arrays.fill(sums, 0, n, 0);
            x.addProduct(b, arena.array(op.weights()), arena.at(op.weights()), sums, 0, n);
            Loops.add(1, arena.array(op.bias()), arena.at(op.bias()), sums, 0, n);
            if (op.z() != null) {
                System.arraycopy(sums, 0, arena.array(op.z()), arena.at(op.z()) + b * n, n);
            }
            Activations.apply(op.activation(), sums, 0, n);
            if (factors == null) {
                System.arraycopy(sums, 0, y, at, n);
            } else {
                for (int j = 0; j < n; j++) {
                    float factor = factors[b * n + j];
                    y[at + j] = factor == 0 ? 0 : sums[j] * factor;
                }
            }
        }
    }

    private void backwardInput(Op.DenseBackwardInput op, Pass pass) {
        int in = op.weights().rows();
        int out = op.weights().columns();
        float[] w = arena.array(op.weights());
        float[] dy = arena.array(op.dy());
        float[] dx = arena.array(op.dx());
        float[] x = arena.array(op.x());
        float[] z = op.z() == null ? null : arena.array(op.z());
        float[] factors = pass.drops(op.mask()) ? keep(op.mask(), pass, in) : null;
        float unscale = factors == null ? 1 : 1 / op.mask().scale();
        Activation activation = op.activation();
        for (int b = 0; b < pass.rows(); b++) {
            int dyAt = arena.at(op.dy()) + b * out;
            for (int i = 0; i < in; i++) {
                float factor = factors == null ? 1 : factors[b * in + i];
                float y = x[arena.at(op.x()) + b * in + i];
                int at = arena.at(op.dx()) + b * in + i;
                if (factor == 0 || activation == Activation.RELU && y <= 0) {
                    dx[at] = 0;
                    continue;
                }
                float sum = dot(w, arena.at(op.weights()) + i * out, dy, dyAt, out);
                float zi = z == null ? 0 : z[arena.at(op.z()) + b * in + i];
                dx[at] = sum * factor * Activations.derivative(activation, y * unscale, zi);
            }
        }
    }

    /** Σⱼ a[p + j] · b[q + j] in four interleaved sums, which C2 does not do by itself. */
    private static float dot(float[] a, int p, float[] b, int q, int n) {
        float s0 = 0;
        float s1 = 0;
        float s2 = 0;
        float s3 = 0;
        int j = 0;
        for (; j + 4 <= n; j += 4) {
            s0 += a[p + j] * b[q + j];
            s1 += a[p + j + 1] * b[q + j + 1];
            s2 += a[p + j + 2] * b[q + j + 2];
            s3 += a[p + j + 3] * b[q + j + 3];
        }
        for (; j < n; j++) {
            s0 += a[p + j] * b[q + j];
        }
        return s0 + s1 + (s2 + s3);
    }

    /** dW and db; the entries of X must be sorted. */
    void backwardWeights(Op.DenseBackwardWeights op, Entries x, int rows) {
        int n = op.dw().columns();
        float[] g = arena.array(op.dw());
        float[] dy = arena.array(op.dy());
        int dyAt = arena.at(op.dy());
        int at = arena.at(op.dw());
        Arrays.fill(g, at, at + (int) op.dw().size(), 0);
        for (int i = 0; i < op.dw().rows(); i++) {
            x.addTransposedProduct(i, dy, dyAt, g, at + i * n, n);
        }
        int biasAt = arena.at(op.db());
        Arrays.fill(g, biasAt, biasAt + n, 0);
        for (int b = 0; b < rows; b++) {
            Loops.add(1, dy, dyAt + b * n, g, biasAt, n);
        }
    }

    private void sgd(Op.Sgd op, Pass pass) {
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
