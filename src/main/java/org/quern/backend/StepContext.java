package org.quern.backend;

import static org.quern.QuernException.given;

import org.quern.plan.Batches;
import org.quern.plan.Mask;
import org.quern.random.Permutation;

/** What an op is run for: a training step, or rows of inference; mutable, for loops of steps. */
public final class StepContext {
    private final Steps steps;
    private final Batches batches;
    private int index;
    private int rows;
    private int first;
    private long epoch;

    private StepContext(Steps steps, Batches batches) {
        this.steps = steps;
        this.batches = batches;
    }

    /** Training steps over a data set; {@link #step} selects which. */
    public static StepContext training(Steps steps, Batches batches) {
        return new StepContext(given(steps, "steps"), given(batches, "batches")).step(0);
    }

    /** Inference; {@link #rows(int, int)} selects which rows. */
    public static StepContext inference() {
        return new StepContext(null, null);
    }

    /**
     * Selects step {@code steps.first() + newIndex}.
     *
     * @hidden
     */
    public StepContext step(int newIndex) {
        index = newIndex;
        long step = steps.first() + newIndex;
        rows = batches.rowsAt(step);
        first = batches.place(step);
        epoch = batches.epoch(step);
        return this;
    }

    /** Selects rows {@code [newFirst, newFirst + newRows)} for inference. */
    public StepContext rows(int newFirst, int newRows) {
        first = newFirst;
        rows = newRows;
        return this;
    }

    /** Whether this is a training step: rows shuffled, dropout on. */
    public boolean isTraining() {
        return steps != null;
    }

    public int rows() {
        return rows;
    }

    /** The place of the first row: in the epoch's order, or in inference in the data set. */
    public int first() {
        return first;
    }

    /** The epoch of a training pass, from 0; 0 in inference. */
    public long epoch() {
        return epoch;
    }

    /** The row of the data set at place {@code b} of the pass. */
    public int row(int b) {
        return isTraining()
                ? Permutation.shuffled(batches.rows(), steps.seed(), epoch, first + b)
                : first + b;
    }

    /** Whether {@code mask} does anything in this pass. */
    public boolean drops(Mask mask) {
        return isTraining() && mask.drops();
    }

    /** What dropout multiplies a value of a matrix of so many columns by: 0 where it drops it. */
    public double keep(Mask mask, int row, int column, int columns) {
        if (!drops(mask)) {
            return 1;
        }
        return mask.keeps(seed(), step(), (long) row * columns + column) ? mask.scale() : 0;
    }

    /** The seed of a training pass; 0 in inference. */
    public long seed() {
        return isTraining() ? steps.seed() : 0;
    }

    /** The global step of a training pass; 0 in inference. */
    public long step() {
        return isTraining() ? steps.first() + index : 0;
    }

    /** The optimizer's step size of a training pass; 0 in inference. */
    public float rate() {
        return isTraining() ? steps.rates()[index] : 0;
    }

    /** What parameters are multiplied by before the update; 1 in inference. */
    public float decay() {
        return isTraining() ? steps.decays()[index] : 1;
    }

    /**
     * @hidden
     */
    public void log(float loss, int hits) {
        steps.losses()[index] = loss;
        steps.hits()[index] = hits;
    }
}
