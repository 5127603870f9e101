package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.quern.QuernException;

class EarlyStoppingTest {

    @Test
    void comparesWithTheBestNotWithThePreviousEpoch() {
        // each epoch but the first is better than the one before, none better than the first
        assertThat(new EarlyStopping(3, 0).ends(validated(1.0, 1.5, 1.4, 1.3))).isTrue();
        assertThat(new EarlyStopping(3, 0).ends(validated(1.0, 1.5, 1.4))).isFalse();
    }

    @Test
    void countsAnewAfterAnImprovement() {
        assertThat(new EarlyStopping(2, 0).ends(validated(1.0, 1.1, 0.9, 1.2))).isFalse();
        assertThat(new EarlyStopping(2, 0).ends(validated(1.0, 1.1, 0.9, 1.2, 0.9))).isTrue();
    }

    @Test
    void smallImprovementsDoNotCount() {
        assertThat(new EarlyStopping(2, 0.1).ends(validated(1.0, 0.95, 0.91))).isTrue();
        assertThat(new EarlyStopping(2, 0.1).ends(validated(1.0, 0.95, 0.89))).isFalse();
    }

    @Test
    void bestIsTheFirstOfEquals() {
        assertThat(EarlyStopping.best(List.of())).isZero();
        assertThat(EarlyStopping.best(validated(1.0, 0.5, 0.5, 0.7))).isEqualTo(2);
    }

    @Test
    void withoutValidationTheTrainingLossCounts() {
        assertThat(EarlyStopping.monitored(new EpochResult(1, 0.3, 0, null, null, 0, 0, 0, 1, 1)))
                .isEqualTo(0.3);
    }

    @Test
    void rejectsNonsense() {
        assertThatThrownBy(() -> new EarlyStopping(0, 0))
                .isInstanceOf(QuernException.class)
                .hasMessage(
                        "early stopping: patience 0 must be at least 1, min delta 0.0 at least 0");
        assertThatThrownBy(() -> new EarlyStopping(1, -1)).isInstanceOf(QuernException.class);
    }

    private static List<EpochResult> validated(double... losses) {
        List<EpochResult> epochs = new ArrayList<>();
        for (double loss : losses) {
            epochs.add(new EpochResult(epochs.size() + 1, 9 - loss, 0, loss, 0.0, 0, 0, 0, 1, 1));
        }
        return epochs;
    }
}
