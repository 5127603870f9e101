package org.quern.backend.java;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.quern.backend.StepContext;
import org.quern.data.Dataset;
import org.quern.model.Activation;
import org.quern.plan.Mask;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.random.Philox;

/**
 * The ops of a plan on an {@link Arena}. The inner loops are each a counted loop that C2 turns into
 * vector instructions. It does so only if all arrays are read and written at the same index: of two
 * places in arrays, which might be one array, it does not know that they do not overlap. So a
 * matrix is given as arrays of its rows. Longer sums than of four rows are too much for it.
 */
final class JavaKernels {
    private final Arena arena;
    private final SparseBatch entries;
    private final int[] order;
    private final float[] sums;
    private final float[] bias;
    private final RowBuffers rows;
    private final float[][] moments;
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

    JavaKernels(Plan plan, Arena arena) {
        this.arena = arena;
        int widest = plan.inputSize();
        for (Plan.DenseSlices dense : plan.dense()) {
            widest = Math.max(widest, dense.layer().units());
            addKeep(dense.mask(), plan.batch() * dense.layer().units());
        }
        addKeep(plan.gather().mask(), plan.batch() * plan.inputSize());
        entries = new SparseBatch(plan.inferenceBatch(), widest);
        order = new int[plan.inferenceBatch()];
        sums = new float[widest];
        bias = new float[widest];
        rows = new RowBuffers(Math.max(widest, plan.batch()));
        moments = plan.update().moments().stream().map(arena::array).toArray(float[][]::new);
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
            crossEntropy(o, pass.rows());
        } else if (op instanceof Op.RegressionLoss o) {
            regressionLoss(o, pass.rows());
        } else if (op instanceof Op.DenseBackwardInput o) {
            backwardInput(o, pass);
        } else if (op instanceof Op.DenseBackwardWeights o) {
            SparseBatch x = entries.of(o.x().columns());
            x.collect(arena.array(o.x()), arena.at(o.x()), pass.rows());
            x.sort();
            backwardWeights(o, x, pass.rows());
        } else if (op instanceof Op.Update o) {
            o.form()
                    .update(
                            arena.array(o.parameters()),
                            arena.array(o.gradients()),
                            moments,
                            o.parameters().columns(),
                            pass.rate(),
                            pass.decay());
        } else if (op instanceof Op.Metrics o) {
            metrics(o, pass);
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
            add(1, bias, sums, n);
            if (op.z() != null) {
                System.arraycopy(sums, 0, arena.array(op.z()), arena.at(op.z()) + b * n, n);
            }
            activate(op.activation(), n);
            if (factors == null) {
                System.arraycopy(sums, 0, y, at, n);
            } else {
                for (int j = 0; j < n; j++) {
                    y[at + j] = ifPositive(factors[b * n + j], sums[j] * factors[b * n + j]);
                }
            }
        }
    }

    private void activate(Activation activation, int n) {
        if (activation == Activation.RELU) { // as vector instructions
            for (int j = 0; j < n; j++) {
                sums[j] = Math.max(sums[j], 0);
            }
        } else if (activation != Activation.LINEAR) {
            for (int j = 0; j < n; j++) {
                sums[j] = activation.floatValue(sums[j]);
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
                    dx[at + i] = sums[i] * activation.floatSlope(x[xAt + i] * unscale, zi);
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
            add(1, d[b], sums, n);
        }
        System.arraycopy(sums, 0, g, arena.at(op.db()), n);
    }

    /** See {@link Op.CrossEntropy}; exponentials are summed in float64. */
    private void crossEntropy(Op.CrossEntropy op, int rows) {
        int n = op.logits().columns();
        float[] a = arena.array(op.logits());
        int targets = arena.at(op.targets());
        for (int b = 0; b < rows; b++) {
            int z = arena.at(op.logits()) + b * n;
            int g = arena.at(op.gradient()) + b * n;
            int target = (int) a[targets + b];
            int best = 0;
            for (int j = 1; j < n; j++) {
                best = a[z + j] > a[z + best] ? j : best;
            }
            double top = a[z + best];
            double sum = 0;
            for (int j = 0; j < n; j++) {
                double e = Math.exp(a[z + j] - top);
                a[g + j] = (float) e;
                sum += e;
            }
            float factor = (float) (1 / (sum * rows));
            for (int j = 0; j < n; j++) {
                a[g + j] *= factor;
            }
            a[g + target] -= 1f / rows;
            a[arena.at(op.loss()) + b] = (float) (Math.log(sum) + top - a[z + target]);
            a[arena.at(op.hits()) + b] = best == target ? 1 : 0;
        }
    }

    private void regressionLoss(Op.RegressionLoss op, int rows) {
        int n = op.y().columns();
        float[] a = arena.array(op.y());
        float factor = 1f / ((float) rows * n);
        for (int b = 0; b < rows; b++) {
            float sum = 0;
            for (int j = 0; j < n; j++) {
                int k = b * n + j;
                float y = a[arena.at(op.y()) + k];
                float z = op.z() == null ? 0 : a[arena.at(op.z()) + k];
                float error = y - a[arena.at(op.targets()) + k];
                sum += op.form().floatValue(error);
                a[arena.at(op.gradient()) + k] =
                        factor * op.form().floatSlope(error) * op.activation().floatSlope(y, z);
            }
            a[arena.at(op.loss()) + b] = sum / n;
            a[arena.at(op.hits()) + b] = 0;
        }
    }

    private void metrics(Op.Metrics op, StepContext pass) {
        float[] a = arena.array(op.loss());
        float loss = 0;
        int hits = 0;
        for (int b = 0; b < pass.rows(); b++) {
            loss += a[arena.at(op.loss()) + b];
            hits += (int) a[arena.at(op.hits()) + b];
        }
        pass.log(loss, hits);
    }

    private static void add(float a, float[] x, float[] y, int n) {
        for (int j = 0; j < n; j++) {
            y[j] += a * x[j];
        }
    }

    private static void add2(float a, float[] p, float b, float[] q, float[] y, int n) {
        for (int j = 0; j < n; j++) {
            y[j] = y[j] + a * p[j] + b * q[j];
        }
    }

    private static void add4(
            float a,
            float[] p,
            float b,
            float[] q,
            float c,
            float[] r,
            float d,
            float[] s,
            float[] y,
            int n) {
        for (int j = 0; j < n; j++) {
            y[j] = y[j] + a * p[j] + b * q[j] + c * r[j] + d * s[j];
        }
    }

    /** y[j] = Σₑ values[e] · x[indices[e]][j] over entries [from, to), added in that order. */
    static void sumRows(
            float[] values, int[] indices, int from, int to, float[][] x, float[] y, int n) {
        Arrays.fill(y, 0, n, 0);
        int e = from;
        for (; e + 4 <= to; e += 4) {
            add4(
                    values[e],
                    x[indices[e]],
                    values[e + 1],
                    x[indices[e + 1]],
                    values[e + 2],
                    x[indices[e + 2]],
                    values[e + 3],
                    x[indices[e + 3]],
                    y,
                    n);
        }
        if (e + 2 <= to) {
            add2(values[e], x[indices[e]], values[e + 1], x[indices[e + 1]], y, n);
            e += 2;
        }
        if (e < to) {
            add(values[e], x[indices[e]], y, n);
        }
    }

    /** Rows of a matrix, each in an array of its own: as the loops want them. */
    static final class RowBuffers {
        private final float[][] rows;

        /**
         * @param most how many rows a matrix may have
         */
        RowBuffers(int most) {
            rows = new float[most][0];
        }

        private float[] row(int i, int columns) {
            if (rows[i].length < columns) {
                rows[i] = new float[columns];
            }
            return rows[i];
        }

        /** Copies a matrix [count × columns]. */
        float[][] copy(float[] matrix, int at, int count, int columns) {
            for (int i = 0; i < count; i++) {
                System.arraycopy(matrix, at + i * columns, row(i, columns), 0, columns);
            }
            return rows;
        }

        /**
         * Copies those rows of a matrix that {@code indices[0]} to {@code indices[count - 1]} name.
         */
        float[][] copy(float[] matrix, int at, int[] indices, int count, int columns) {
            for (int e = 0; e < count; e++) {
                int i = indices[e];
                System.arraycopy(matrix, at + i * columns, row(i, columns), 0, columns);
            }
            return rows;
        }

        /** Copies the columns of a matrix [height × width]. */
        float[][] columns(float[] matrix, int at, int height, int width) {
            for (int j = 0; j < width; j++) {
                float[] row = row(j, height);
                for (int i = 0; i < height; i++) {
                    row[i] = matrix[at + i * width + j];
                }
            }
            return rows;
        }
    }
}
