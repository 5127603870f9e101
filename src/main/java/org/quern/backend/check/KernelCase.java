package org.quern.backend.check;

import java.util.Arrays;
import java.util.Optional;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.Pass;
import org.quern.backend.Resident;
import org.quern.backend.Steps;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.backend.reference.ReferenceExecutor;
import org.quern.data.Dataset;
import org.quern.plan.Batches;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;
import org.quern.random.Philox;

/**
 * One kernel at one shape: an op of a plan, the pass that it runs for, and how its inputs are
 * drawn. Written once, it serves the parity tests, {@code quern doctor}, the benchmarks and the
 * table of kernels.
 *
 * @param name op and shapes, for instance {@code DenseForward 32x784x48 relu, dropout 0.3}
 * @param plan where the op is from
 * @param op what is run
 * @param training whether it runs in a training pass
 * @param step the global step of a training pass
 * @param rows rows of the pass
 * @param data what Gather reads
 * @param spread inputs are drawn from (−spread, spread)
 */
public record KernelCase(
        String name,
        Plan plan,
        Op op,
        boolean training,
        long step,
        int rows,
        Dataset data,
        float spread) {
    private static final long SEED = 0x5EED_0F_CA5E5L;
    private static final int POISON = 0x7fc0dead;
    private static final float LEARNING_RATE = 0.01f;

    /** What the op reads and writes, its flops and bytes. */
    public Operands operands() {
        return Operands.of(op, rows, training);
    }

    /**
     * Runs the op on a backend, its inputs drawn and all other memory poisoned with NaN, and
     * compares with the reference: outputs within {@link Bounds}, everything else untouched.
     *
     * @return what is wrong, in one line; empty if nothing
     */
    public Optional<String> check(Backend backend, Backend.Options options) {
        try (Executor executor = backend.open(plan, options)) {
            return check(executor);
        }
    }

    /** The same on an executor of {@link #plan}; its state is overwritten. */
    public Optional<String> check(Executor executor) {
        float[] before = inputs();
        Slice whole = whole();
        Steps log = steps();
        Steps expectedLog = steps();
        try (ReferenceExecutor reference =
                new ReferenceBackend().open(plan, Backend.Options.DEFAULT)) {
            reference.write(whole, before, 0);
            double[] in = reference.arena().clone();
            run(reference, expectedLog);
            executor.write(whole, before, 0);
            run(executor, log);
            float[] after = new float[before.length];
            executor.read(whole, after, 0);
            Bounds bounds = new Bounds(in, reference.arena(), pass(expectedLog));
            Optional<String> wrong = compare(bounds, reference.arena(), after);
            if (wrong.isEmpty()) {
                wrong = untouched(before, after);
            }
            return wrong.isEmpty() ? compareLogs(expectedLog, log) : wrong;
        }
    }

    /** The whole arena before the op: its inputs drawn, the rest NaN. */
    public float[] inputs() {
        float[] arena = new float[Math.toIntExact(plan.arena())];
        Arrays.fill(arena, Float.intBitsToFloat(POISON));
        int stream = 0;
        for (Slice slice : operands().inputs()) {
            stream++;
            for (int i = 0; i < slice.size(); i++) {
                float unit = Philox.unit(Philox.word(SEED, stream, step, i));
                arena[(int) slice.offset() + i] = draw(slice, unit, i);
            }
        }
        return arena;
    }

    /** An input value that such a slice may hold. */
    private float draw(Slice slice, float unit, int index) {
        if (op instanceof Op.CrossEntropy o && slice.offset() == o.targets().offset()) {
            return (int) (unit * o.logits().columns());
        }
        if (op instanceof Op.Metrics o && slice.offset() == o.hits().offset()) {
            return unit < 0.5f ? 0 : 1;
        }
        float value = spread * (2 * unit - 1);
        if (op instanceof Op.Adam o && slice.offset() == o.v().offset()) {
            return value * value;
        }
        // what an activation gives: zeros of ReLU among them, tanh and sigmoid in their range
        if (op instanceof Op.DenseBackwardInput o && slice.offset() == o.x().offset()) {
            float scale = o.mask().drops() ? o.mask().scale() : 1;
            return switch (o.activation()) {
                case RELU -> Math.max(0, value);
                case TANH -> (2 * unit - 1) * scale;
                case SIGMOID -> unit * scale;
                default -> value;
            };
        }
        if (op instanceof Op.SquaredError o && slice.offset() == o.y().offset()) {
            return switch (o.activation()) {
                case RELU -> Math.max(0, value);
                case TANH -> 2 * unit - 1;
                case SIGMOID -> unit;
                default -> value;
            };
        }
        // zeros such as images and ReLU have
        boolean activations =
                op instanceof Op.DenseForward f && slice.offset() == f.x().offset()
                        || op instanceof Op.DenseBackwardWeights w
                                && slice.offset() == w.x().offset();
        return activations && index % 3 == 0 ? 0 : value;
    }

    /** Runs the op once on an executor, whatever its arena holds. */
    public void run(Executor executor, Steps log) {
        try (Resident resident = executor.upload(data)) {
            executor.run(op, resident, pass(log));
        }
    }

    /** A log for {@link #run}. */
    public Steps steps() {
        Steps steps = new Steps(SEED, 1);
        return steps.select(step, 1, plan.optimizer(), s -> LEARNING_RATE);
    }

    private Pass pass(Steps log) {
        if (training) {
            return Pass.training(log, new Batches(data.rows(), plan.batch()));
        }
        return Pass.inference().rows(data.rows() - rows, rows);
    }

    private Slice whole() {
        return new Slice("arena", 0, 1, Math.toIntExact(plan.arena()));
    }

    private Optional<String> compare(Bounds bounds, double[] expected, float[] got) {
        for (Slice slice : operands().outputs()) {
            for (int row = 0; row < slice.rows(); row++) {
                for (int column = 0; column < slice.columns(); column++) {
                    int at = (int) slice.offset() + row * slice.columns() + column;
                    if (isGap(slice, at)) {
                        continue;
                    }
                    double allowed = bounds.of(op, slice, row, column);
                    if (!(Math.abs(got[at] - expected[at]) <= allowed)) {
                        return Optional.of(
                                "%s: %s[%d, %d] is %s, expected %s ± %.1e"
                                        .formatted(
                                                name,
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
        if (slice.columns() != plan.parameters().columns() || slice.rows() != 1) {
            return false;
        }
        long inParameters = at - slice.offset();
        for (Plan.DenseSlices dense : plan.dense()) {
            if (inParameters >= dense.weights().offset() && inParameters < dense.weights().end()
                    || inParameters >= dense.bias().offset() && inParameters < dense.bias().end()) {
                return false;
            }
        }
        return true;
    }

    private Optional<String> untouched(float[] before, float[] after) {
        boolean[] written = new boolean[before.length];
        for (Slice slice : operands().outputs()) {
            Arrays.fill(written, (int) slice.offset(), (int) slice.end(), true);
        }
        for (int i = 0; i < before.length; i++) {
            if (!written[i]
                    && Float.floatToRawIntBits(before[i]) != Float.floatToRawIntBits(after[i])) {
                return Optional.of(
                        "%s: writes to index %d of the arena, outside its output"
                                .formatted(name, i));
            }
        }
        return Optional.empty();
    }

    private Optional<String> compareLogs(Steps expected, Steps got) {
        if (!(op instanceof Op.Metrics)) {
            return Optional.empty();
        }
        double allowed = Bounds.C * Math.sqrt(rows) * 0x1p-24 * spread * rows;
        if (expected.hits()[0] != got.hits()[0]
                || !(Math.abs(expected.losses()[0] - got.losses()[0]) <= allowed)) {
            return Optional.of(
                    "%s: logs loss %s and %d hits, expected %s ± %.1e and %d"
                            .formatted(
                                    name,
                                    got.losses()[0],
                                    got.hits()[0],
                                    expected.losses()[0],
                                    allowed,
                                    expected.hits()[0]));
        }
        return Optional.empty();
    }

    @Override
    public String toString() {
        return name;
    }
}
