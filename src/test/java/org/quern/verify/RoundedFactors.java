package org.quern.verify;

import java.util.Optional;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.backend.reference.ReferenceExecutor;
import org.quern.plan.Batches;
import org.quern.plan.Op;
import org.quern.plan.Slice;

/**
 * A kernel case whose inputs are representable in a shorter format: rounding them changes nothing,
 * so that products keep float32's bounds, and what is written in that format is off by one rounding
 * more.
 */
public final class RoundedFactors {
    private RoundedFactors() {}

    /** A value rounded to some significant bits, ties to even. */
    public static float round(float value, int bits) {
        if (Float.isNaN(value)) {
            return value;
        }
        int shift = 24 - bits;
        int word = Float.floatToRawIntBits(value);
        int half = (1 << shift - 1) - 1 + (word >> shift & 1);
        return Float.intBitsToFloat(word + half & -(1 << shift));
    }

    /**
     * Runs a case.
     *
     * @param bits of the format of factors
     * @param written whether activations and gradients are written in it
     * @return what is wrong; empty if nothing
     */
    public static Optional<String> check(
            KernelCase one, Executor executor, int bits, boolean written) {
        Slice whole = one.whole();
        float[] before = one.inputs();
        for (int i = 0; i < before.length; i++) {
            before[i] = round(before[i], bits);
        }
        Steps log = one.steps();
        float[] after = new float[before.length];
        executor.write(whole, before, 0);
        one.run(executor, log);
        executor.read(whole, after, 0);
        try (ReferenceExecutor reference =
                new ReferenceBackend().open(one.plan(), Backend.Options.DEFAULT)) {
            reference.write(whole, before, 0);
            double[] in = reference.arena().clone();
            one.run(reference, log);
            StepContext pass =
                    one.training()
                            ? StepContext.training(
                                    log, new Batches(one.data().rows(), one.plan().batch()))
                            : StepContext.inference()
                                    .rows(one.data().rows() - one.rows(), one.rows());
            Bounds bounds = new Bounds(in, reference.arena(), pass);
            boolean rounds = written && !(one.op() instanceof Op.DenseBackwardWeights);
            for (Slice slice : one.operands().outputs()) {
                for (int i = 0; i < slice.size(); i++) {
                    int at = (int) slice.offset() + i;
                    int row = i / slice.columns();
                    int column = i % slice.columns();
                    double expected = reference.arena()[at];
                    double allowed = bounds.of(one.op(), slice, row, column);
                    if (rounds) {
                        allowed += Math.scalb(Math.abs(expected) + allowed, -bits);
                    }
                    if (!(Math.abs(after[at] - expected) <= allowed)) {
                        return Optional.of(
                                "%s: %s[%d, %d] is %s, expected %s ± %.1e"
                                        .formatted(
                                                one.name(),
                                                slice.name(),
                                                row,
                                                column,
                                                after[at],
                                                expected,
                                                allowed));
                    }
                }
            }
        }
        return Optional.empty();
    }
}
