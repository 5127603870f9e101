package org.quern.train;

import static org.quern.QuernException.device;
import static org.quern.QuernException.require;

import java.util.Arrays;
import java.util.Locale;
import java.util.function.LongToDoubleFunction;
import org.quern.QuernException;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.data.Dataset;
import org.quern.plan.Batches;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * One call of {@link Trainer#fit}: epochs cut into chunks of steps, each chunk one call of the
 * executor. A chunk ends where an epoch does, or after about {@value #CHUNK_MILLIS} ms, which is
 * how often progress is told and an interrupt is noticed; on devices that tell their progress while
 * they go on, after {@value #LONG_CHUNK_MILLIS} ms. The first is a single step, since nobody knows
 * how long that takes. How a run is cut changes no result.
 */
final class Fit {
    private static final int CHUNK_MILLIS = 50;
    private static final int LONG_CHUNK_MILLIS = 500;
    private static final int MOST_STEPS = 4096;

    /** A chunk has at most so many times the steps of the one before, which may have been short. */
    private static final int GROWTH = 4;

    /**
     * Least cross-entropy of a wrong decision, be it that a row's class has not the largest logit
     * or that a logit is not on its target's side: log 2, less a little for rounding.
     */
    private static final double LEAST_OF_A_MISS = 0.69;

    /** Values that are brought from the device at once, where all would be a second model. */
    private static final int PIECE = 1 << 18;

    private final Trainer trainer;
    private final TrainingConfig config;
    private final Plan plan;
    private final Executor executor;
    private final Dataset train;
    private final Dataset validation;
    private final int epochs;
    private final long lastStep;
    private final int decisions;
    private final Batches batches;
    private final Steps steps;
    private final LongToDoubleFunction learningRate;
    private int chunk = 1;
    private boolean stop; // a listener asked for it

    // the epoch that is trained: its data, when it began, and where the run stood then
    private DeviceDataset data;
    private long started;
    private Checkpoint start;

    Fit(Trainer trainer, Dataset train, Dataset validation, int epochs, long lastStep) {
        this.trainer = trainer;
        this.config = trainer.config;
        this.plan = trainer.plan;
        this.executor = trainer.executor;
        this.train = train;
        this.validation = validation;
        this.epochs = epochs;
        this.lastStep = lastStep;
        decisions = plan.loss().decisions(plan.outputSize());
        batches = new Batches(train.rows(), config.batch());
        steps = new Steps(config.seed(), MOST_STEPS);
        long perEpoch = batches.stepsPerEpoch();
        long total = perEpoch * epochs;
        learningRate = step -> config.schedule().at(step, perEpoch, total);
        DeviceDataset.checkTargets(plan, train);
        if (validation != null) {
            DeviceDataset.checkTargets(plan, validation);
        }
        String text =
                "the checkpoint is at step %,d after %d epochs, which does not fit %s with %,d"
                        + " steps an epoch: resume with the same data and batch";
        boolean fits = batches.epoch(trainer.step) >= trainer.epochs.size();
        require(fits, text, trainer.step, trainer.epochs.size(), train.name(), perEpoch);
    }

    History run() {
        trainer.listeners.forEach(listener -> listener.begin(trainer));
        boolean distorts = !config.distortion().isNone();
        EarlyStopping stopping = config.earlyStopping();
        History.End end = History.End.FINISHED;
        try (DeviceDataset plain = distorts ? null : executor.upload(train);
                DeviceDataset check = validation == null ? null : executor.upload(validation)) {
            if (!distorts) {
                trainer.listeners.forEach(Listener::ready);
            }
            while (end == History.End.FINISHED && trainer.epochs.size() < epochs) {
                started = System.nanoTime();
                if (stopping != null && stopping.ends(trainer.epochs)) {
                    end = History.End.STOPPED;
                } else {
                    end = distorts ? distortedEpoch(check) : epoch(plain, check);
                }
            }
        }
        if (stopping != null && end != History.End.INTERRUPTED) {
            trainer.restoreBest();
        }
        History history = history(end);
        trainer.listeners.forEach(listener -> listener.end(history));
        return history;
    }

    /** On images that are drawn for this epoch; drawing them is part of its time. */
    private History.End distortedEpoch(DeviceDataset check) {
        Dataset drawn = config.distortion().apply(train, config.seed(), trainer.epochs.size());
        try (DeviceDataset resident = executor.upload(drawn)) {
            trainer.listeners.forEach(Listener::ready);
            return epoch(resident, check);
        }
    }

    private History.End epoch(DeviceDataset resident, DeviceDataset check) {
        data = resident;
        start = trainer.checkpoint();
        while (batches.epoch(trainer.step) == trainer.epochs.size()) {
            if (stop || trainer.isInterrupted() || trainer.step >= lastStep) {
                return stop ? History.End.STOPPED : History.End.INTERRUPTED;
            }
            chunk();
        }
        double seconds = (System.nanoTime() - started) * 1e-9;
        float[] state = trainer.state();
        if (notFinite(state) != null) {
            throw diverged(trainer.step - 1);
        }
        float[] outputs = check == null ? null : outputs(check);
        if (check != null && outputs == null) {
            return History.End.INTERRUPTED;
        }
        EpochResult result = result(seconds, (int) (trainer.step - start.step()), outputs, state);
        boolean best = trainer.finishEpoch(result, state);
        for (Listener listener : trainer.listeners) {
            stop |= listener.epochEnd(result, best, trainer) == Listener.Verdict.STOP;
        }
        return stop ? History.End.STOPPED : History.End.FINISHED;
    }

    private void chunk() {
        long from = trainer.step;
        int left = batches.stepsPerEpoch() - (int) (from % batches.stepsPerEpoch());
        int count = (int) Math.min(Math.min(chunk, left), lastStep - from);
        long before = System.nanoTime();
        steps.observe(done -> tell(from + done, loss(done), hits(done)));
        executor.train(data, select(from, count));
        long nanos = System.nanoTime() - before;
        long millis = executor.reportsProgress() ? LONG_CHUNK_MILLIS : CHUNK_MILLIS;
        long most = Math.min(MOST_STEPS, (long) GROWTH * chunk);
        chunk = (int) Math.max(1, Math.min(most, millis * 1_000_000L * count / Math.max(1, nanos)));
        for (int i = 0; i < count; i++) {
            checkBelievable(i);
            if (!Float.isFinite(steps.losses()[i])) {
                throw diverged(from + i);
            }
        }
        trainer.step += count;
        trainer.partialLoss += loss(count);
        trainer.partialHits += hits(count);
        tell(trainer.step, 0, 0);
    }

    private Steps select(long from, int count) {
        return steps.select(from, count, config.optimizer(), learningRate);
    }

    private double loss(int count) {
        double loss = 0;
        for (int i = 0; i < count; i++) {
            loss += steps.losses()[i];
        }
        return loss;
    }

    private long hits(int count) {
        return Arrays.stream(steps.hits(), 0, count).asLongStream().sum();
    }

    /** Tells of the epoch so far: what the trainer has counted, and more that it has not yet. */
    private void tell(long step, double moreLoss, long moreHits) {
        int done = (int) ((step - 1) % batches.stepsPerEpoch()) + 1;
        long rows = Math.min((long) done * config.batch(), batches.rows());
        long trained = rows - (start.step() % batches.stepsPerEpoch()) * config.batch();
        double seconds = (System.nanoTime() - started) * 1e-9;
        Progress progress =
                new Progress(
                        trainer.epochs.size() + 1,
                        epochs,
                        done,
                        batches.stepsPerEpoch(),
                        (trainer.partialLoss + moreLoss) / rows,
                        accuracy(trainer.partialHits + moreHits, rows),
                        trained / seconds);
        for (Listener listener : trainer.listeners) {
            stop |= listener.progress(progress) == Listener.Verdict.STOP;
        }
    }

    private double accuracy(long hits, long rows) {
        return decisions == 0 ? Double.NaN : (double) hits / (rows * decisions);
    }

    /** Outputs of all rows, in calls that grow as chunks do; null if interrupted between two. */
    private float[] outputs(DeviceDataset check) {
        float[] outputs = Trainer.roomForOutputs(plan, validation);
        int width = plan.outputSize();
        int piece = plan.inferenceBatch();
        for (int done = 0, count; done < check.rows(); done += count) {
            if (trainer.isInterrupted()) {
                return null;
            }
            count = Math.min(piece, check.rows() - done);
            float[] some = new float[count * width];
            long before = System.nanoTime();
            executor.infer(check, done, count, some);
            System.arraycopy(some, 0, outputs, done * width, some.length);
            if (System.nanoTime() - before < CHUNK_MILLIS * 1_000_000L) {
                piece = (int) Math.min((long) GROWTH * piece, check.rows());
            }
        }
        return outputs;
    }

    private History history(History.End end) {
        int best = EarlyStopping.best(trainer.epochs);
        return new History(trainer.epochs, best, end, plan.loss().takesLogits());
    }

    private EpochResult result(double seconds, int stepsTimed, float[] outputs, float[] state) {
        Evaluation validated =
                outputs == null ? null : Evaluation.of(plan.loss(), outputs, validation);
        return new EpochResult(
                trainer.epochs.size() + 1,
                trainer.partialLoss / batches.rows(),
                accuracy(trainer.partialHits, batches.rows()),
                validated == null ? null : validated.loss(),
                validated == null ? null : validated.score(),
                learningRate.applyAsDouble(trainer.step - 1),
                seconds,
                stepsTimed == 0 ? 0 : seconds * 1e6 / stepsTimed,
                Math.sqrt(sumOfSquares(state, Math.toIntExact(plan.parameters().size()))),
                gradientNorm());
    }

    /**
     * That of the step that would come next, as far as its gradients: no parameter changes, and
     * training steps need nothing that it leaves behind. They do not say their gradients
     * themselves, which some kernels never write to memory.
     */
    private double gradientNorm() {
        StepContext next = StepContext.training(select(trainer.step, 1), batches);
        for (Op op : plan.training()) {
            if (!(op instanceof Op.Update || op instanceof Op.Metrics)) {
                executor.run(op, data, next);
            }
        }
        Slice all = plan.gradients();
        float[] values = new float[(int) Math.min(all.size(), PIECE)];
        double sum = 0;
        for (int done = 0; done < all.columns(); done += PIECE) {
            int count = Math.min(PIECE, all.columns() - done);
            executor.read(new Slice(all.name(), all.offset() + done, 1, count), values, 0);
            sum += sumOfSquares(values, count);
        }
        return Math.sqrt(sum);
    }

    /** In four parts, or each addition would wait for the one before. */
    private static double sumOfSquares(float[] values, int count) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        int i = 0;
        for (; i + 3 < count; i += 4) {
            a += (double) values[i] * values[i];
            b += (double) values[i + 1] * values[i + 1];
            c += (double) values[i + 2] * values[i + 2];
            d += (double) values[i + 3] * values[i + 3];
        }
        for (; i < count; i++) {
            a += (double) values[i] * values[i];
        }
        return a + b + c + d;
    }

    /**
     * Fails if a step was not done, or has a loss or hits that no network has; NaN and infinity
     * some have. Drivers are known that leave work out, or do it wrong, and report no error.
     */
    private void checkBelievable(int i) {
        int rows = batches.rowsAt(steps.first() + i);
        float loss = steps.losses()[i];
        int hits = steps.hits()[i];
        long most = (long) rows * decisions;
        double miss = LEAST_OF_A_MISS * plan.loss().leastWeight();
        double least = decisions == 0 ? 0 : miss * (most - hits) / decisions;
        if (loss < least || decisions > 0 && (hits < 0 || hits > most)) {
            String right = decisions > 0 ? " with %d of %d right".formatted(hits, most) : "";
            String what = "gave a loss of %.4f%s, which no network has,";
            throw device(
                    "%s %s at step %,d, and reported no error: what it computes cannot be trusted:"
                            + " see quern doctor, and use another --backend or --device",
                    executor.device(),
                    loss == Steps.UNDONE
                            ? "did nothing"
                            : String.format(Locale.ROOT, what, loss / rows, right),
                    steps.first() + i);
        }
    }

    /**
     * Explains a divergence and goes back to where the epoch was entered. Runs are deterministic,
     * so nothing needs to be watched while training: the steps since then are trained again, the
     * bad one, by its loss or the state after it, op by op until a number is not finite.
     */
    private QuernException diverged(long badStep) {
        trainer.goBack(start);
        for (long from = start.step(); from < badStep && !trainer.isInterrupted(); from += chunk) {
            executor.train(data, select(from, (int) Math.min(chunk, badStep - from)));
        }
        String origin =
                trainer.isInterrupted()
                        ? "interrupted before it was known where"
                        : origin(StepContext.training(select(badStep, 1), batches));
        trainer.goBack(start);
        String message =
                "training diverged at step %,d (epoch %d): %s; kept the weights of step %,d; try a"
                        + " lower learning rate than %.2e, or scale the input";
        long epoch = batches.epoch(badStep) + 1;
        double rate = learningRate.applyAsDouble(badStep);
        return new QuernException(
                QuernException.Kind.TARGET,
                String.format(Locale.ROOT, message, badStep, epoch, origin, start.step(), rate));
    }

    private String origin(StepContext pass) {
        for (Op op : plan.training()) {
            executor.run(op, data, pass);
            for (Slice slice : op.first(pass.rows(), op.outputs())) {
                String found = executor.finite(slice) ? null : notFinite(trainer.read(slice));
                if (found != null) {
                    return "%s of %s is %s".formatted(op.what(), op.layer(), found);
                }
            }
        }
        return "the loss is not finite";
    }

    /** What the first number is that is not finite; null if all are. */
    private static String notFinite(float[] values) {
        for (float value : values) {
            if (!Float.isFinite(value)) {
                return Float.isNaN(value) ? "NaN" : "infinite";
            }
        }
        return null;
    }
}
