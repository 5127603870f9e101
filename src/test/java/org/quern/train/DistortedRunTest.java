package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.backend.Backend;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.data.Distortion;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;

/** Training on images that are drawn anew for each epoch. */
class DistortedRunTest {
    private static final Dataset DIGITS = Digits.generate("digits", 700, 0, 1);
    private static final TrainingConfig CONFIG =
            TrainingConfig.of(
                            ModelText.parse(
                                    Model.input(28, 28).scaled(Scaling.UNIT),
                                    "dense 16 relu, dropout 0.1, dense 10"))
                    .withDistortion(new Distortion(8, 0.1, 1, 1.5));

    private static Trainer open(Backend backend) {
        return Trainer.open(CONFIG, backend, Backend.Options.DEFAULT);
    }

    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#backends")
    void interruptedWithinAnEpochAndResumedItGivesTheSameBits(Backend backend) {
        float[] whole;
        try (Trainer trainer = open(backend)) {
            trainer.fit(DIGITS, 3);
            whole = trainer.state();
        }
        Checkpoint middle;
        try (Trainer trainer = open(backend)) {
            trainer.listen(
                    new Listener() {
                        @Override
                        public Verdict progress(Progress p) {
                            return p.epoch() == 2 ? Verdict.STOP : Verdict.GO_ON;
                        }
                    });
            trainer.fit(DIGITS, 3);
            middle = trainer.checkpoint();
            assertThat(middle.epochs()).hasSizeBetween(1, 2);
        }
        try (Trainer trainer = open(backend)) {
            trainer.restore(middle);
            trainer.fitUntil(DIGITS, null, 3);
            assertThat(trainer.state()).isEqualTo(whole);
        }
    }

    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#onHost")
    void eachEpochSeesOtherImages(Backend backend) {
        try (Trainer drawn = open(backend);
                Trainer once =
                        Trainer.open(
                                CONFIG.withDistortion(Distortion.NONE),
                                backend,
                                Backend.Options.DEFAULT)) {
            // the first epoch on what the distortion gives for it, without the distortion
            drawn.fit(DIGITS, 1);
            once.fit(CONFIG.distortion().apply(DIGITS, CONFIG.seed(), 0), 1);
            assertThat(drawn.state()).isEqualTo(once.state());
            drawn.fit(DIGITS, 1);
            once.fit(CONFIG.distortion().apply(DIGITS, CONFIG.seed(), 0), 1);
            assertThat(drawn.state()).isNotEqualTo(once.state());
        }
    }
}
