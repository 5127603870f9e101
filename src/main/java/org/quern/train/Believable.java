package org.quern.train;

import java.util.Locale;
import org.quern.QuernException;
import org.quern.backend.Executor;
import org.quern.backend.Steps;

/**
 * Whether a step may have gone as its log says. Drivers are known that leave work out, or do it
 * wrong, and report no error.
 */
final class Believable {
    /**
     * Least cross-entropy of a row whose class has not the largest logit: log 2, where another has
     * as large a one; less a little for rounding.
     */
    private static final double LEAST_OF_A_MISS = 0.69;

    private Believable() {}

    /**
     * Fails if a step was not done, or has a loss or hits that no network has; NaN and infinity
     * some have.
     *
     * @param i the step's place in the log
     * @param rows of its batch
     */
    static void check(Executor executor, Steps steps, int i, int rows) {
        float loss = steps.losses()[i];
        int hits = steps.hits()[i];
        boolean counts = executor.plan().loss().classifies();
        boolean can =
                counts
                        ? hits >= 0 && hits <= rows && !(loss < LEAST_OF_A_MISS * (rows - hits))
                        : !(loss < 0);
        if (!can) {
            throw new QuernException(
                    QuernException.Kind.DEVICE,
                    String.format(
                            Locale.ROOT,
                            "%s %s at step %,d, and reported no error: what it computes cannot be"
                                    + " trusted: see quern doctor, and use another --backend or"
                                    + " --device",
                            executor.device(),
                            loss == Steps.UNDONE ? "did nothing" : found(loss, hits, rows, counts),
                            steps.first() + i));
        }
    }

    private static String found(float loss, int hits, int rows, boolean counts) {
        return String.format(
                Locale.ROOT,
                "gave a loss of %.4f%s, which no network has,",
                loss / rows,
                counts ? " with %d of %d rows right".formatted(hits, rows) : "");
    }
}
