package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class ConsoleTest {
    private static boolean colour(boolean terminal, Map<String, String> environment) {
        return new Console(System.out, System.err, terminal, environment, System::nanoTime)
                .colour();
    }

    @Test
    void coloursAreForTerminalsThatKnowThem() {
        assertThat(colour(true, Map.of())).isTrue();
        assertThat(colour(true, Map.of("TERM", "xterm-256color", "NO_COLOR", ""))).isTrue();
        assertThat(colour(false, Map.of("TERM", "xterm-256color"))).isFalse();
        assertThat(colour(true, Map.of("NO_COLOR", "1"))).isFalse();
        assertThat(colour(true, Map.of("TERM", "dumb"))).isFalse();
    }
}
