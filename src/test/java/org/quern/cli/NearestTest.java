package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.quern.QuernException;

class NearestTest {
    private static final List<String> WORDS = List.of("--epochs", "--epsilon", "--lr", "--batch");

    private static String nearest(String typed, List<String> words) {
        return QuernException.nearest(typed, words, "");
    }

    @Test
    void findsTheLeastDistance() {
        assertThat(nearest("--epohcs", WORDS)).isEqualTo("did you mean \"--epochs\"?");
        assertThat(nearest("--epoch", WORDS)).isEqualTo("did you mean \"--epochs\"?");
        assertThat(nearest("--bacth", WORDS)).isEqualTo("did you mean \"--batch\"?");
        assertThat(nearest("--lr", WORDS)).isEqualTo("did you mean \"--lr\"?");
    }

    @Test
    void offersNothingThatIsFar() {
        assertThat(nearest("--weather", WORDS)).isEmpty();
        assertThat(nearest("x", List.of("--epochs"))).isEmpty();
        assertThat(nearest("train", List.of())).isEmpty();
    }

    @Test
    void aSwapOfNeighboursIsOneMistake() {
        // "ab" is one swap from "ba", but two changes from "xy"
        assertThat(nearest("ab", List.of("xy", "ba"))).isEqualTo("did you mean \"ba\"?");
    }
}
