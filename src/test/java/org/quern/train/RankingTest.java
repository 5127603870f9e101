package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.random.Philox;

class RankingTest {
    private static double[] scores(double... scores) {
        return scores;
    }

    /** The example of scikit-learn's documentation: ROC AUC 0.75, average precision 0.8333. */
    @Test
    void fourRowsByHand() {
        Ranking ranking = Ranking.of("yes", scores(0.35, 0.8), scores(0.1, 0.4));
        assertThat(ranking.truePositives()).containsExactly(1, 1, 2, 2);
        assertThat(ranking.falsePositives()).containsExactly(0, 1, 1, 2);
        assertThat(ranking.rocAuc()).isEqualTo(0.75);
        assertThat(ranking.prAuc()).isCloseTo(0.5 * 1 + 0.5 * 2 / 3, within(1e-15));
        assertThat(ranking.prevalence()).isEqualTo(0.5);
    }

    @Test
    void equalScoresAreOneThreshold() {
        Ranking tied = Ranking.of("yes", scores(1, 1, -0.0), scores(1, 0.0));
        assertThat(tied.truePositives()).containsExactly(2, 3);
        assertThat(tied.falsePositives()).containsExactly(1, 2);
        // of 6 pairs, 2 are in order, 3 equal
        assertThat(tied.rocAuc()).isCloseTo((2 + 3 / 2.0) / 6, within(1e-15));
        assertThat(tied.prAuc()).isCloseTo(2 / 3.0 * 2 / 3 + 1 / 3.0 * 3 / 5, within(1e-15));
    }

    @Test
    void perfectAndBlindAndReversed() {
        Ranking perfect = Ranking.of("yes", scores(1e300, 1e-300), scores(-1e-300, -1e300));
        assertThat(perfect.rocAuc()).isEqualTo(1);
        assertThat(perfect.prAuc()).isEqualTo(1);
        Ranking blind = Ranking.of("yes", scores(7, 7), scores(7, 7, 7, 7, 7, 7));
        assertThat(blind.rocAuc()).isEqualTo(0.5);
        assertThat(blind.prAuc()).isEqualTo(0.25).isEqualTo(blind.prevalence());
        Ranking reversed = Ranking.of("yes", scores(-2, -1), scores(1, 2));
        assertThat(reversed.rocAuc()).isZero();
        assertThat(reversed.prAuc()).isCloseTo((1 / 3.0 + 2 / 4.0) / 2, within(1e-15));
    }

    @Test
    void rowsOfOneClassHaveNoAreas() {
        for (Ranking one :
                new Ranking[] {
                    Ranking.of("yes", scores(1, 2), scores()),
                    Ranking.of("yes", scores(), scores(1, 2))
                }) {
            assertThat(one.rocAuc()).isNaN();
            assertThat(one.prAuc()).isNaN();
        }
    }

    @Test
    void scoresThatAreNoNumbersComeLast() {
        Ranking ranking = Ranking.of("yes", scores(Double.NaN, 2), scores(1, Double.NaN));
        assertThat(ranking.truePositives()).containsExactly(1, 1, 2);
        assertThat(ranking.falsePositives()).containsExactly(0, 1, 2);
    }

    /** By definition: pairs in order, and precision at each row of the class. */
    @ParameterizedTest
    @ValueSource(ints = {2, 31, 257, 1999})
    void agreesWithItsDefinitions(int rows) {
        double[] scores = new double[rows];
        boolean[] is = new boolean[rows];
        for (int i = 0; i < rows; i++) { // many ties
            scores[i] = Math.round(5 * Philox.unit(Integer.reverse(i * 0x9e3779b9)));
            is[i] = i % 3 == 1;
        }
        double[] positives = at(scores, is, true);
        double[] negatives = at(scores, is, false);
        double order = 0;
        for (double p : positives) {
            for (double n : negatives) {
                order += p > n ? 1 : p == n ? 0.5 : 0;
            }
        }
        Ranking ranking = Ranking.of("yes", positives, negatives);
        double pairs = (double) positives.length * negatives.length;
        assertThat(ranking.rocAuc()).isCloseTo(order / pairs, within(1e-12));
        double precisions = 0;
        for (double p : positives) {
            double hits = Arrays.stream(positives).filter(score -> score >= p).count();
            double all = hits + Arrays.stream(negatives).filter(score -> score >= p).count();
            precisions += hits / all;
        }
        assertThat(ranking.prAuc()).isCloseTo(precisions / positives.length, within(1e-12));
    }

    private static double[] at(double[] scores, boolean[] is, boolean wanted) {
        double[] found = new double[scores.length];
        int count = 0;
        for (int i = 0; i < scores.length; i++) {
            if (is[i] == wanted) {
                found[count++] = scores[i];
            }
        }
        return Arrays.copyOf(found, count);
    }
}
