package org.quern.backend.reference;

import org.quern.backend.DeviceDataset;
import org.quern.backend.OpLoop;
import org.quern.backend.StepContext;
import org.quern.data.Dataset;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * Every op in float64, one obvious loop each, on an arena of doubles. What is float32 by contract
 * (the input scaling, dropout's scale, step sizes) starts from that value.
 */
public final class ReferenceExecutor extends OpLoop {
    private final double[] arena;

    ReferenceExecutor(Plan plan) {
        super(plan);
        arena = new double[Math.toIntExact(plan.arena())];
    }

    /** The whole arena, not copied, for checks that need more than float32. */
    public double[] arena() {
        return arena;
    }

    @Override
    public String device() {
        return "float64, 1 thread";
    }

    @Override
    public void write(Slice slice, float[] source, int from) {
        for (int i = 0; i < slice.size(); i++) {
            arena[at(slice) + i] = source[from + i];
        }
    }

    @Override
    public void read(Slice slice, float[] target, int to) {
        for (int i = 0; i < slice.size(); i++) {
            target[to + i] = (float) arena[at(slice) + i];
        }
    }

    @Override
    public void run(Op op, DeviceDataset data, StepContext pass) {
        if (op instanceof Op.Gather o) {
            gather(o, data.set(), pass);
        } else if (op instanceof Op.DenseForward o) {
            forward(o, pass);
        } else if (op instanceof Op.CrossEntropy o) {
            crossEntropy(o, pass.rows());
        } else if (op instanceof Op.ElementwiseLoss o) {
            elementwiseLoss(o, pass.rows());
        } else if (op instanceof Op.DenseBackwardInput o) {
            backwardInput(o, pass);
        } else if (op instanceof Op.DenseBackwardWeights o) {
            backwardWeights(o, pass.rows());
        } else if (op instanceof Op.Update o) {
            update(o, pass);
        } else if (op instanceof Op.Metrics o) {
            metrics(o, pass);
        }
    }

    private void gather(Op.Gather op, Dataset set, StepContext pass) {
        int x = at(op.x());
        int t = at(op.targets());
        int columns = op.x().columns();
        for (int b = 0; b < pass.rows(); b++) {
            int row = pass.row(b);
            for (int i = 0; i < columns; i++) {
                double value = (double) set.value(row, i) * op.scale() + op.shift();
                arena[x + b * columns + i] = value * pass.keep(op.mask(), b, i, columns);
            }
            int width = op.targets().columns();
            for (int j = 0; pass.isTraining() && j < width; j++) {
                arena[t + b * width + j] = DeviceDataset.target(plan(), set, row, j);
            }
        }
    }

    private void forward(Op.DenseForward op, StepContext pass) {
        int in = op.weights().rows();
        int out = op.weights().columns();
        for (int b = 0; b < pass.rows(); b++) {
            for (int j = 0; j < out; j++) {
                double z = arena[at(op.bias()) + j];
                for (int i = 0; i < in; i++) {
                    z += arena[at(op.x()) + b * in + i] * arena[at(op.weights()) + i * out + j];
                }
                if (op.z() != null) {
                    arena[at(op.z()) + b * out + j] = z;
                }
                arena[at(op.y()) + b * out + j] =
                        op.activation().value(z) * pass.keep(op.mask(), b, j, out);
            }
        }
    }

    private void crossEntropy(Op.CrossEntropy op, int rows) {
        int columns = op.logits().columns();
        for (int b = 0; b < rows; b++) {
            int z = at(op.logits()) + b * columns;
            int wanted = at(op.targets()) + b * op.targets().columns();
            int target = (int) arena[wanted];
            double weight = op.targets().columns() > 1 ? arena[wanted + 1] : 1;
            int best = 0;
            for (int j = 1; j < columns; j++) {
                best = arena[z + j] > arena[z + best] ? j : best;
            }
            double sum = 0;
            for (int j = 0; j < columns; j++) {
                sum += Math.exp(arena[z + j] - arena[z + best]);
            }
            for (int j = 0; j < columns; j++) {
                double p = Math.exp(arena[z + j] - arena[z + best]) / sum;
                double slope = (p - (j == target ? 1 : 0)) * weight / rows;
                arena[at(op.gradient()) + b * columns + j] = slope;
            }
            double loss = Math.log(sum) + arena[z + best] - arena[z + target];
            arena[at(op.loss()) + b] = loss * weight;
            arena[at(op.hits()) + b] = best == target ? 1 : 0;
        }
    }

    private void elementwiseLoss(Op.ElementwiseLoss op, int rows) {
        int columns = op.y().columns();
        for (int b = 0; b < rows; b++) {
            double loss = 0;
            int hits = 0;
            for (int j = 0; j < columns; j++) {
                int k = b * columns + j;
                double y = arena[at(op.y()) + k];
                double z = op.z() == null ? 0 : arena[at(op.z()) + k];
                double target = arena[at(op.targets()) + k];
                loss += op.form().value(y, target) / columns;
                hits += op.form().hits(y, target);
                double slope = op.form().slope(y, target) / ((double) rows * columns);
                arena[at(op.gradient()) + k] = slope * op.activation().slope(y, z);
            }
            arena[at(op.loss()) + b] = loss;
            arena[at(op.hits()) + b] = hits;
        }
    }

    private void backwardInput(Op.DenseBackwardInput op, StepContext pass) {
        int in = op.weights().rows();
        int out = op.weights().columns();
        for (int b = 0; b < pass.rows(); b++) {
            for (int i = 0; i < in; i++) {
                double sum = 0;
                for (int j = 0; j < out; j++) {
                    sum += arena[at(op.dy()) + b * out + j] * arena[at(op.weights()) + i * out + j];
                }
                int k = b * in + i;
                double keep = pass.keep(op.mask(), b, i, in);
                double y = keep == 0 ? 0 : arena[at(op.x()) + k] / keep;
                double z = op.z() == null ? 0 : arena[at(op.z()) + k];
                arena[at(op.dx()) + k] = keep == 0 ? 0 : sum * keep * op.activation().slope(y, z);
            }
        }
    }

    private void backwardWeights(Op.DenseBackwardWeights op, int rows) {
        int in = op.dw().rows();
        int out = op.dw().columns();
        for (int j = 0; j < out; j++) {
            for (int i = 0; i < in; i++) {
                double sum = 0;
                for (int b = 0; b < rows; b++) {
                    sum += arena[at(op.x()) + b * in + i] * arena[at(op.dy()) + b * out + j];
                }
                arena[at(op.dw()) + i * out + j] = sum;
            }
            double sum = 0;
            for (int b = 0; b < rows; b++) {
                sum += arena[at(op.dy()) + b * out + j];
            }
            arena[at(op.db()) + j] = sum;
        }
    }

    private void update(Op.Update op, StepContext pass) {
        double[] moments = new double[op.moments().size()];
        for (int i = 0; i < op.parameters().size(); i++) {
            for (int k = 0; k < moments.length; k++) {
                moments[k] = arena[at(op.moments().get(k)) + i];
            }
            int w = at(op.parameters()) + i;
            double g = arena[at(op.gradients()) + i];
            arena[w] = op.form().update(arena[w], g, moments, pass.rate(), pass.decay());
            for (int k = 0; k < moments.length; k++) {
                arena[at(op.moments().get(k)) + i] = moments[k];
            }
        }
    }

    private void metrics(Op.Metrics op, StepContext pass) {
        double loss = 0;
        int hits = 0;
        for (int b = 0; b < pass.rows(); b++) {
            loss += arena[at(op.loss()) + b];
            hits += (int) arena[at(op.hits()) + b];
        }
        pass.log((float) loss, hits);
    }

    private static int at(Slice slice) {
        return (int) slice.offset();
    }
}
