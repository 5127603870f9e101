package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.plan.Batches;

/**
 * What a launch runs for, as kernels read it: the words of {@code kernels/pass.h}, then a table of
 * rates and one of decays.
 */
final class PassBlock {
    /** Words before the tables. */
    static final int WORDS = 16;

    private PassBlock() {}

    /** Bytes for a run of some steps. */
    static int bytes(int steps) {
        return 4 * (WORDS + 2 * steps);
    }

    /** A run of training steps. */
    static void steps(ByteBuffer to, Steps steps, Batches batches, int chunk) {
        long first = steps.first();
        words(
                to,
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
                chunk);
        for (int i = 0; i < steps.count(); i++) {
            to.putFloat(steps.rates()[i]);
        }
        for (int i = 0; i < steps.count(); i++) {
            to.putFloat(steps.decays()[i]);
        }
    }

    /** A single pass; its op finds its log entry at index 0. */
    static void one(ByteBuffer to, StepContext pass, int dataRows, int chunk) {
        boolean training = pass.isTraining();
        words(
                to,
                pass.rows(),
                pass.first(),
                dataRows,
                training ? 1 : 0,
                training ? pass.seed() : 0,
                training ? pass.step() : 0,
                training ? pass.epoch() : 0,
                training ? pass.rate() : 0,
                training ? pass.decay() : 1,
                1,
                pass.rows(),
                chunk);
    }

    private static void words(
            ByteBuffer to,
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
        to.putInt(rows).putInt(first).putInt(dataRows).putInt(training);
        // a long is its low word and its high word in the byte order of all GPUs, and of x86 and
        // arm64
        to.putLong(seed).putLong(step).putLong(epoch);
        to.putFloat(rate).putFloat(decay);
        to.putInt(0).putInt(count).putInt(batch).putInt(chunk);
    }
}
