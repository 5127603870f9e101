package org.quern.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

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
        assertThat(huber.value(error + 3, 3)).isEqualTo(value);
        assertThat(huber.slope(error + 3, 3)).isEqualTo(slope);
        assertThat(huber.floatValue((float) error + 3, 3)).isEqualTo((float) value);
        assertThat(huber.floatSlope((float) error + 3, 3)).isEqualTo((float) slope);
    }

    /**
     * Against {@code torch.nn.functional.binary_cross_entropy_with_logits} in float64, by its
     * formula; logits beyond every exponential cost what they are wrong by.
     */
    @ParameterizedTest
    @CsvSource({
        "0, 0, 0.6931471805599453, 0.5, 1",
        "0, 1, 0.6931471805599453, -0.5, 0",
        "0.5, 0.25, 0.8490769841801067, 0.3724593312018546, 0",
        "-2, 1, 2.1269280110429727, -0.8807970779778824, 0",
        "-2, 0, 0.1269280110429725, 0.11920292202211755, 1",
        "3, 0.75, 0.798587351573742, 0.20257412682243336, 1",
        "30, 1, 9.357622968839737e-14, -9.348077867343818e-14, 1",
        "1e4, 0, 1e4, 1, 0",
        "1e4, 1, 0, 0, 1",
        "-1e4, 1, 1e4, -1, 0",
        "-1e4, 0, 0, 0, 1",
    })
    void binaryCrossEntropy(double logit, double target, double value, double slope, int hits) {
        Loss binary = Loss.BINARY_CROSS_ENTROPY;
        assertThat(binary.value(logit, target)).isCloseTo(value, within(1e-15));
        assertThat(binary.slope(logit, target)).isCloseTo(slope, within(1e-15));
        float z = (float) logit;
        float t = (float) target;
        assertThat(binary.floatValue(z, t)).isEqualTo((float) binary.value(z, t));
        assertThat(binary.floatSlope(z, t)).isEqualTo((float) binary.slope(z, t));
        assertThat(binary.hits(logit, target)).isEqualTo(hits);
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
        assertThat(Loss.BINARY_CROSS_ENTROPY.text()).isEqualTo("binary_cross_entropy");
        assertThat(Loss.huber(Loss.DELTA).text()).isEqualTo("huber 1.0");
        assertThatThrownBy(() -> Loss.huber(0))
                .hasMessage("Huber: delta 0.0 must be above 0 and finite");
    }
}
