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
        List<Slice> in = op.first(rows, op.inputs());
        List<Slice> out = new ArrayList<>(op.first(rows, op.outputs()));
        if (training && op instanceof Op.Gather gather) {
            out.add(gather.targets().first(rows));
        }
        double values = 0;
        for (Slice slice : in) {
            values += slice.size();
        }
        for (Slice slice : out) {
            values += slice.size();
        }
        return new Operands(in, List.copyOf(out), op.flops(rows), 4 * values);
    }
}
