package org.quern.verify;

import java.util.Arrays;
import java.util.List;
import org.quern.backend.StepContext;
import org.quern.plan.Op;
import org.quern.plan.Slice;

/**
 * How far a float32 result may be from the float64 one, derived from the operation, never tuned:
 * with u = 2⁻²⁴,
 *
 * <ul>
 *   <li>a sum of k products: {@value #C} · √k · u · Σ|aᵢ bᵢ|. Rounding errors of k additions grow
 *       like √k when they are independent (Higham and Mary, SIAM J. Sci. Comput. 41, 2019); {@value
 *       #C} makes a violation by chance less likely than 1 in 10⁴ for one element even at k = 1,
 *       whatever the order of the sum;
 *   <li>a function after it: its Lipschitz constant times that, and {@value #ULPS} u of its value
 *       or, where it is computed from a difference (1 − y²), of 1;
 *   <li>elementwise operations: {@value #ULPS} u of the magnitudes that are added.
 * </ul>
 *
 * All inputs are float32 numbers, so they carry no error of their own.
 */
final class Bounds {
    static final double C = 4;
    static final double ULPS = 8;
    private static final double U = 0x1p-24;

    /** Nothing below the least normal float is promised: some devices flush it to 0. */
    private static final double TINY = 0x1p-126;

    private final double[] in;
    private final double[] out;
    private final StepContext pass;
    private int softmaxAt = -1;
    private double top;
    private double sum;
    private double sumError;

    /** For one op, of the arena before it and, by the reference, after it. */
    Bounds(double[] in, double[] out, StepContext pass) {
        this.in = in;
        this.out = out;
        this.pass = pass;
    }

    /** The largest allowed difference of element (row, column) of an output slice. */
    double of(Op op, Slice slice, int row, int column) {
        int at = (int) slice.offset() + row * slice.columns() + column;
        if (op instanceof Op.Gather o) {
            // labels, and what dropout drops, are exact
            return slice.offset() == o.targets().offset() || out[at] == 0
                    ? 0
                    : ULPS * U * (Math.abs(out[at]) + Math.abs(o.shift()) * o.mask().scale());
        } else if (op instanceof Op.DenseForward o) {
            return forward(o, slice, row, column);
        } else if (op instanceof Op.CrossEntropy o) {
            return crossEntropy(o, slice, row, column);
        } else if (op instanceof Op.ElementwiseLoss o) {
            return elementwiseLoss(o, slice, row, column);
        } else if (op instanceof Op.DenseBackwardInput o) {
            return backwardInput(o, row, column);
        } else if (op instanceof Op.DenseBackwardWeights o) {
            return backwardWeights(o, slice, row, column);
        } else if (op instanceof Op.Update o) {
            return update(o, slice, column);
        }
        throw new IllegalArgumentException("no bound for " + op);
    }

    private double forward(Op.DenseForward op, Slice slice, int row, int j) {
        int n = op.weights().rows();
        int columns = op.weights().columns();
        double magnitude = Math.abs(in[at(op.bias()) + j]);
        for (int i = 0; i < n; i++) {
            double x = in[at(op.x()) + row * n + i];
            magnitude += Math.abs(x * in[at(op.weights()) + i * columns + j]);
        }
        double z = sum(n + 1, magnitude);
        if (op.z() != null && slice.offset() == op.z().offset()) {
            return z + TINY;
        }
        double keep = pass.keep(op.mask(), row, j, columns);
        double y = Math.abs(out[(int) slice.offset() + row * columns + j]);
        return keep == 0 ? 0 : keep * op.activation().steepest() * z + ULPS * U * y + TINY;
    }

    private double crossEntropy(Op.CrossEntropy op, Slice slice, int row, int column) {
        int n = op.logits().columns();
        int z = at(op.logits()) + row * n;
        if (softmaxAt != z) {
            softmax(z, n);
        }
        int wanted = at(op.targets()) + row * op.targets().columns();
        int target = (int) in[wanted];
        double weight = op.targets().columns() > 1 ? in[wanted + 1] : 1;
        if (slice.offset() == op.hits().offset()) {
            return 0;
        }
        if (slice.offset() == op.loss().offset()) {
            double gap = top - in[z + target];
            double error = sumError + ULPS * U * (Math.abs(Math.log(sum)) + gap) + U;
            return weight * error + TINY;
        }
        double p = Math.exp(in[z + column] - top) / sum;
        double one = column == target ? 1 : 0;
        double relative = sumError + exponential(in[z + column] - top) + ULPS * U;
        return weight * (p * relative + ULPS * U * one) / pass.rows() + TINY;
    }

    /** What all values of a row of logits have in common: looked at once a row. */
    private void softmax(int z, int n) {
        top = Arrays.stream(in, z, z + n).max().orElseThrow();
        sum = 0;
        double error = 0;
        for (int j = 0; j < n; j++) {
            double e = Math.exp(in[z + j] - top);
            sum += e;
            error += e * exponential(in[z + j] - top);
        }
        sumError = error / sum + C * Math.sqrt(n) * U;
        softmaxAt = z;
    }

    /** Relative error of exp(d): of the function itself, and of its rounded argument. */
    private static double exponential(double d) {
        return U * (ULPS + Math.abs(d));
    }

    private double elementwiseLoss(Op.ElementwiseLoss op, Slice slice, int row, int column) {
        int n = op.y().columns();
        if (slice.offset() == op.hits().offset()) {
            return 0;
        }
        if (slice.offset() == op.loss().offset()) {
            double magnitude = 0;
            for (int k = row * n; k < (row + 1) * n; k++) {
                magnitude += op.form().terms(in[at(op.y()) + k], in[at(op.targets()) + k]) / n;
            }
            return sum(n, magnitude) + ULPS * U * magnitude + TINY;
        }
        int k = row * n + column;
        double slope = op.form().slopeTerms(in[at(op.y()) + k], in[at(op.targets()) + k]);
        return ULPS * U * slope * op.activation().steepest() / ((double) pass.rows() * n)
                + ULPS * U * Math.abs(out[at(op.gradient()) + k])
                + TINY;
    }

    private double backwardInput(Op.DenseBackwardInput op, int row, int i) {
        int n = op.weights().columns();
        double magnitude = 0;
        for (int j = 0; j < n; j++) {
            magnitude += Math.abs(in[at(op.dy()) + row * n + j] * in[at(op.weights()) + i * n + j]);
        }
        int inputs = op.weights().rows();
        double keep = pass.keep(op.mask(), row, i, inputs);
        double value = Math.abs(out[at(op.dx()) + row * inputs + i]);
        // the derivative's own error is relative to 1: it may come from 1 - y²
        double error = op.activation().steepest() * sum(n, magnitude) + ULPS * U * magnitude;
        return keep == 0 ? 0 : keep * error + ULPS * U * value + TINY;
    }

    private double backwardWeights(Op.DenseBackwardWeights op, Slice slice, int i, int j) {
        int inputs = op.dw().rows();
        int columns = op.dw().columns();
        boolean bias = slice.offset() == op.db().offset();
        double magnitude = 0;
        for (int b = 0; b < pass.rows(); b++) {
            double x = bias ? 1 : in[at(op.x()) + b * inputs + i];
            magnitude += Math.abs(x * in[at(op.dy()) + b * columns + j]);
        }
        return sum(pass.rows(), magnitude) + TINY;
    }

    private double update(Op.Update op, Slice slice, int i) {
        List<Slice> outputs = op.outputs();
        double[] before = outputs.stream().mapToDouble(one -> in[at(one) + i]).toArray();
        double[] after = outputs.stream().mapToDouble(one -> out[at(one) + i]).toArray();
        double g = in[at(op.gradients()) + i];
        double[] errors = op.form().error(ULPS * U, g, before, after, pass.rate());
        return errors[outputs.indexOf(slice)] + TINY;
    }

    static double sum(int k, double magnitude) {
        return C * Math.sqrt(k) * U * magnitude;
    }

    private static int at(Slice slice) {
        return (int) slice.offset();
    }
}
