package org.quern.train;

import static org.quern.QuernException.data;

import java.util.function.LongToDoubleFunction;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.data.Dataset;
import org.quern.data.Distortion;
import org.quern.plan.Batches;
import org.quern.plan.Plan;

/**
 * One call of {@link Trainer#fit}: epochs cut into chunks of steps, each chunk one call of the
 * executor. A chunk ends where an epoch does, or after about {@value #CHUNK_MILLIS} ms, which is
 * how often progress is told and an interrupt is noticed; on devices that tell their progress while
 * they go on, after {@value #LONG_CHUNK_MILLIS} ms. How a run is cut changes no result.
 */
final class Fit {
    private static final int CHUNK_MILLIS = 50;

    /** The same for an executor that tells how far it is within a chunk. */
    private static final int LONG_CHUNK_MILLIS = 500;

    private static final int MOST_STEPS = 4096;
    private static final int FIRST_STEPS = 16;

    private final Trainer trainer;
    private final TrainingConfig config;
    private final Plan plan;
    private final Executor executor;
    private final Dataset train;
    private final Dataset validation;
    private final int epochs;
    private final Batches batches;
    private final Steps steps;
    private final LongToDoubleFunction learningRate;
    private int chunk = FIRST_STEPS;
    private boolean firstStepAlone;

    Fit(Trainer trainer, Dataset train, Dataset validation, int epochs) {
        this.trainer = trainer;
        this.config = trainer.config();
        this.plan = trainer.plan();
        this.executor = trainer.executor();
        this.train = train;
        this.validation = validation;
        this.epochs = epochs;
        batches = new Batches(train.rows(), config.batch());
        firstStepAlone = trainer.listeners().stream().anyMatch(Listener::awaitsFirstStep);
        steps = new Steps(config.seed(), MOST_STEPS);
        long perEpoch = batches.stepsPerEpoch();
        long total = perEpoch * epochs;
        learningRate = step -> config.schedule().at(step, perEpoch, total);
        DeviceDataset.checkTargets(plan, train);
        if (validation != null) {
            DeviceDataset.checkTargets(plan, validation);
        }
        if (batches.epoch(trainer.step()) < trainer.epochs().size()) {
            throw data(
                    "the checkpoint is at step %,d after %d epochs, which does not fit %s with"
                            + " %,d steps an epoch: resume with the same data and batch",
                    trainer.step(), trainer.epochs().size(), train.name(), perEpoch);
        }
    }

    History run() {
        trainer.listeners().forEach(listener -> listener.begin(trainer));
        History.End end = History.End.FINISHED;
        try (DeviceDataset plain = distorts() ? null : executor.upload(train);
                DeviceDataset check = validation == null ? null : executor.upload(validation)) {
            if (plain != null) {
                ready();
            }
            while (end == History.End.FINISHED && trainer.epochs().size() < epochs) {
                if (config.earlyStopping() != null
                        && config.earlyStopping().ends(trainer.epochs())) {
                    end = History.End.STOPPED;
                } else if (plain != null) {
                    end = epoch(plain, check, System.nanoTime());
                } else {
                    end = distortedEpoch(check);
                }
            }
        }
        if (config.earlyStopping() != null && end != History.End.INTERRUPTED) {
            trainer.restoreBest();
        }
        History history = new History(trainer.epochs(), EarlyStopping.best(trainer.epochs()), end);
        trainer.listeners().forEach(listener -> listener.end(history));
        return history;
    }

    private void ready() {
        trainer.listeners().forEach(Listener::ready);
    }

    private boolean distorts() {
        return !config.distortion().equals(Distortion.NONE);
    }

    /** The same on images that are drawn for this epoch; drawing them is part of its time. */
    private History.End distortedEpoch(DeviceDataset check) {
        long started = System.nanoTime();
        Dataset drawn = config.distortion().apply(train, config.seed(), trainer.epochs().size());
        try (DeviceDataset resident = executor.upload(drawn)) {
            ready();
            return epoch(resident, check, started);
        }
    }

    /** Trains the rest of the current epoch. */
    private History.End epoch(DeviceDataset resident, DeviceDataset check, long started) {
        Checkpoint start = trainer.checkpoint();
        boolean stop = false;
        while (batches.epoch(trainer.step()) == trainer.epochs().size()) {
            if (trainer.interrupted()) {
                return History.End.INTERRUPTED;
            }
            stop |= chunk(resident, start, started);
            if (stop && batches.epoch(trainer.step()) == trainer.epochs().size()) {
                return History.End.STOPPED;
            }
        }
        double seconds = (System.nanoTime() - started) * 1e-9;
        float[] state = trainer.state();
        if (!finite(state)) {
            throw new Divergence(trainer, steps, learningRate)
                    .restore(resident, start, trainer.step() - 1);
        }
        EpochResult result = result(seconds, (int) (trainer.step() - start.step()), check);
        boolean best = trainer.finishEpoch(result, state);
        for (Listener listener : trainer.listeners()) {
            stop |= listener.epochEnd(result, best, trainer) == Listener.Verdict.STOP;
        }
        return stop ? History.End.STOPPED : History.End.FINISHED;
    }

    /** Runs one chunk. @return whether a listener asked to stop */
    private boolean chunk(DeviceDataset resident, Checkpoint start, long started) {
        long from = trainer.step();
        int left = batches.stepsPerEpoch() - (int) (from % batches.stepsPerEpoch());
        int count = firstStepAlone ? 1 : Math.min(Math.min(chunk, left), MOST_STEPS);
        long before = System.nanoTime();
        boolean[] stop = new boolean[1];
        steps.observe(
                done ->
                        stop[0] |=
                                tell(start.step(), started, from + done, loss(done), hits(done)));
        executor.train(resident, steps.select(from, count, config.optimizer(), learningRate));
        long nanos = System.nanoTime() - before;
        long millis = executor.reportsProgress() ? LONG_CHUNK_MILLIS : CHUNK_MILLIS;
        if (!firstStepAlone) { // one step tells nothing of the others
            chunk = (int) Math.max(1, Math.min(MOST_STEPS, millis * 1_000_000L * count / nanos));
        }
        firstStepAlone = false;
        for (int i = 0; i < count; i++) {
            Believable.check(executor, steps, i, batches.rowsAt(from + i));
            if (!Float.isFinite(steps.losses()[i])) {
                throw new Divergence(trainer, steps, learningRate)
                        .restore(resident, start, from + i);
            }
        }
        trainer.advance(count, loss(count), hits(count));
        return stop[0] | tell(start.step(), started, trainer.step(), 0, 0);
    }

    private double loss(int count) {
        double loss = 0;
        for (int i = 0; i < count; i++) {
            loss += steps.losses()[i];
        }
        return loss;
    }

    private long hits(int count) {
        long hits = 0;
        for (int i = 0; i < count; i++) {
            hits += steps.hits()[i];
        }
        return hits;
    }

    /** Tells of the epoch so far: what the trainer has counted, and more that it has not yet. */
    private boolean tell(long firstStep, long started, long step, double moreLoss, long moreHits) {
        int done = (int) ((step - 1) % batches.stepsPerEpoch()) + 1;
        long rows = Math.min((long) done * config.batch(), batches.rows());
        long trained = rows - (firstStep % batches.stepsPerEpoch()) * config.batch();
        double seconds = (System.nanoTime() - started) * 1e-9;
        Progress progress =
                new Progress(
                        trainer.epochs().size() + 1,
                        epochs,
                        done,
                        batches.stepsPerEpoch(),
                        (trainer.partialLoss() + moreLoss) / rows,
                        (double) (trainer.partialHits() + moreHits) / rows,
                        trained / seconds);
        boolean stop = false;
        for (Listener listener : trainer.listeners()) {
            stop |= listener.progress(progress) == Listener.Verdict.STOP;
        }
        return stop;
    }

    private EpochResult result(double seconds, int stepsTimed, DeviceDataset check) {
        Evaluation validated = null;
        if (check != null) {
            float[] outputs = new float[Math.multiplyExact(check.rows(), plan.outputSize())];
            executor.infer(check, 0, check.rows(), outputs);
            validated = Evaluation.of(plan.loss(), outputs, validation);
        }
        return new EpochResult(
                trainer.epochs().size() + 1,
                trainer.partialLoss() / batches.rows(),
                (double) trainer.partialHits() / batches.rows(),
                validated == null ? null : validated.loss(),
                validated == null ? null : validated.accuracy(),
                learningRate.applyAsDouble(trainer.step() - 1),
                seconds,
                seconds * 1e6 / stepsTimed);
    }

    private static boolean finite(float[] values) {
        for (float value : values) {
            if (!Float.isFinite(value)) {
                return false;
            }
        }
        return true;
    }
}
