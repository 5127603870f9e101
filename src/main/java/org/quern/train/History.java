package org.quern.train;

import static org.quern.QuernException.copied;

import java.util.List;
import java.util.Locale;

/**
 * How a run went.
 *
 * @param epochs the finished epochs, those before a resume included
 * @param bestEpoch number of the epoch with the least validation loss, or without validation the
 *     least training loss; 0 if none was finished
 * @param classifies whether accuracy means anything; if not, that of validation is R²
 */
public record History(List<EpochResult> epochs, int bestEpoch, End end, boolean classifies) {
    public enum End {
        FINISHED,
        /** Early stopping, or a listener. */
        STOPPED,
        /**
         * {@link Trainer#interrupt}, or the last step that was asked for: perhaps in the middle of
         * an epoch.
         */
        INTERRUPTED
    }

    public History {
        epochs = copied(epochs, "epochs");
    }

    /** A line for each epoch, and one that says which was the best. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        epochs.forEach(epoch -> text.append(epoch).append('\n'));
        String last = end.toString().toLowerCase(Locale.ROOT) + ", best epoch " + bestEpoch;
        return text.append(last).toString();
    }
}
