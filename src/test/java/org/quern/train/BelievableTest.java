package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.backend.Wrapped;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.plan.Loss;
import org.quern.plan.Plan;

/** A training ends at the first step whose log cannot be true. */
class BelievableTest {
    private static final Dataset DIGITS = Digits.generate("digits", 96, 0, 1);
    private static final Model MODEL = ModelText.parse(Model.input(28, 28), "dense 10");

    /** A backend whose executors do with the log of a run of steps what is told. */
    private record Tampering(Backend inner, Consumer<Steps> with) implements Backend {
        @Override
        public String name() {
            return "tampering";
        }

        @Override
        public int priority() {
            return inner.priority();
        }

        @Override
        public Availability availability() {
            return inner.availability();
        }

        @Override
        public Executor open(Plan plan, Options options) {
            return new Wrapped(inner.open(plan, options)) {
                @Override
                public void train(DeviceDataset data, Steps steps) {
                    super.train(data, steps);
                    with.accept(steps);
                }
            };
        }
    }

    /** Where step 2 is in the log, however the run was cut; where it is not, a place of no step. */
    private static int at(Steps steps) {
        long at = 2 - steps.first();
        return at >= 0 && at < steps.count() ? (int) at : steps.capacity() - 1;
    }

    private static Arguments told(String what, Consumer<Steps> with) {
        return Arguments.of(what, with);
    }

    static Stream<Arguments> lies() {
        return Stream.of(
                told("did nothing", steps -> steps.losses()[at(steps)] = Steps.UNDONE),
                told("gave a loss of -0.0024 with ", steps -> steps.losses()[at(steps)] = -0.0768f),
                told(
                        "gave a loss of 0.0000 with 31 of 32 right, which no network has,",
                        steps -> {
                            steps.losses()[at(steps)] = 0;
                            steps.hits()[at(steps)] = 31;
                        }),
                told(
                        "gave a loss of 0.0200 with 31 of 32 right, which no network has,",
                        steps -> {
                            steps.losses()[at(steps)] = 0.64f;
                            steps.hits()[at(steps)] = 31;
                        }),
                told(" with 33 of 32 right, ", steps -> steps.hits()[at(steps)] = 33),
                told(" with -1 of 32 right, ", steps -> steps.hits()[at(steps)] = -1));
    }

    private static void train(Consumer<Steps> with, Loss loss, Dataset data) {
        Backend java = Usable.named("java");
        TrainingConfig config = TrainingConfig.of(MODEL).withLoss(loss);
        try (Trainer trainer =
                Trainer.open(config, new Tampering(java, with), Backend.Options.DEFAULT)) {
            trainer.fit(data, 1);
        }
    }

    @ParameterizedTest
    @MethodSource("lies")
    void aLieIsRefused(String what, Consumer<Steps> with) {
        assertThatThrownBy(() -> train(with, Loss.CROSS_ENTROPY, DIGITS))
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.DEVICE))
                .hasMessageContaining(what)
                .hasMessageEndingWith(
                        " at step 2, and reported no error: what it computes cannot be trusted: see"
                                + " quern doctor, and use another --backend or --device");
    }

    /** Of ten outputs for each of 32 rows. */
    @Test
    void soIsALieAboutSeveralLabels() {
        Dataset set = DIGITS.withTargets(new float[10 * DIGITS.rows()], 10);
        Consumer<Steps> tooGood =
                steps -> {
                    steps.losses()[at(steps)] = 0.06f;
                    steps.hits()[at(steps)] = 319;
                };
        assertThatThrownBy(() -> train(tooGood, Loss.BINARY_CROSS_ENTROPY, set))
                .hasMessageContaining("gave a loss of 0.0019 with 319 of 320 right, which no");
        assertThatThrownBy(
                        () ->
                                train(
                                        steps -> steps.hits()[at(steps)] = 321,
                                        Loss.BINARY_CROSS_ENTROPY,
                                        set))
                .hasMessageContaining(" with 321 of 320 right, ");
        train(
                steps -> {
                    steps.losses()[at(steps)] = (float) Math.log(2) / 10;
                    steps.hits()[at(steps)] = 319;
                },
                Loss.BINARY_CROSS_ENTROPY,
                set);
    }

    @Test
    void theLeastThatIsPossibleIsBelieved() {
        train(
                steps -> {
                    steps.losses()[at(steps)] = (float) Math.log(2);
                    steps.hits()[at(steps)] = 31;
                    steps.losses()[2] = 0;
                    steps.hits()[2] = 32;
                },
                Loss.CROSS_ENTROPY,
                DIGITS);
    }
}
