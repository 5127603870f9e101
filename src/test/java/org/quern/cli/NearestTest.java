package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class NearestTest {
    private static final List<String> WORDS = List.of("--epochs", "--epsilon", "--lr", "--batch");

    @Test
    void findsTheLeastDistance() {
        assertThat(Nearest.to("--epohcs", WORDS)).contains("--epochs");
        assertThat(Nearest.to("--epoch", WORDS)).contains("--epochs");
        assertThat(Nearest.to("--bacth", WORDS)).contains("--batch");
        assertThat(Nearest.to("--lr", WORDS)).contains("--lr");
    }

    @Test
    void offersNothingThatIsFar() {
        assertThat(Nearest.to("--weather", WORDS)).isEmpty();
        assertThat(Nearest.to("x", List.of("--epochs"))).isEmpty();
        assertThat(Nearest.to("train", List.of())).isEmpty();
    }

    @Test
    void aSwapOfNeighboursIsOneMistake() {
        // "ab" is one swap from "ba", but two changes from "xy"
        assertThat(Nearest.to("ab", List.of("xy", "ba"))).contains("ba");
    }
}
