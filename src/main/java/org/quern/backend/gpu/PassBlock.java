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
    private static final int WORDS = names().size();

    private final Device device;
    final Device.Buffer buffer;
    final int capacity; // the most steps of a run

    private final ByteBuffer host;
    private final Words words = new Words();
    private Steps steps;
    private Batches batches;
    private StepContext pass;

    PassBlock(Device device, int capacity) {
        this.device = device;
        this.capacity = capacity;
        host = GpuDevice.direct(4 * (WORDS + 2 * capacity));
        buffer = device.allocate(host.capacity(), "the table of step sizes");
    }

    /** The pass of a step of the run that was written last. */
    StepContext step(int index) {
        return pass.step(index);
    }

    void write(Steps newSteps, Batches newBatches, int chunk) {
        if (steps != newSteps || batches != newBatches) {
            steps = newSteps;
            batches = newBatches;
            pass = StepContext.training(steps, batches);
        }
        int count = steps.count();
        put(words.clear(), step(0), batches.rows(), count, batches.batch(), chunk);
        words.writeTo(host.clear());
        for (int i = 0; i < count; i++) {
            host.putFloat(steps.rates()[i]);
        }
        for (int i = 0; i < count; i++) {
            host.putFloat(steps.decays()[i]);
        }
        device.write(buffer, 0, host.flip());
    }

    /** A single pass; its op finds its log entry at index 0. */
    void write(StepContext single, int dataRows, int chunk) {
        put(words.clear(), single, dataRows, 1, single.rows(), chunk).writeTo(host.clear());
        host.putFloat(single.rate()).putFloat(single.decay()); // tables of one entry
        device.write(buffer, 0, host.flip());
    }

    static List<String> names() {
        return put(new Words(), StepContext.inference(), 0, 0, 0, 0).names();
    }

    private static Words put(
            Words words, StepContext pass, int dataRows, int count, int batch, int chunk) {
        return words.put("ROWS: of this pass", pass.rows())
                .put("FIRST: its first row: in the epoch's order, or in the data set", pass.first())
                .put("DATA_ROWS", dataRows)
                .put(
                        "TRAINING: 1: rows shuffled, dropout on; 0: inference",
                        pass.isTraining() ? 1 : 0)
                .put("SEED_LOW", (int) pass.seed())
                .put("SEED_HIGH", (int) (pass.seed() >> 32))
                .put("STEP_LOW: global step", (int) pass.step())
                .put("STEP_HIGH", (int) (pass.step() >> 32))
                .put("EPOCH_LOW", (int) pass.epoch())
                .put("EPOCH_HIGH", (int) (pass.epoch() >> 32))
                .putFloat("RATE: a float: the optimizer's step size", pass.rate())
                .putFloat("DECAY: a float: what parameters are multiplied by first", pass.decay())
                .put("INDEX: number of the step within this run of steps", 0)
                .put("COUNT: steps of this run", count)
                .put("BATCH: rows of a full batch", batch)
                .put("KEPT_ROWS: rows of the step whose losses were taken last", pass.rows())
                .put("CHUNK: rows in the data buffer, where data is streamed, else 0", chunk);
    }
}
