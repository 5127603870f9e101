package org.quern.verify;

import java.util.Arrays;
import java.util.Optional;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.backend.reference.ReferenceExecutor;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/** What a kernel case must give by the float64 reference, and what it must leave alone. */
final class Expectation implements Check {
    private final KernelCase kernel;
    private final float[] before;
    private final double[] in;
    private final double[] expected;
    private final Steps expectedLog;
    private final Bounds bounds;

    /** Runs the reference on an arena. */
    Expectation(KernelCase kernel, float[] before) {
        this.kernel = kernel;
        this.before = before;
        expectedLog = kernel.steps();
        try (ReferenceExecutor reference =
                new ReferenceBackend().open(kernel.plan(), Backend.Options.DEFAULT)) {
            reference.write(kernel.whole(), before, 0);
            in = reference.arena().clone();
            kernel.run(reference, expectedLog);
            expected = reference.arena();
        }
        bounds = new Bounds(in, expected, kernel.pass(expectedLog));
    }

    @Override
    public Optional<String> check(Executor executor) {
        Steps log = kernel.steps();
        executor.write(kernel.whole(), before, 0);
        kernel.run(executor, log);
        float[] after = new float[before.length];
        executor.read(kernel.whole(), after, 0);
        Optional<String> wrong = compare(after);
        if (wrong.isEmpty()) {
            wrong = untouched(after);
        }
        return wrong.isEmpty() ? compareLogs(log) : wrong;
    }

    @Override
    public String extent() {
        return "all values";
    }

    Optional<String> compare(float[] got) {
        for (Slice slice : kernel.operands().outputs()) {
            for (int row = 0; row < slice.rows(); row++) {
                for (int column = 0; column < slice.columns(); column++) {
                    int at = (int) slice.offset() + row * slice.columns() + column;
                    if (isGap(slice, at)) {
                        continue;
                    }
                    double allowed = bounds.of(kernel.op(), slice, row, column);
                    if (!(Math.abs(got[at] - expected[at]) <= allowed)) {
                        return Optional.of(
                                "%s: %s[%d, %d] is %s, expected %s ± %.1e"
                                        .formatted(
                                                kernel.name(),
                                                slice.name(),
                                                row,
                                                column,
                                                got[at],
                                                expected[at],
                                                allowed));
                    }
                }
            }
        }
        return Optional.empty();
    }

    /** Whether a value lies in a gap between parameters, which optimizers may or may not visit. */
    private boolean isGap(Slice slice, int at) {
        if (slice.columns() != kernel.plan().parameters().columns() || slice.rows() != 1) {
            return false;
        }
        long inParameters = at - slice.offset();
        for (Plan.DenseSlices dense : kernel.plan().dense()) {
            if (inParameters >= dense.weights().offset() && inParameters < dense.weights().end()
                    || inParameters >= dense.bias().offset() && inParameters < dense.bias().end()) {
                return false;
            }
        }
        return true;
    }

    private Optional<String> untouched(float[] after) {
        boolean[] written = new boolean[before.length];
        for (Slice slice : kernel.operands().outputs()) {
            Arrays.fill(written, (int) slice.offset(), (int) slice.end(), true);
        }
        for (int i = 0; i < before.length; i++) {
            if (!written[i]
                    && Float.floatToRawIntBits(before[i]) != Float.floatToRawIntBits(after[i])) {
                return Optional.of(
                        "%s: writes to index %d of the arena, outside its output"
                                .formatted(kernel.name(), i));
            }
        }
        return Optional.empty();
    }

    private Optional<String> compareLogs(Steps got) {
        if (!(kernel.op() instanceof Op.Metrics metrics)) {
            return Optional.empty();
        }
        double magnitude = 0;
        for (int b = 0; b < kernel.rows(); b++) {
            magnitude += Math.abs(in[(int) metrics.loss().offset() + b]);
        }
        double allowed = Bounds.sum(kernel.rows(), magnitude);
        if (expectedLog.hits()[0] != got.hits()[0]
                || !(Math.abs(expectedLog.losses()[0] - got.losses()[0]) <= allowed)) {
            return Optional.of(
                    "%s: logs loss %s and %d hits, expected %s ± %.1e and %d"
                            .formatted(
                                    kernel.name(),
                                    got.losses()[0],
                                    got.hits()[0],
                                    expectedLog.losses()[0],
                                    allowed,
                                    expectedLog.hits()[0]));
        }
        return Optional.empty();
    }
}
