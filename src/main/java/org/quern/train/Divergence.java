package org.quern.train;

import java.util.Locale;
import java.util.function.LongToDoubleFunction;
import org.quern.QuernException;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.plan.Batches;
import org.quern.plan.Op;
import org.quern.plan.Slice;

/**
 * Finds out where a NaN or infinity came from. Runs are deterministic, so nothing needs to be
 * watched while training: the steps since the last good state are trained again, the bad one op by
 * op, until an op writes a number that is not finite.
 */
final class Divergence {
    private final Trainer trainer;
    private final Executor executor;
    private final Steps steps;
    private final LongToDoubleFunction learningRate;

    Divergence(Trainer trainer, Steps steps, LongToDoubleFunction learningRate) {
        this.trainer = trainer;
        this.executor = trainer.executor();
        this.steps = steps;
        this.learningRate = learningRate;
    }

    /**
     * Explains a divergence and goes back to the last good state.
     *
     * @param start the last good state
     * @param badStep the first step with a loss that is not finite, or the step before a bad state
     *     was seen
     * @return what to throw
     */
    QuernException restore(DeviceDataset data, Checkpoint start, long badStep) {
        trainer.restore(start);
        var optimizer = trainer.config().optimizer();
        for (long from = start.step(); from < badStep; ) {
            int count = (int) Math.min(steps.capacity(), badStep - from);
            executor.train(data, steps.select(from, count, optimizer, learningRate));
            from += count;
        }
        Batches batches = new Batches(data.rows(), trainer.config().batch());
        StepContext pass =
                StepContext.training(steps.select(badStep, 1, optimizer, learningRate), batches);
        String origin = origin(data, pass);
        trainer.restore(start);
        return new QuernException(
                QuernException.Kind.TARGET,
                String.format(
                        Locale.ROOT,
                        "training diverged at step %,d (epoch %d): %s; kept the weights of step %,d;"
                                + " try a lower learning rate than %.2e, or scale the input",
                        badStep,
                        batches.epoch(badStep) + 1,
                        origin,
                        start.step(),
                        learningRate.applyAsDouble(badStep)));
    }

    private String origin(DeviceDataset data, StepContext pass) {
        for (Op op : trainer.plan().training()) {
            executor.run(op, data, pass);
            for (Slice slice : op.first(pass.rows(), op.outputs())) {
                String found = notFinite(slice);
                if (found != null) {
                    return "%s of %s is %s".formatted(op.what(), op.layer(), found);
                }
            }
        }
        return "the loss is not finite";
    }

    private String notFinite(Slice slice) {
        if (executor.finite(slice)) {
            return null;
        }
        float[] values = new float[Math.toIntExact(slice.size())];
        executor.read(slice, values, 0);
        for (float value : values) {
            if (!Float.isFinite(value)) {
                return Float.isNaN(value) ? "NaN" : "infinite";
            }
        }
        return null;
    }
}
