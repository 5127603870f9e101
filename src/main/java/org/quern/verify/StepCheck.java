package org.quern.verify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.data.Dataset;
import org.quern.plan.Batches;
import org.quern.plan.Initializer;
import org.quern.plan.Op;
import org.quern.plan.Plan;

/**
 * A whole training step of a backend against the reference, op by op: each op starts from what the
 * backend's own ops before it have left, so the bounds of {@link Bounds} hold through the whole
 * step and no error can hide behind the sum of the earlier ones.
 */
public final class StepCheck {
    private StepCheck() {}

    /**
     * Runs training step {@code step} from the initial state of {@code seed}.
     *
     * @return what is wrong, a line for each op; empty if nothing
     */
    public static List<String> run(
            Backend backend,
            Backend.Options options,
            Plan plan,
            Dataset data,
            long seed,
            long step) {
        try (Executor executor = backend.open(plan, options)) {
            return run(executor, data, seed, step);
        }
    }

    /** The same on an executor, whose state is overwritten. */
    public static List<String> run(Executor executor, Dataset data, long seed, long step) {
        Plan plan = executor.plan();
        float[] arena = new float[Math.toIntExact(plan.arena())];
        Arrays.fill(arena, Float.NaN);
        float[] state = Initializer.state(plan, seed);
        System.arraycopy(state, 0, arena, (int) plan.state().offset(), state.length);
        // the gaps between gradients are 0 by contract
        Arrays.fill(arena, (int) plan.gradients().offset(), (int) plan.gradients().end(), 0);
        List<String> wrong = new ArrayList<>();
        int rows = new Batches(data.rows(), plan.batch()).rowsAt(step);
        for (Op op : plan.training()) {
            String name = op.what() + " of " + op.layer();
            KernelCase one = new KernelCase(name, plan, op, true, step, rows, data, 1);
            Optional<String> mismatch = one.check(executor, arena);
            mismatch.ifPresent(wrong::add);
            executor.read(one.whole(), arena, 0);
        }
        return wrong;
    }
}
