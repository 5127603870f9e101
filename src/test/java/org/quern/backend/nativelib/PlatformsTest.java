package org.quern.backend.nativelib;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class PlatformsTest {
    /** A platform without a row, and a row without its platform's build, are found here. */
    @Test
    void theTableHasARowForEachPlatformThatIsBuilt() throws Exception {
        List<String> rows =
                Platforms.table().stream()
                        .map(row -> row.get(0))
                        .filter(name -> name.matches("\\w+-\\w+"))
                        .toList();
        assertThat(Platforms.built()).isNotEmpty().isSubsetOf(rows);
        String script = Files.readString(Path.of("ci", "build-native"));
        assertThat(rows).isNotEmpty().allMatch(row -> script.contains("\n" + row + " "));
        assertThat(Platforms.table()).allMatch(row -> row.size() == 6);
    }

    @Test
    void anyMachineHasARow() {
        assertThat(Platforms.row("linux-aarch64"))
                .startsWith("linux-aarch64: java yes, cpu yes, ")
                .contains(", cuda no; tested: ");
        assertThat(Platforms.row("macos-aarch64")).startsWith("macos-aarch64: java yes, cpu if ");
    }
}
