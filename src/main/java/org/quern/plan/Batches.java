package org.quern.plan;

import static org.quern.QuernException.expect;

/**
 * How global steps, counted from 0 over all epochs, fall on a data set: each epoch takes all rows
 * once, in its own order, {@code batch} at a time; the last batch may be short.
 */
public record Batches(int rows, int batch) {
    public Batches {
        String text = "batch %d of %d rows: both must be at least 1";
        expect(rows >= 1 && batch >= 1, text, batch, rows);
    }

    /** Steps of an epoch: ⌈rows / batch⌉. */
    public int stepsPerEpoch() {
        return (rows - 1) / batch + 1;
    }

    public long epoch(long step) {
        return step / stepsPerEpoch();
    }

    /** The place in the epoch's order of the first row of a step's batch. */
    public int place(long step) {
        return (int) (step % stepsPerEpoch()) * batch;
    }

    public int rowsAt(long step) {
        return Math.min(batch, rows - place(step));
    }
}
