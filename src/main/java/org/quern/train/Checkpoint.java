package org.quern.train;

import static org.quern.QuernException.copied;

import java.util.List;
import java.util.Locale;

/**
 * A run between two steps: all that it takes to go on as if nothing had happened. The generators
 * need no entry: their numbers follow from the seed and the step.
 *
 * @param step steps done, over all epochs
 * @param state of {@link org.quern.plan.Plan#state()}: parameters and moments
 * @param partialLoss sum of the losses of the rows done in the current, unfinished epoch
 * @param partialHits rows of them classified rightly
 * @param best parameters of the best of the finished epochs; null if there is none
 */
public record Checkpoint(
        long seed,
        long step,
        float[] state,
        List<EpochResult> epochs,
        double partialLoss,
        long partialHits,
        float[] best) {
    public Checkpoint {
        epochs = copied(epochs, "epochs");
    }

    @Override
    public String toString() {
        String text = "checkpoint of seed %d after %,d steps, in epoch %d";
        return String.format(Locale.ROOT, text, seed, step, epochs.size() + 1);
    }
}
