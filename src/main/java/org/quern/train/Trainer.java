package org.quern.train;

import static org.quern.QuernException.data;
import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.backend.Executor;
import org.quern.data.Dataset;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * Trains a model on a backend. Holds the device's memory until closed.
 *
 * <pre>{@code
 * try (Trainer trainer = Trainer.open(TrainingConfig.of(model))) {
 *     trainer.fit(train, null, 5);
 *     System.out.println(trainer.evaluate(test).accuracy());
 * }
 * }</pre>
 *
 * <p>Not thread-safe, except {@link #interrupt}.
 */
public final class Trainer implements AutoCloseable {
    final TrainingConfig config;
    final Plan plan;
    final Executor executor;
    final List<Listener> listeners = new ArrayList<>();
    volatile boolean interrupted;

    // what a Checkpoint keeps, besides the state; moved on by Fit
    final List<EpochResult> epochs = new ArrayList<>();
    long step;
    double partialLoss;
    long partialHits;
    private float[] best;

    private Trainer(TrainingConfig config, Backend backend, Backend.Options options) {
        this.config = config;
        plan = config.plan();
        executor = backend.open(plan, options);
        executor.initialise(config.seed());
    }

    /** On the best backend that can run here. */
    public static Trainer open(TrainingConfig config) {
        return open(config, Backends.choose(Backends.AUTO).backend(), Backend.Options.DEFAULT);
    }

    /** On the given backend; refused if the model and the loss do not fit each other. */
    public static Trainer open(TrainingConfig config, Backend backend, Backend.Options options) {
        return new Trainer(config, backend, options);
    }

    /** Adds a listener to later calls of {@link #fit}. */
    public Trainer listen(Listener listener) {
        listeners.add(listener);
        return this;
    }

    /**
     * Trains until {@code totalEpochs} epochs are done, those before {@link #restore} or an earlier
     * call included.
     *
     * @param validation rows to measure after each epoch; null for none: early stopping then
     *     watches the training loss
     * @throws org.quern.QuernException if the data does not fit the model, or if training diverges:
     *     the state is then that of the last good epoch
     */
    public History fit(Dataset train, Dataset validation, int totalEpochs) {
        if (totalEpochs < 1) {
            throw usage("epochs %d: give at least 1", totalEpochs);
        }
        try {
            return new Fit(this, train, validation, totalEpochs).run();
        } finally {
            interrupted = false; // here, not above: it may come before the first step
        }
    }

    /**
     * Asks a running {@link #fit}, or else the next one, to end soon, between two steps. From any
     * thread; it returns at once.
     */
    public void interrupt() {
        interrupted = true;
    }

    /** Measures the model on rows with targets, dropout off. */
    public Evaluation evaluate(Dataset set) {
        return Evaluation.of(plan.loss(), outputs(set), set);
    }

    /** Measures other parameters of the same network, which then is as it was. */
    public Evaluation evaluate(float[] others, Dataset set) {
        float[] own = parameters();
        executor.write(plan.parameters(), others, 0);
        try {
            return evaluate(set);
        } finally {
            executor.write(plan.parameters(), own, 0);
        }
    }

    /** The last layer's outputs [rows × outputs] for each row: logits under cross-entropy. */
    public float[] outputs(Dataset set) {
        float[] outputs = new float[Math.multiplyExact(set.rows(), plan.outputSize())];
        executor.infer(set, outputs);
        return outputs;
    }

    /** Where the run stands: enough to {@link #restore} it, here or elsewhere. */
    public Checkpoint checkpoint() {
        return new Checkpoint(config.seed(), step, state(), epochs, partialLoss, partialHits, best);
    }

    /** Goes back to a checkpoint of a run with the same configuration. */
    public void restore(Checkpoint checkpoint) {
        if (checkpoint.state().length != plan.state().size()) {
            throw data(
                    "the checkpoint has %,d numbers of state, the model %,d: it is of another model",
                    checkpoint.state().length, plan.state().size());
        }
        if (checkpoint.seed() != config.seed()) {
            throw data(
                    "the checkpoint is of a run with seed %d, not %d",
                    checkpoint.seed(), config.seed());
        }
        executor.write(plan.state(), checkpoint.state(), 0);
        step = checkpoint.step();
        epochs.clear();
        epochs.addAll(checkpoint.epochs());
        partialLoss = checkpoint.partialLoss();
        partialHits = checkpoint.partialHits();
        best = checkpoint.best();
    }

    /** A copy of {@link Plan#state()}: parameters and moments. */
    public float[] state() {
        return read(plan.state());
    }

    /** A copy of {@link Plan#parameters()}. */
    public float[] parameters() {
        return read(plan.parameters());
    }

    float[] read(Slice slice) {
        float[] values = new float[Math.toIntExact(slice.size())];
        executor.read(slice, values, 0);
        return values;
    }

    public TrainingConfig config() {
        return config;
    }

    public Plan plan() {
        return plan;
    }

    public Executor executor() {
        return executor;
    }

    /** The step that comes next, counted from 0 over all epochs. */
    public long step() {
        return step;
    }

    @Override
    public void close() {
        executor.close();
    }

    /** Closes the current epoch, and says whether it is the best so far. */
    boolean finishEpoch(EpochResult result, float[] state) {
        partialLoss = 0;
        partialHits = 0;
        epochs.add(result);
        boolean isBest = EarlyStopping.best(epochs) == result.epoch();
        if (isBest) {
            best = Arrays.copyOf(state, Math.toIntExact(plan.parameters().size()));
        }
        return isBest;
    }

    /** Goes back to the parameters of the best epoch, if any epoch was finished. */
    void restoreBest() {
        if (best != null) {
            executor.write(plan.parameters(), best, 0);
        }
    }
}
