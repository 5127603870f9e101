package org.quern.train;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;
import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.backend.Executor;
import org.quern.backend.Release;
import org.quern.data.Dataset;
import org.quern.io.ModelFile.SavedModel;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * Trains a model on a backend. Holds the device's memory until closed.
 *
 * <pre>{@code
 * try (Trainer trainer = Trainer.open(TrainingConfig.of(model))) {
 *     trainer.fit(train, 5);
 *     System.out.println(trainer.evaluate(test));
 *     trainer.model().save(file);
 * }
 * }</pre>
 *
 * <p>For one thread at a time: a second one is refused, but for {@link #interrupt}, and for {@link
 * #close}, after which a {@link #fit} that goes on ends with an exception.
 */
public final class Trainer implements AutoCloseable {
    final TrainingConfig config;
    final Plan plan;
    final Executor executor;
    final List<Listener> listeners = new CopyOnWriteArrayList<>();
    volatile boolean interrupted;

    // what a Checkpoint keeps, besides the state; moved on by Fit
    final List<EpochResult> epochs = new ArrayList<>();
    long step;
    double partialLoss;
    long partialHits;
    private float[] best;

    private List<String> classes = List.of(); // of the data that was trained on last

    private final ReentrantLock lock = new ReentrantLock();

    private Trainer(TrainingConfig config, Backend backend, Backend.Options options) {
        this.config = config;
        plan = config.plan();
        executor = backend.open(plan, options);
        try {
            executor.initialise(config.seed());
        } catch (RuntimeException | Error e) {
            Release.after(e, executor::close);
            throw e;
        }
    }

    /** On the best backend that can run here. */
    public static Trainer open(TrainingConfig config) {
        return open(config, Backends.choose(Backends.AUTO).backend(), Backend.Options.DEFAULT);
    }

    /** On the given backend; refused if the model and the loss do not fit each other. */
    public static Trainer open(TrainingConfig config, Backend backend, Backend.Options options) {
        return new Trainer(
                given(config, "config"), given(backend, "backend"), given(options, "options"));
    }

    /** Adds a listener to later calls of {@link #fit}. */
    public Trainer listen(Listener listener) {
        listeners.add(given(listener, "listener"));
        return this;
    }

    /** Trains for some epochs, without validation: {@link #fit(Dataset, Dataset, int)}. */
    public History fit(Dataset train, int epochs) {
        return fit(train, null, epochs);
    }

    /**
     * Trains for so many epochs more, the one that an interrupt has left unfinished being the
     * first. A schedule sees all epochs, done and to come: it takes the rate where it would be if
     * their number had been known from the start.
     *
     * @param validation rows to measure after each epoch; null for none: early stopping then
     *     watches the training loss
     * @throws org.quern.QuernException if the data does not fit the model, or if training diverges:
     *     the state is then that of the last good epoch
     */
    public History fit(Dataset train, Dataset validation, int epochs) {
        return fit(train, validation, epochs, false, Long.MAX_VALUE);
    }

    /**
     * The same until so many epochs are done in all, those before {@link #restore} or an earlier
     * call included: what continues a run that was to have so many.
     */
    public History fitUntil(Dataset train, Dataset validation, int totalEpochs) {
        return fitUntil(train, validation, totalEpochs, Long.MAX_VALUE);
    }

    /**
     * The same, but no further than until so many steps are done in all; then it ends as if it had
     * been interrupted, and the next call goes on. For training in rounds, between which {@link
     * #restore} sets other weights.
     */
    public History fitUntil(Dataset train, Dataset validation, int totalEpochs, long steps) {
        return fit(train, validation, totalEpochs, true, steps);
    }

    private History fit(Dataset train, Dataset validation, int count, boolean inAll, long steps) {
        given(train, "training data");
        expect(count >= 1, "epochs %d: give at least 1", count);
        return alone(
                () -> {
                    expectNoListener("train");
                    try {
                        int done = inAll ? 0 : epochs.size();
                        expect(count <= Integer.MAX_VALUE - done, "epochs %d: too many", count);
                        int total = done + count;
                        classes = train.classes();
                        return new Fit(this, train, validation, total, steps).run();
                    } finally {
                        interrupted = false; // here, not above: it may come before the first step
                    }
                });
    }

    /** Under the lock: that it is not a listener, amid {@link #fit}, that does this. */
    private void expectNoListener(String what) {
        String text = "a listener cannot %s the trainer that it listens to";
        expect(lock.getHoldCount() <= 1, text, what);
    }

    /** Does something that no other thread may disturb, or refuses to. */
    private <T> T alone(Supplier<T> work) {
        if (!lock.tryLock()) {
            throw usage(
                    "another thread is at work with this trainer: wait for it, or open a trainer for"
                            + " each");
        }
        try {
            return work.get();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Asks a running {@link #fit}, or else the next one, to end soon, between two steps, as {@link
     * Thread#interrupt} does with the thread that trains. From any thread; it returns at once.
     */
    public void interrupt() {
        interrupted = true;
    }

    /** Measures the model on rows with targets, dropout off. */
    public Evaluation evaluate(Dataset set) {
        return Evaluation.of(plan.loss(), outputs(set), set);
    }

    /** Whether somebody asked the thread that trains to end; a thread's own flag stays set. */
    boolean isInterrupted() {
        return interrupted || Thread.currentThread().isInterrupted();
    }

    /** Measures other parameters of the same network, which then is as it was. */
    public Evaluation evaluate(float[] others, Dataset set) {
        return alone(
                () -> {
                    float[] own = parameters();
                    executor.write(plan.parameters(), others, 0);
                    try {
                        return evaluate(set);
                    } finally {
                        executor.write(plan.parameters(), own, 0);
                    }
                });
    }

    /** The last layer's outputs [rows × outputs] for each row: logits under cross-entropy. */
    public float[] outputs(Dataset set) {
        float[] outputs = roomForOutputs(plan, given(set, "rows"));
        return alone(
                () -> {
                    executor.infer(set, outputs);
                    return outputs;
                });
    }

    /** An array for the outputs of a data set's rows, unless there are more than one holds. */
    static float[] roomForOutputs(Plan plan, Dataset set) {
        long size = (long) set.rows() * plan.outputSize();
        String text =
                "%s: %,d rows of %,d outputs are more than an array holds: take fewer rows at once";
        expect(size <= Integer.MAX_VALUE - 8, text, set.name(), set.rows(), plan.outputSize());
        return new float[(int) size];
    }

    /** Where the run stands: enough to {@link #restore} it, here or elsewhere. */
    public Checkpoint checkpoint() {
        return alone(
                () ->
                        new Checkpoint(
                                config.seed(),
                                step,
                                state(),
                                epochs,
                                partialLoss,
                                partialHits,
                                best));
    }

    /** Goes back to a checkpoint of a run with the same configuration. */
    public void restore(Checkpoint checkpoint) {
        given(checkpoint, "checkpoint");
        alone(
                () -> {
                    expectNoListener("restore");
                    goBack(checkpoint);
                    return null;
                });
    }

    void goBack(Checkpoint checkpoint) {
        String text =
                "the checkpoint has %,d numbers of state, the model %,d: it is of another model";
        boolean fits = checkpoint.state().length == plan.state().size();
        require(fits, text, checkpoint.state().length, plan.state().size());
        String message = "the checkpoint is of a run with seed %d, not %d";
        require(checkpoint.seed() == config.seed(), message, checkpoint.seed(), config.seed());
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
        return alone(() -> read(plan.state()));
    }

    /** A copy of {@link Plan#parameters()}. */
    public float[] parameters() {
        return alone(() -> read(plan.parameters()));
    }

    float[] read(Slice slice) {
        float[] values = new float[Math.toIntExact(slice.size())];
        executor.read(slice, values, 0);
        return values;
    }

    /** The model as it is now, with the names of the classes that it was trained on. */
    public SavedModel model() {
        Map<String, String> notes = Map.of("seed", Long.toString(config.seed()));
        return new SavedModel(config.model(), config.loss(), parameters(), classes, notes);
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

    /** Waits for the steps that run, not for the end of a {@link #fit}, and frees the memory. */
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
