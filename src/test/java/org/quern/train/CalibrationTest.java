package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.quern.data.Dataset;
import org.quern.plan.Loss;

class CalibrationTest {
    /** Probabilities of two classes as logits: ln p and ln (1 − p). */
    private static Calibration of(double[] sure, int[] labels) {
        float[] logits = new float[2 * sure.length];
        for (int i = 0; i < sure.length; i++) {
            logits[2 * i] = (float) Math.log(sure[i]);
            logits[2 * i + 1] = (float) Math.log(1 - sure[i]);
        }
        Dataset set =
                Dataset.ofValues("v", new int[] {1}, new float[sure.length])
                        .withLabels(labels, List.of("a", "b"));
        return Calibration.of(Evaluation.of(Loss.CROSS_ENTROPY, logits, set));
    }

    @Test
    void binsByTheProbabilityOfThePredictedClass() {
        Calibration calibration =
                of(new double[] {0.95, 0.93, 0.97, 0.65, 0.05}, new int[] {0, 0, 1, 1, 1});
        Calibration.Bin last = calibration.bins().get(9);
        assertThat(last.rows()).isEqualTo(4); // 0.05 means 0.95 for the other class
        assertThat(last.accuracy()).isEqualTo(0.75);
        assertThat(last.confidence()).isCloseTo(0.95, within(1e-6));
        Calibration.Bin middle = calibration.bins().get(6);
        assertThat(middle.rows()).isEqualTo(1);
        assertThat(middle.accuracy()).isZero();
        assertThat(calibration.bins().stream().mapToInt(Calibration.Bin::rows).sum()).isEqualTo(5);
        assertThat(calibration.error()).isCloseTo((4 * 0.20 + 0.65) / 5, within(1e-6));
    }

    @Test
    void certaintyIsInTheLastBin() {
        Calibration calibration = of(new double[] {1 - 1e-12}, new int[] {0});
        assertThat(calibration.bins().get(9).rows()).isEqualTo(1);
        assertThat(calibration.error()).isCloseTo(0, within(1e-6));
    }
}
