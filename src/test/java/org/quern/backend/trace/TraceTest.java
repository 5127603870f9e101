package org.quern.backend.trace;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.plan.Plan;
import org.quern.train.Listener;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** What a run asks of a device. */
class TraceTest {
    private static final Dataset DIGITS = Digits.generate("digits", 333, 0, 1);
    private static final Model MODEL =
            ModelText.parse(
                    Model.input(28, 28),
                    "dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10");

    @Test
    void aStepOfTheTutorialNetIsEightLaunchesAndNoCopyAndNoAllocation() {
        Plan plan = TrainingConfig.of(MODEL).plan();
        TraceBackend trace = new TraceBackend();
        try (Executor executor = trace.open(plan, Backend.Options.DEFAULT)) {
            DeviceDataset data = executor.upload(DIGITS);
            Steps steps = new Steps(1, 200);
            executor.train(data, steps.select(0, 10, plan.optimizer(), s -> 1e-3));
            TraceDevice.Counts before = trace.device().counts();
            executor.train(data, steps.select(10, 100, plan.optimizer(), s -> 1e-3));
            TraceDevice.Counts once = trace.device().counts();
            executor.train(data, steps.select(110, 200, plan.optimizer(), s -> 1e-3));
            TraceDevice.Counts after = trace.device().counts();
            assertThat(once.allLaunches() - before.allLaunches()).isEqualTo(100 * 8);
            assertThat(after.allLaunches() - once.allLaunches()).isEqualTo(200 * 8);
            assertThat(after.allocations()).isEqualTo(before.allocations());
            // the table of step sizes and the log, once a call, however many the steps
            assertThat(once.copies() - before.copies()).isEqualTo(2);
            assertThat(after.copies() - once.copies()).isEqualTo(2);
            data.close();
        }
        assertThat(trace.device().counts().open()).isZero();
    }

    @Test
    void anUploadIsOnePassOverTheData() {
        Plan plan = TrainingConfig.of(MODEL).plan();
        TraceBackend trace = new TraceBackend();
        try (Executor executor = trace.open(plan, Backend.Options.DEFAULT)) {
            TraceDevice.Counts before = trace.device().counts();
            executor.initialise(1);
            // weights are drawn, and moments cleared, where they are
            assertThat(trace.device().counts().copies()).isEqualTo(before.copies());
            executor.upload(DIGITS).close();
            TraceDevice.Counts after = trace.device().counts();
            assertThat(after.bytes() - before.bytes()).isEqualTo(333 * 784 + 333 * 4);
            // 64 KiB a piece: four for the pixels, one for the labels
            assertThat(after.copies() - before.copies()).isEqualTo(5);
        }
    }

    @Test
    void fittingUploadsEachDataSetOnceAndClosesIt() {
        TraceBackend trace = new TraceBackend();
        try (Trainer trainer =
                Trainer.open(TrainingConfig.of(MODEL), trace, Backend.Options.DEFAULT)) {
            trainer.listen(new Listener() {}).fit(DIGITS, DIGITS, 3);
            TraceDevice.Counts counts = trace.device().counts();
            // for all layers at once in each of eleven steps; for the norm of the gradients, one
            // after the other
            long times = 3 * (11 + TrainingConfig.of(MODEL).plan().dense().size());
            assertThat(counts.launches()).containsEntry("dense_backward_weights_large", times);
            // arena, partial sums, layers, table and log twice, since the run's is longer; rows and
            // targets of two data sets
            assertThat(counts.allocations()).isEqualTo(3 + 2 * 2 + 2 * 2);
        }
        assertThat(trace.device().counts().open()).isZero();
    }
}
