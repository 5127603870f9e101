package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import java.util.List;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.backend.Words;
import org.quern.plan.Batches;

/**
 * What a launch runs for, in device memory, so that the same launch serves every step: words, then
 * a table of rates and one of decays.
 */
final class PassBlock {
    /** Words before the tables. */
    static final int WORDS = new PassBlock().words(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0).size();

    private final Words words = new Words();

    /** Bytes for a run of some steps. */
    static int bytes(int steps) {
        return 4 * (WORDS + 2 * steps);
    }

    /** A run of training steps. */
    void steps(ByteBuffer to, Steps steps, Batches batches, int chunk) {
        long first = steps.first();
        words(
                        batches.rowsAt(first),
                        batches.place(first),
                        batches.rows(),
                        1,
                        steps.seed(),
                        first,
                        batches.epoch(first),
                        steps.rates()[0],
                        steps.decays()[0],
                        steps.count(),
                        batches.batch(),
                        chunk)
                .writeTo(to);
        for (int i = 0; i < steps.count(); i++) {
            to.putFloat(steps.rates()[i]);
        }
        for (int i = 0; i < steps.count(); i++) {
            to.putFloat(steps.decays()[i]);
        }
    }

    /** A single pass; its op finds its log entry at index 0. */
    void one(ByteBuffer to, StepContext pass, int dataRows, int chunk) {
        words(
                        pass.rows(),
                        pass.first(),
                        dataRows,
                        pass.isTraining() ? 1 : 0,
                        pass.seed(),
                        pass.step(),
                        pass.epoch(),
                        pass.rate(),
                        pass.decay(),
                        1,
                        pass.rows(),
                        chunk)
                .writeTo(to);
    }

    /** The names of the words that were written. */
    List<String> names() {
        return words.names();
    }

    private Words words(
            int rows,
            int first,
            int dataRows,
            int training,
            long seed,
            long step,
            long epoch,
            float rate,
            float decay,
            int count,
            int batch,
            int chunk) {
        return words.clear()
                .put("ROWS: of this pass", rows)
                .put("FIRST: its first row: in the epoch's order, or in the data set", first)
                .put("DATA_ROWS", dataRows)
                .put("TRAINING: 1: rows shuffled, dropout on; 0: inference", training)
                .put("SEED_LOW", (int) seed)
                .put("SEED_HIGH", (int) (seed >> 32))
                .put("STEP_LOW: global step", (int) step)
                .put("STEP_HIGH", (int) (step >> 32))
                .put("EPOCH_LOW", (int) epoch)
                .put("EPOCH_HIGH", (int) (epoch >> 32))
                .putFloat("RATE: a float: the optimizer's step size", rate)
                .putFloat("DECAY: a float: what parameters are multiplied by first", decay)
                .put("INDEX: number of the step within this run of steps", 0)
                .put("COUNT: steps of this run", count)
                .put("BATCH: rows of a full batch", batch)
                .put("CHUNK: rows in the data buffer, where data is streamed, else 0", chunk);
    }
}
