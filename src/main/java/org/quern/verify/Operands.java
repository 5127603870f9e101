package org.quern.verify;

import java.util.ArrayList;
import java.util.List;
import org.quern.plan.Op;
import org.quern.plan.Slice;

/**
 * What an op reads and writes in a pass of some rows, and what that costs.
 *
 * @param inputs slices that it reads, as far as the pass goes
 * @param outputs slices that it writes, as far as the pass goes
 * @param flops floating-point operations, a multiplication and an addition counted as two; of the
 *     elementwise ops, each elementary function as one
 * @param bytes least traffic with memory: every operand once, 4 bytes a value
 */
public record Operands(List<Slice> inputs, List<Slice> outputs, double flops, double bytes) {

    /** The operands of an op in a pass of {@code rows} rows. */
    static Operands of(Op op, int rows, boolean training) {
        List<Slice> in = new ArrayList<>();
        List<Slice> out = new ArrayList<>();
        double flops = 0;
        if (op instanceof Op.Gather o) {
            out.add(first(o.x(), rows));
            if (training) {
                out.add(first(o.targets(), rows));
            }
            flops = 2.0 * rows * o.x().columns();
        } else if (op instanceof Op.DenseForward o) {
            in.addAll(List.of(first(o.x(), rows), o.weights(), o.bias()));
            out.add(first(o.y(), rows));
            if (o.z() != null) {
                out.add(first(o.z(), rows));
            }
            flops = product(rows, o.weights()) + 3.0 * rows * o.y().columns();
        } else if (op instanceof Op.CrossEntropy o) {
            in.addAll(List.of(first(o.logits(), rows), first(o.targets(), rows)));
            addFirst(out, rows, o.loss(), o.gradient(), o.hits());
            flops = 6.0 * rows * o.logits().columns();
        } else if (op instanceof Op.SquaredError o) {
            addFirst(in, rows, o.y(), o.targets(), o.z());
            addFirst(out, rows, o.loss(), o.gradient(), o.hits());
            flops = 6.0 * rows * o.y().columns();
        } else if (op instanceof Op.DenseBackwardInput o) {
            addFirst(in, rows, o.dy(), o.x(), o.z());
            in.add(o.weights());
            out.add(first(o.dx(), rows));
            flops = product(rows, o.weights()) + 3.0 * rows * o.dx().columns();
        } else if (op instanceof Op.DenseBackwardWeights o) {
            addFirst(in, rows, o.x(), o.dy());
            out.addAll(List.of(o.dw(), o.db()));
            flops = product(rows, o.dw()) + (double) rows * o.dy().columns();
        } else if (op instanceof Op.Adam o) {
            in.addAll(List.of(o.parameters(), o.gradients(), o.m(), o.v()));
            out.addAll(List.of(o.parameters(), o.m(), o.v()));
            flops = 14.0 * o.parameters().columns();
        } else if (op instanceof Op.Sgd o) {
            in.addAll(List.of(o.parameters(), o.gradients()));
            out.add(o.parameters());
            if (o.velocity() != null) {
                in.add(o.velocity());
                out.add(o.velocity());
            }
            flops = 5.0 * o.parameters().columns();
        } else if (op instanceof Op.Metrics o) {
            addFirst(in, rows, o.loss(), o.hits());
            flops = 2.0 * rows;
        }
        double values = 0;
        for (Slice slice : in) {
            values += slice.size();
        }
        for (Slice slice : out) {
            values += slice.size();
        }
        return new Operands(List.copyOf(in), List.copyOf(out), flops, 4 * values);
    }

    private static double product(int rows, Slice weights) {
        return 2.0 * rows * weights.rows() * weights.columns();
    }

    private static void addFirst(List<Slice> to, int rows, Slice... slices) {
        for (Slice slice : slices) {
            if (slice != null) {
                to.add(first(slice, rows));
            }
        }
    }

    private static Slice first(Slice slice, int rows) {
        return new Slice(slice.name(), slice.offset(), rows, slice.columns());
    }
}
