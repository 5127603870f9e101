package org.quern.backend.trace;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.quern.backend.Backend;
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
    void aStepOfTheTutorialNetIsTwelveOpsAndNoCopy() {
        Plan plan = TrainingConfig.of(MODEL).plan();
        try (TraceExecutor trace = new TraceBackend().open(plan, Backend.Options.DEFAULT)) {
            var data = trace.upload(DIGITS);
            TraceExecutor.Counts before = trace.counts();
            Steps steps = new Steps(1, 100).select(0, 100, plan.optimizer(), s -> 1e-3);
            trace.train(data, steps);
            TraceExecutor.Counts after = trace.counts();
            assertThat(plan.training()).hasSizeLessThanOrEqualTo(12);
            assertThat(after.launches()).isEqualTo(100L * plan.training().size());
            assertThat(after.ops())
                    .containsEntry("DenseForward", 300L)
                    .containsEntry("DenseBackwardInput", 200L)
                    .containsEntry("Adam", 100L);
            // the table of step sizes and the log, once for all steps
            assertThat(after.copies() - before.copies()).isEqualTo(2);
            assertThat(after.allocations()).isEqualTo(before.allocations());
            data.close();
            assertThat(trace.counts().open()).isZero();
        }
    }

    @Test
    void fittingUploadsEachDataSetOnceAndClosesIt() {
        try (Trainer trainer =
                Trainer.open(
                        TrainingConfig.of(MODEL), new TraceBackend(), Backend.Options.DEFAULT)) {
            trainer.listen(new Listener() {}).fit(DIGITS, DIGITS, 3);
            TraceExecutor.Counts counts = ((TraceExecutor) trainer.executor()).counts();
            assertThat(counts.steps()).isEqualTo(3 * 11);
            assertThat(counts.allocations()).isEqualTo(1 + 2);
            assertThat(counts.open()).isZero();
        }
    }
}
