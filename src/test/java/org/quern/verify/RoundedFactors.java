package org.quern.verify;

import java.util.Optional;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.backend.reference.ReferenceExecutor;
import org.quern.plan.Op;
import org.quern.plan.Slice;

/**
 * A kernel case whose inputs are representable in a shorter format: rounding them changes nothing,
 * so that products keep float32's bounds, and what is written in that format is off by one rounding
 * more.
 */
public final class RoundedFactors {
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

    private final KernelCase one;
    private final int bits;
    private float[] before;
    private double[] expected;
    private Bounds bounds;

    /** Of a case, for a format of factors with so many bits; for any number of executors. */
    public RoundedFactors(KernelCase one, int bits) {
        this.one = one;
        this.bits = bits;
    }

    /** Runs a case: see {@link #check(Executor, boolean)}. */
    public static Optional<String> check(
            KernelCase one, Executor executor, int bits, boolean written) {
        return new RoundedFactors(one, bits).check(executor, written);
    }

    private void compute() {
        before = one.inputs();
        for (int i = 0; i < before.length; i++) {
            before[i] = round(before[i], bits);
        }
        try (ReferenceExecutor reference = ReferenceBackend.executor(one.plan())) {
            reference.write(one.whole(), before, 0);
            double[] in = reference.arena().clone();
            Steps log = one.steps();
            one.run(reference, log);
            expected = reference.arena();
            bounds = new Bounds(in, expected, one.pass(log));
        }
    }

    /**
     * Runs the case.
     *
     * @param written whether activations and gradients are written in the format
     * @return what is wrong; empty if nothing
     */
    public Optional<String> check(Executor executor, boolean written) {
        if (expected == null) {
            compute();
        }
        float[] after = new float[before.length];
        executor.write(one.whole(), before, 0);
        one.run(executor, one.steps());
        executor.read(one.whole(), after, 0);
        boolean rounds = written && !(one.op() instanceof Op.DenseBackwardWeights);
        for (Slice slice : one.operands().outputs()) {
            for (int i = 0; i < slice.size(); i++) {
                int at = (int) slice.offset() + i;
                int row = i / slice.columns();
                int column = i % slice.columns();
                double allowed = bounds.of(one.op(), slice, row, column);
                if (rounds) {
                    allowed += Math.scalb(Math.abs(expected[at]) + allowed, -bits);
                }
                if (!(Math.abs(after[at] - expected[at]) <= allowed)) {
                    return Optional.of(
                            "%s: %s[%d, %d] is %s, expected %s ± %.1e"
                                    .formatted(
                                            one.name(),
                                            slice.name(),
                                            row,
                                            column,
                                            after[at],
                                            expected[at],
                                            allowed));
                }
            }
        }
        return Optional.empty();
    }
}
