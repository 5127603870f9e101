package org.quern.train;

import java.util.List;

/**
 * A run between two steps: all that it takes to go on as if nothing had happened. The generators
 * need no entry: their numbers follow from the seed and the step.
 *
 * @param seed the run's seed
 * @param step steps done, over all epochs
 * @param state parameters and moments in the layout of {@link org.quern.plan.Plan#state()}
 * @param epochs results of the epochs finished
 * @param partialLoss sum of the losses of the rows done in the current, unfinished epoch
 * @param partialHits rows of them classified rightly
 * @param best parameters of the best epoch, in the layout of {@link
 *     org.quern.plan.Plan#parameters()}; null if no epoch was finished
 */
public record Checkpoint(
        long seed,
        long step,
        float[] state,
        List<EpochResult> epochs,
        double partialLoss,
        long partialHits,
        float[] best) {
    /** Copies the list. */
    public Checkpoint {
        epochs = List.copyOf(epochs);
    }
}
