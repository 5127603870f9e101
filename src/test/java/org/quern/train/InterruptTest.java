package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.Scaling;

class InterruptTest {
    private static final Dataset DIGITS = Digits.generate("digits", 100, 0, 1);

    private static Trainer open() {
        return Trainer.open(
                TrainingConfig.of(Model.input(28, 28).scaled(Scaling.UNIT).dense(10)),
                Backends.choose("java").backend(),
                Backend.Options.DEFAULT);
    }

    /** Ctrl-C may come when training is about to begin: it must not be forgotten. */
    @Test
    void anInterruptJustBeforeTheFirstStepCounts() {
        try (Trainer trainer = open()) {
            trainer.interrupt();
            History history = trainer.fit(DIGITS, null, 2);

            assertThat(history.end()).isEqualTo(History.End.INTERRUPTED);
            assertThat(trainer.step()).isZero();
        }
    }

    @Test
    void anInterruptEndsOneFitOnly() {
        try (Trainer trainer = open();
                Trainer undisturbed = open()) {
            trainer.interrupt();
            trainer.fit(DIGITS, null, 2);

            assertThat(trainer.fit(DIGITS, null, 2).end()).isEqualTo(History.End.FINISHED);
            undisturbed.fit(DIGITS, null, 2);
            assertThat(trainer.state()).isEqualTo(undisturbed.state());
        }
    }

    /** As a pool does that shuts down; the flag is for others to see, too. */
    @Test
    void theThreadsOwnInterruptCounts() {
        try (Trainer trainer = open()) {
            trainer.listen(
                    new Listener() {
                        @Override
                        public Verdict progress(Progress progress) {
                            Thread.currentThread().interrupt();
                            return Verdict.GO_ON;
                        }
                    });

            assertThat(trainer.fit(DIGITS, null, 2).end()).isEqualTo(History.End.INTERRUPTED);
            assertThat(trainer.step()).isEqualTo(1);
            assertThat(Thread.interrupted()).isTrue();
        }
    }
}
