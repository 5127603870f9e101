package org.quern.train;

/**
 * Where a run stands within an epoch.
 *
 * @param epoch the current one, from 1, of so many {@code epochs}
 * @param step steps done in this epoch, of so many {@code steps}
 * @param loss mean loss of the epoch's rows so far
 * @param accuracy fraction of the epoch's rows so far classified rightly
 * @param rowsPerSecond training rows a second in this epoch
 */
public record Progress(
        int epoch,
        int epochs,
        int step,
        int steps,
        double loss,
        double accuracy,
        double rowsPerSecond) {}
