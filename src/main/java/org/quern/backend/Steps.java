package org.quern.backend;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.util.function.IntConsumer;
import java.util.function.LongToDoubleFunction;
import org.quern.plan.Optimizer;

/** Consecutive training steps: the step sizes that go in and the log that comes out; reused. */
public final class Steps {
    /** The loss of a step that no executor has done: one that no step can have. */
    public static final float UNDONE = -1;

    private static final int MOST = 1 << 24;

    private final long seed;
    private final float[] rates;
    private final float[] decays;
    private final float[] losses;
    private final int[] hits;
    private long first;
    private int count;
    private IntConsumer observer;

    /** Room for so many steps of a run; its seed is the key of batch order and dropout. */
    public Steps(long seed, int capacity) {
        boolean fits = capacity >= 0 && capacity <= MOST;
        expect(fits, "room for %,d steps: give 0 to %,d", capacity, MOST);
        this.seed = seed;
        rates = new float[capacity];
        decays = new float[capacity];
        losses = new float[capacity];
        hits = new int[capacity];
    }

    /**
     * Whom to tell how many of the selected steps are done and in the log; null for nobody. Called
     * by the thread that trains, while the steps run, if the executor can tell before the end.
     */
    public void observe(IntConsumer newObserver) {
        observer = newObserver;
    }

    public void report(int done) {
        if (observer != null) {
            observer.accept(done);
        }
    }

    /** Selects steps {@code [newFirst, newFirst + newCount)} and fills in their step sizes. */
    public Steps select(
            long newFirst, int newCount, Optimizer optimizer, LongToDoubleFunction learningRate) {
        given(optimizer, "optimizer");
        given(learningRate, "learning rate");
        if (newFirst < 0 || newCount < 0 || newCount > rates.length || newFirst + newCount < 0) {
            throw usage(
                    "%,d steps from step %,d on: there is room for %,d, and the first is step 0",
                    newCount, newFirst, rates.length);
        }
        first = newFirst;
        count = newCount;
        for (int i = 0; i < newCount; i++) {
            double rate = learningRate.applyAsDouble(newFirst + i);
            rates[i] = optimizer.rate(rate, newFirst + i);
            decays[i] = optimizer.decay(rate);
            losses[i] = UNDONE;
        }
        return this;
    }

    public int capacity() {
        return rates.length;
    }

    public long seed() {
        return seed;
    }

    public long first() {
        return first;
    }

    public int count() {
        return count;
    }

    /** {@link Optimizer#rate} of each step, not copied. */
    public float[] rates() {
        return rates;
    }

    /** {@link Optimizer#decay} of each step, not copied. */
    public float[] decays() {
        return decays;
    }

    /** Summed losses of each step's rows, not copied; {@link #UNDONE} until it is done. */
    public float[] losses() {
        return losses;
    }

    /** Rows of each step that were classified rightly, not copied; written by the executor. */
    public int[] hits() {
        return hits;
    }
}
