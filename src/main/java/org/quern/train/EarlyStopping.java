package org.quern.train;

import static org.quern.QuernException.expect;

import java.util.List;

/**
 * Ends a run when the monitored loss (validation, or training without validation data) was not
 * below the best so far by more than {@code minDelta} for {@code patience} epochs in a row. When
 * the run ends, whatever the cause, the trainer goes back to the parameters of the best epoch.
 *
 * @param patience epochs without improvement that are put up with, at least 1
 * @param minDelta least improvement that counts, at least 0
 */
public record EarlyStopping(int patience, double minDelta) {
    public EarlyStopping {
        String text = "early stopping: patience %d must be at least 1, min delta %s at least 0";
        expect(patience >= 1 && minDelta >= 0, text, patience, minDelta);
    }

    String text() {
        return patience + " " + minDelta;
    }

    /** Whether a run with these epochs should end: by the history alone, so it resumes. */
    boolean ends(List<EpochResult> epochs) {
        double best = Double.POSITIVE_INFINITY;
        int waited = 0;
        for (EpochResult epoch : epochs) {
            if (monitored(epoch) < best - minDelta) {
                best = monitored(epoch);
                waited = 0;
            } else {
                waited++;
            }
        }
        return waited >= patience;
    }

    /** The validation loss, or without validation the training loss. */
    static double monitored(EpochResult epoch) {
        return epoch.validationLoss() != null ? epoch.validationLoss() : epoch.loss();
    }

    /** Number of the first epoch with the least monitored loss; 0 if there is none. */
    static int best(List<EpochResult> epochs) {
        return epochs.stream()
                .reduce((best, next) -> monitored(next) < monitored(best) ? next : best)
                .map(EpochResult::epoch)
                .orElse(0);
    }
}
