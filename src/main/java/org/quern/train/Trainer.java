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
    private final TrainingConfig config;
    private final Plan plan;
    private final Executor executor;
    private final List<Listener> listeners = new ArrayList<>();
    private final List<EpochResult> epochs = new ArrayList<>();
    private volatile boolean interrupted;
    private long step;
    private double partialLoss;
    private long partialHits;
    private float[] best;

    private Trainer(TrainingConfig config, Plan plan, Executor executor) {
        this.config = config;
        this.plan = plan;
        this.executor = executor;
        executor.initialise(config.seed());
    }

    /** On the best backend that can run here. */
    public static Trainer open(TrainingConfig config) {
        return open(config, Backends.choose(Backends.AUTO).backend(), Backend.Options.DEFAULT);
    }

    /**
     * On the given backend.
     *
     * @throws org.quern.QuernException if the model and the loss do not fit each other, or the
     *     backend cannot run here
     */
    public static Trainer open(TrainingConfig config, Backend backend, Backend.Options options) {
        Plan plan = config.plan();
        return new Trainer(config, plan, backend.open(plan, options));
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
     * @param train rows with targets
     * @param validation rows to measure after each epoch; null for none, in which case early
     *     stopping watches the training loss
     * @throws org.quern.QuernException if the data does not fit the model, or if training diverges;
     *     in the latter case the state is that of the last good epoch
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

    /**
     * Goes back to a checkpoint of a run with the same configuration.
     *
     * @throws org.quern.QuernException if its state has another size or another seed
     */
    public void restore(Checkpoint checkpoint) {
        if (checkpoint.state().length != plan.state().size()) {
            throw data(
                    "the checkpoint has %,d numbers of state, the model %,d: it is of another"
                            + " model",
                    checkpoint.state().length, plan.state().size());
        }
        if (checkpoint.seed() != config.seed()) {
            throw data(
                    "the checkpoint is of a run with seed %d, not %d",
                    checkpoint.seed(), config.seed());
        }
        write(checkpoint.state());
        step = checkpoint.step();
        epochs.clear();
        epochs.addAll(checkpoint.epochs());
        partialLoss = checkpoint.partialLoss();
        partialHits = checkpoint.partialHits();
        best = checkpoint.best();
    }

    /** Parameters and moments in the layout of {@link Plan#state()}, copied. */
    public float[] state() {
        float[] state = new float[Math.toIntExact(plan.state().size())];
        executor.read(plan.state(), state, 0);
        return state;
    }

    /** Parameters in the layout of {@link Plan#parameters()}, copied. */
    public float[] parameters() {
        float[] parameters = new float[Math.toIntExact(plan.parameters().size())];
        executor.read(plan.parameters(), parameters, 0);
        return parameters;
    }

    /** The configuration. */
    public TrainingConfig config() {
        return config;
    }

    /** The compiled plan. */
    public Plan plan() {
        return plan;
    }

    /** What it runs on. */
    public Executor executor() {
        return executor;
    }

    /** Steps done. */
    public long step() {
        return step;
    }

    @Override
    public void close() {
        executor.close();
    }

    List<Listener> listeners() {
        return listeners;
    }

    List<EpochResult> epochs() {
        return epochs;
    }

    boolean interrupted() {
        return interrupted;
    }

    double partialLoss() {
        return partialLoss;
    }

    long partialHits() {
        return partialHits;
    }

    /** Counts steps of the current epoch. */
    void advance(int steps, double loss, long hits) {
        step += steps;
        partialLoss += loss;
        partialHits += hits;
    }

    /** Closes the current epoch. @return whether it is the best so far */
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

    private void write(float[] state) {
        executor.write(plan.state(), state, 0);
    }
}
