package org.quern.verify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.backend.reference.ReferenceExecutor;
import org.quern.data.Dataset;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.plan.Batches;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * What a kernel case must give by the float64 reference, and what it must leave alone; made once,
 * it serves several executors.
 */
public class ReferenceCheck {
    /** Parameters from which on the optimizer's results are checked on a sample of them. */
    static final int LARGE = 4_000_000;

    private final KernelCase kernel;
    private final float[] before;
    private final double[] in;
    private final double[] expected;
    private final Steps expectedLog;
    private final Bounds bounds;

    ReferenceCheck(KernelCase kernel, float[] before) {
        this.kernel = kernel;
        this.before = before;
        expectedLog = kernel.steps();
        try (ReferenceExecutor reference = ReferenceBackend.executor(kernel.plan())) {
            reference.write(kernel.whole(), before, 0);
            in = reference.arena().clone();
            kernel.run(reference, expectedLog);
            expected = reference.arena();
        }
        bounds = new Bounds(in, expected, kernel.pass(expectedLog));
    }

    /** Computes what a case must give; of a large elementwise one, for a sample of its values. */
    public static ReferenceCheck of(KernelCase kernel) {
        return kernel.op() instanceof Op.Update && kernel.plan().parameters().size() > LARGE
                ? Sample.drawn(kernel)
                : new ReferenceCheck(kernel, kernel.inputs());
    }

    /**
     * A whole training step from a seed's initial state against the reference, op by op: each op
     * starts from what the executor's own ops before it have left, so the {@link Bounds} hold
     * through the whole step and no error can hide behind the earlier ones.
     *
     * @return what is wrong, a line for each op; empty if nothing
     */
    public static List<String> ofStep(Executor executor, Dataset data, long seed, long step) {
        Plan plan = executor.plan();
        int size = Math.toIntExact(plan.arena());
        float[] arena = Arrays.copyOf(plan.initialState(seed), size); // state comes first
        // gradients are next: the gaps between them are 0 by contract
        Arrays.fill(arena, (int) plan.gradients().end(), size, Float.NaN);
        List<String> wrong = new ArrayList<>();
        int rows = new Batches(data.rows(), plan.batch()).rowsAt(step);
        for (Op op : plan.training()) {
            String name = op.what() + " of " + op.layer();
            KernelCase one = new KernelCase(name, plan, op, true, step, rows, data, 1);
            new ReferenceCheck(one, arena).check(executor).ifPresent(wrong::add);
            executor.read(one.whole(), arena, 0);
        }
        return wrong;
    }

    /**
     * Runs the op on an executor of the case's plan, whose state is overwritten, and says in one
     * line what is wrong; empty if nothing.
     */
    public Optional<String> check(Executor executor) {
        Steps log = kernel.steps();
        executor.write(kernel.whole(), before, 0);
        kernel.run(executor, log);
        float[] after = new float[before.length];
        executor.read(kernel.whole(), after, 0);
        return compare(after).or(() -> untouched(after)).or(() -> compareLogs(log));
    }

    /** How much of the output is compared, in words. */
    public String extent() {
        return "all values";
    }

    private Optional<String> compare(float[] got) {
        for (Slice slice : kernel.operands().outputs()) {
            for (int i = 0; i < slice.size(); i++) {
                int at = (int) slice.offset() + i;
                int row = i / slice.columns();
                int column = i % slice.columns();
                double allowed = bounds.of(kernel.op(), slice, row, column);
                if (!(Math.abs(got[at] - expected[at]) <= allowed) && !isGap(slice, i)) {
                    String place = "%s[%d, %d]".formatted(slice.name(), row, column);
                    return Optional.of(
                            "%s: %s is %s, expected %s ± %.1e"
                                    .formatted(kernel, place, got[at], expected[at], allowed));
                }
            }
        }
        return Optional.empty();
    }

    /** Whether a value lies in a gap between parameters, which optimizers may or may not visit. */
    private boolean isGap(Slice slice, int index) {
        return slice.columns() == kernel.plan().parameters().columns()
                && slice.rows() == 1
                && kernel.plan().dense().stream()
                        .flatMap(dense -> Stream.of(dense.weights(), dense.bias()))
                        .noneMatch(one -> index >= one.offset() && index < one.end());
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
        int at = (int) metrics.loss().offset();
        double magnitude = Arrays.stream(in, at, at + kernel.rows()).map(Math::abs).sum();
        double allowed = Bounds.sum(kernel.rows(), magnitude);
        float loss = got.losses()[0];
        float right = expectedLog.losses()[0];
        int hits = got.hits()[0];
        int rightHits = expectedLog.hits()[0];
        return hits == rightHits && Math.abs(right - loss) <= allowed
                ? Optional.empty()
                : Optional.of(
                        "%s: logs loss %s and %d hits, expected %s ± %.1e and %d"
                                .formatted(kernel, loss, hits, right, allowed, rightHits));
    }

    /**
     * The check of an elementwise case that is too large for the reference: every n-th value of its
     * inputs makes a case of a small network, which is what the outputs there are compared with.
     */
    private static final class Sample extends ReferenceCheck {
        private static final int IN = 64;
        private static final int UNITS = 255;

        /** Inputs repeat after so many values, a prime; to draw each of them would take long. */
        private static final int PERIOD = 65_537;

        private final KernelCase large;
        private final float[][] values;
        private final int stride;

        private Sample(KernelCase large, KernelCase small, float[][] values, int stride) {
            super(small, sampled(small, values, stride));
            this.large = large;
            this.values = values;
            this.stride = stride;
        }

        static Sample drawn(KernelCase large) {
            Model model = ModelText.parse(Model.input(IN), "dense " + UNITS);
            Plan plan = Plan.of(model, large.plan().loss(), large.plan().optimizer(), 1);
            Op update = plan.training().get(plan.training().size() - 1);
            Dataset data = KernelCases.labelled(KernelCases.pixels(4, IN), UNITS);
            KernelCase small =
                    KernelCases.of(plan, update, true, large.step(), 1, data, large.spread());
            List<Slice> inputs = large.operands().inputs();
            float[][] values = new float[inputs.size()][PERIOD];
            for (int number = 0; number < values.length; number++) {
                for (int i = 0; i < PERIOD; i++) {
                    values[number][i] = large.input(inputs.get(number), number, i);
                }
            }
            long stride = large.plan().parameters().size() / plan.parameters().size();
            return new Sample(large, small, values, Math.toIntExact(stride));
        }

        private static float[] sampled(KernelCase small, float[][] values, int stride) {
            float[] arena = small.inputs();
            List<Slice> inputs = small.operands().inputs();
            for (int number = 0; number < inputs.size(); number++) {
                int at = (int) inputs.get(number).offset();
                for (int i = 0; i < small.plan().parameters().size(); i++) {
                    arena[at + i] = values[number][i * stride % PERIOD];
                }
            }
            return arena;
        }

        @Override
        public Optional<String> check(Executor executor) {
            float[] slice = new float[Math.toIntExact(large.plan().parameters().size())];
            List<Slice> inputs = large.operands().inputs();
            for (int number = 0; number < inputs.size(); number++) {
                for (int i = 0; i < slice.length; i++) {
                    slice[i] = values[number][i % PERIOD];
                }
                executor.write(inputs.get(number), slice, 0);
            }
            large.run(executor, large.steps());
            KernelCase small = super.kernel;
            float[] after = small.inputs();
            List<Slice> outputs = large.operands().outputs();
            for (int k = 0; k < outputs.size(); k++) {
                executor.read(outputs.get(k), slice, 0);
                int at = (int) small.operands().outputs().get(k).offset();
                for (int i = 0; i < small.plan().parameters().size(); i++) {
                    after[at + i] = slice[i * stride];
                }
            }
            return super.compare(after)
                    .map(wrong -> large + ", of which " + extent() + " is looked at: " + wrong);
        }

        @Override
        public String extent() {
            return "1 value in %d".formatted(stride);
        }
    }
}
