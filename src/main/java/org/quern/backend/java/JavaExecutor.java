package org.quern.backend.java;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.quern.backend.DeviceDataset;
import org.quern.backend.OpLoop;
import org.quern.backend.StepContext;
import org.quern.data.Dataset;
import org.quern.model.Activation;
import org.quern.plan.Mask;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;
import org.quern.random.Philox;

/**
 * A plan in plain Java. The ops run one after the other; {@link #train} differs only in that rows
 * of bytes stay without their zeros from the data set to the first layer's weight gradients.
 */
final class JavaExecutor extends OpLoop {
    private final Arena arena;
    private final SparseBatch input;
    private final SparseBatch entries;
    private final int[] order;
    private final float[] sums;
    private final float[] bias;
    private final SparseBatch.RowBuffers rows;
    private final float[][] moments;
    private final Map<Mask, Keep> keeps = new HashMap<>();

    JavaExecutor(Plan plan) {
        super(plan);
        arena = new Arena(plan);
        int widest = plan.inputSize();
        for (Plan.DenseSlices dense : plan.dense()) {
            widest = Math.max(widest, dense.layer().units());
            addKeep(dense.mask(), plan.batch() * dense.layer().units());
        }
        addKeep(plan.gather().mask(), plan.batch() * plan.inputSize());
        input = new SparseBatch(plan.batch(), plan.inputSize());
        entries = new SparseBatch(plan.inferenceBatch(), widest);
        order = new int[plan.inferenceBatch()];
        sums = new float[widest];
        bias = new float[widest];
        rows = new SparseBatch.RowBuffers(Math.max(widest, plan.batch()));
        moments = plan.update().moments().stream().map(arena::array).toArray(float[][]::new);
    }

    private void addKeep(Mask mask, int size) {
        if (mask.drops()) {
            keeps.put(mask, new Keep(size));
        }
    }

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

    /** The factors of a mask for a matrix of so many columns; null where nothing is dropped. */
    private float[] keep(Mask mask, StepContext pass, int columns) {
        return pass.drops(mask) ? keeps.get(mask).draw(mask, pass, pass.rows() * columns) : null;
    }

    /** A data set with its sparse form, null where it is not used. */
    private record JavaData(Dataset set, SparseBatch.SparseRows sparse) implements DeviceDataset {}

    @Override
    public DeviceDataset upload(Dataset data) {
        boolean exact = plan().model().scaling().shift() == 0;
        return new JavaData(data, exact ? SparseBatch.SparseRows.of(data) : null);
    }

    @Override
    public String device() {
        return "plain Java, 1 thread";
    }

    @Override
    public void write(Slice slice, float[] source, int from) {
        arena.copy(slice, source, from, true);
    }

    @Override
    public void read(Slice slice, float[] target, int to) {
        arena.copy(slice, target, to, false);
    }

    @Override
    public void run(Op op, DeviceDataset data, StepContext pass) {
        if (op instanceof Op.Gather o) {
            gather(o, data.set(), pass);
        } else if (op instanceof Op.DenseForward o) {
            forward(o, collected(o.x(), pass), pass);
        } else if (op instanceof Op.CrossEntropy o) {
            crossEntropy(o, pass.rows());
        } else if (op instanceof Op.ElementwiseLoss o) {
            elementwiseLoss(o, pass.rows());
        } else if (op instanceof Op.DenseBackwardInput o) {
            backwardInput(o, pass);
        } else if (op instanceof Op.DenseBackwardWeights o) {
            backwardWeights(o, collected(o.x(), pass), pass.rows());
        } else if (op instanceof Op.Update o) {
            float[] w = arena.array(o.parameters());
            float[] g = arena.array(o.gradients());
            o.form().update(w, g, moments, o.parameters().columns(), pass.rate(), pass.decay());
        } else if (op instanceof Op.Metrics o) {
            metrics(o, pass);
        }
    }

    @Override
    protected void train(Op op, DeviceDataset data, StepContext pass) {
        Slice x = plan().gather().x();
        if (op instanceof Op.Gather o) {
            gatherSparse(o, (JavaData) data, pass);
        } else if (op instanceof Op.DenseForward o && o.x().equals(x)) {
            forward(o, input, pass);
        } else if (op instanceof Op.DenseBackwardWeights o && o.x().equals(x)) {
            backwardWeights(o, input, pass.rows());
        } else {
            run(op, data, pass);
        }
    }

    /** The values of a matrix that are not zero; valid until the next call. */
    private SparseBatch collected(Slice x, StepContext pass) {
        SparseBatch batch = entries.of(x.columns());
        batch.collect(arena.array(x), arena.at(x), pass.rows());
        return batch;
    }

    private void gatherSparse(Op.Gather op, JavaData data, StepContext pass) {
        if (data.sparse == null) {
            gather(op, data.set, pass);
            input.collect(arena.array(op.x()), arena.at(op.x()), pass.rows());
            return;
        }
        for (int b = 0; b < pass.rows(); b++) {
            order[b] = pass.row(b);
        }
        input.collect(data.sparse, order, pass.rows(), op.scale());
        float[] factors = keep(op.mask(), pass, op.x().columns());
        if (factors != null) {
            input.multiply(factors);
        }
        gatherTargets(op, data.set, pass);
    }

    private void gather(Op.Gather op, Dataset set, StepContext pass) {
        float[] x = arena.array(op.x());
        int columns = op.x().columns();
        float[] factors = keep(op.mask(), pass, columns);
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
            gatherTargets(op, set, pass);
        }
    }

    private void gatherTargets(Op.Gather op, Dataset set, StepContext pass) {
        float[] targets = arena.array(op.targets());
        int at = arena.at(op.targets());
        int width = op.targets().columns();
        for (int b = 0; b < pass.rows(); b++) {
            for (int j = 0; j < width; j++) {
                targets[at + b * width + j] = DeviceDataset.target(plan(), set, order[b], j);
            }
        }
    }

    private void forward(Op.DenseForward op, SparseBatch x, StepContext pass) {
        int n = op.y().columns();
        float[] y = arena.array(op.y());
        float[] factors = keep(op.mask(), pass, n);
        float[][] w = x.rowsOf(arena.array(op.weights()), arena.at(op.weights()), n, rows);
        System.arraycopy(arena.array(op.bias()), arena.at(op.bias()), bias, 0, n);
        for (int b = 0; b < pass.rows(); b++) {
            int at = arena.at(op.y()) + b * n;
            x.product(b, w, sums, n);
            SparseBatch.add(1, bias, sums, n);
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
        float[] factors = keep(op.mask(), pass, in);
        float unscale = factors == null ? 1 : 1 / op.mask().scale();
        Activation activation = op.activation();
        float[][] columns = rows.columns(w, arena.at(op.weights()), in, out);
        SparseBatch gradients = collected(op.dy(), pass);
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

    private void backwardWeights(Op.DenseBackwardWeights op, SparseBatch x, int batch) {
        int n = op.dw().columns();
        x.sort();
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
            SparseBatch.add(1, d[b], sums, n);
        }
        System.arraycopy(sums, 0, g, arena.at(op.db()), n);
    }

    /** See {@link Op.CrossEntropy}; exponentials are summed in float64. */
    private void crossEntropy(Op.CrossEntropy op, int rows) {
        int n = op.logits().columns();
        float[] a = arena.array(op.logits());
        int targets = arena.at(op.targets());
        int width = op.targets().columns();
        for (int b = 0; b < rows; b++) {
            int z = arena.at(op.logits()) + b * n;
            int g = arena.at(op.gradient()) + b * n;
            int target = (int) a[targets + b * width];
            float weight = width > 1 ? a[targets + b * width + 1] : 1;
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
            float factor = (float) (weight / (sum * rows));
            for (int j = 0; j < n; j++) {
                a[g + j] *= factor;
            }
            a[g + target] -= weight / rows;
            a[arena.at(op.loss()) + b] = (float) (weight * (Math.log(sum) + top - a[z + target]));
            a[arena.at(op.hits()) + b] = best == target ? 1 : 0;
        }
    }

    private void elementwiseLoss(Op.ElementwiseLoss op, int rows) {
        int n = op.y().columns();
        float[] a = arena.array(op.y());
        float factor = 1f / ((float) rows * n);
        for (int b = 0; b < rows; b++) {
            float sum = 0;
            int hits = 0;
            for (int j = 0; j < n; j++) {
                int k = b * n + j;
                float y = a[arena.at(op.y()) + k];
                float z = op.z() == null ? 0 : a[arena.at(op.z()) + k];
                float t = a[arena.at(op.targets()) + k];
                sum += op.form().floatValue(y, t);
                hits += op.form().hits(y, t);
                a[arena.at(op.gradient()) + k] =
                        factor * op.form().floatSlope(y, t) * op.activation().floatSlope(y, z);
            }
            a[arena.at(op.loss()) + b] = sum / n;
            a[arena.at(op.hits()) + b] = hits;
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
}
