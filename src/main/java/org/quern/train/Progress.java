package org.quern.train;

/**
 * Where a run stands within an epoch.
 *
 * @param epoch the current one, from 1, of so many {@code epochs}
 * @param step steps done in this epoch, of so many {@code steps}
 * @param loss mean loss of its rows so far; {@code accuracy}: what fraction was classified rightly,
 *     NaN in a regression
 */
public record Progress(
        int epoch,
        int epochs,
        int step,
        int steps,
        double loss,
        double accuracy,
        double rowsPerSecond) {

    /** Of training all that is left at this speed, given the rows of an epoch. */
    public double secondsLeft(int rows) {
        return ((double) (steps - step) / steps + epochs - epoch) * rows / rowsPerSecond;
    }
}
