package org.quern.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.quern.run.RunSettings;
import org.quern.run.Setting;

/** Optimizers by their formulas' numbers, and their settings. */
class OptimizerTest {
    @Test
    void twoStepsOfLion() {
        Optimizer lion = new Optimizer.Lion(0.9, 0.99, 0.5);
        double[] m = {0};
        double w = lion.update(1, 2, m, 0.1, lion.decay(0.1));
        assertThat(w).isCloseTo(0.95 - 0.1, within(1e-7));
        assertThat(m[0]).isCloseTo(0.99 * 0 + 0.01 * 2, within(1e-15));
        // 0.9 * 0.02 - 0.1 * 0.1 is above 0, though the gradient is not
        w = lion.update(w, -0.1, m, 0.1, 1);
        assertThat(w).isCloseTo(0.95 - 0.1 - 0.1, within(1e-7));
        assertThat(m[0]).isCloseTo(0.99 * 0.02 - 0.01 * 0.1, within(1e-15));
        assertThat(lion.update(1, 0, new double[1], 0.1, 1)).isEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource(Optimizer.Kind.class)
    void float32IsNearTheReference(Optimizer.Kind kind) {
        Optimizer optimizer = Optimizer.of(kind.option(), name -> name.startsWith("w") ? 0.1 : 0.9);
        double[] state = new double[optimizer.moments()];
        float[][] moments = new float[optimizer.moments()][1];
        float[] w = {0.3f};
        double expected = 0.3f;
        for (float g : new float[] {0.5f, -0.25f, 0.125f, 3}) {
            expected = optimizer.update(expected, g, state, 0.01f, 0.999f);
            optimizer.update(w, new float[] {g}, moments, 1, 0.01f, 0.999f);
            assertThat((double) w[0]).isCloseTo(expected, within(1e-6));
        }
    }

    @ParameterizedTest
    @EnumSource(Optimizer.Kind.class)
    void whatNobodyAsksForIsAsTheOptimizerHasIt(Optimizer.Kind kind) {
        RunSettings settings = RunSettings.DEFAULT.with(Map.of("optimizer", kind.option()));
        kind.defaults()
                .forEach(
                        (name, value) ->
                                assertThat(settings.text(name)).isEqualTo(value.toString()));
        RunSettings asked = settings.with(Map.of("lr", 0.5)).with(Map.of("optimizer", "lion"));
        assertThat(asked.get(Setting.RATE)).isEqualTo(0.5);
        assertThat(asked.get(Setting.BETA2)).isEqualTo(0.99);
        assertThat(asked.with(Map.of("optimizer", "adam")).get(Setting.BETA2)).isEqualTo(0.999);
        RunSettings resumed = RunSettings.DEFAULT.settled(asked.texts());
        assertThat(resumed.texts()).isEqualTo(asked.texts());
    }

    @Test
    void rangesAreChecked() {
        assertThatThrownBy(() -> new Optimizer.Lion(0.9, 1, 0))
                .hasMessage("Lion: beta1 0.9 and beta2 1.0 must be in [0, 1)");
    }
}
