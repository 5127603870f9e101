package org.quern.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Losses by their formulas' numbers, and as texts. */
class LossTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0, 0",
        "0.5, 0.125, 0.5",
        "-2, 2, -2",
        "3, 4, 2",
        "-10, 18, -2",
    })
    void huberOfDeltaTwo(double error, double value, double slope) {
        Loss huber = Loss.huber(2);
        assertThat(huber.value(error)).isEqualTo(value);
        assertThat(huber.slope(error)).isEqualTo(slope);
        assertThat(huber.floatValue((float) error)).isEqualTo((float) value);
        assertThat(huber.floatSlope((float) error)).isEqualTo((float) slope);
    }

    @ParameterizedTest
    @EnumSource(Loss.Kind.class)
    void textsAreReadBack(Loss.Kind kind) {
        Loss loss = Loss.of(kind.option(), name -> 0.25);
        assertThat(Loss.parse(loss.text())).isEqualTo(loss);
    }

    @Test
    void textsOfFiles() {
        assertThat(Loss.CROSS_ENTROPY.text()).isEqualTo("cross_entropy");
        assertThat(Loss.MEAN_SQUARED_ERROR.text()).isEqualTo("mean_squared_error");
        assertThat(Loss.huber(Loss.DELTA).text()).isEqualTo("huber 1.0");
        assertThatThrownBy(() -> Loss.huber(0))
                .hasMessage("Huber: delta 0.0 must be above 0 and finite");
    }
}
