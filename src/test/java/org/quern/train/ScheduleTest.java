package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.QuernException;

class ScheduleTest {
    private static final int PER_EPOCH = 10;
    private static final int TOTAL = 50;

    @Test
    void constantNeverChanges() {
        Schedule schedule = Schedule.parse("constant", 0.01);
        assertThat(schedule.at(0, PER_EPOCH, TOTAL)).isEqualTo(0.01);
        assertThat(schedule.at(49, PER_EPOCH, TOTAL)).isEqualTo(0.01);
    }

    @ParameterizedTest
    @CsvSource({"0, 0.4", "19, 0.4", "20, 0.2", "39, 0.2", "40, 0.1"})
    void stepHalvesEveryTwoEpochs(long step, double rate) {
        assertThat(Schedule.parse("step 2 0.5", 0.4).at(step, PER_EPOCH, TOTAL))
                .isCloseTo(rate, within(1e-15));
    }

    @ParameterizedTest
    @CsvSource({"0, 1.0", "25, 0.55", "50, 0.1", "60, 0.1"})
    void cosineFallsToItsFloor(long step, double share) {
        assertThat(Schedule.parse("cosine 0.1", 2).at(step, PER_EPOCH, TOTAL))
                .isCloseTo(2 * share, within(1e-12));
    }

    @ParameterizedTest
    @CsvSource({"0, 0.2", "1, 0.4", "3, 0.8", "4, 1.0", "30, 1.0"})
    void warmupRisesLinearly(long step, double rate) {
        assertThat(Schedule.parse("warmup 4 constant", 1).at(step, PER_EPOCH, TOTAL))
                .isCloseTo(rate, within(1e-15));
    }

    @ParameterizedTest
    @ValueSource(strings = {"constant", "step 3 0.1", "cosine", "cosine 0.05", "warmup 100 cosine"})
    void textIsReadBack(String text) {
        assertThat(Schedule.parse(text, 0.5).text()).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "often | schedule \"often\" is not understood: use constant, \"step EPOCHS FACTOR\""
                        + " or cosine, with \"warmup STEPS\" before it if wanted",
                "step x 0.5 | schedule \"step x 0.5\": For input string: \"x\" is not a number",
                "step 0 0.5 | schedule step 0 0.5: give epochs of at least 1 and a factor above 0",
                "cosine 2 | schedule cosine 2.0: the floor is a fraction from 0 to 1",
                "warmup 0 constant | schedule warmup 0: give it once, with at least 1 step",
                "warmup 5 | schedule \"warmup 5\" is not understood: use constant, \"step EPOCHS"
                        + " FACTOR\" or cosine, with \"warmup STEPS\" before it if wanted",
            })
    void whatIsWrongIsSaid(String text, String message) {
        assertThatThrownBy(() -> Schedule.parse(text, 1))
                .isInstanceOf(QuernException.class)
                .hasMessage(message);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
    void aRateIsPositiveAndFinite(double rate) {
        assertThatThrownBy(() -> Schedule.parse("constant", rate))
                .isInstanceOf(QuernException.class)
                .hasMessage("learning rate " + rate + " must be above 0 and finite");
    }
}
