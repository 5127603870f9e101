package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("jdk")
class HelpTest {
    private static final int COLUMNS = 80;

    @TempDir Path cache;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "explore",
                "train",
                "sweep",
                "evaluate",
                "predict",
                "export",
                "draw",
                "report",
                "compare",
                "summary",
                "doctor",
                "completion",
                "bench",
                "bench kernels",
                "bench steps",
                "bench mnist",
                "data",
                "data fetch",
                "data info"
            })
    void everyCommandHasThreeExamplesOnEightyColumns(String command) {
        Cli.Outcome outcome = new Cli(cache).run((command + " --help").split(" "));

        assertThat(outcome.code()).isZero();
        assertThat(outcome.err()).isEmpty();
        List<String> lines = outcome.lines();
        assertThat(lines.get(0)).startsWith("Usage: quern " + command + " [");
        int examples = lines.indexOf("Examples:");
        assertThat(lines.subList(examples + 1, examples + 4))
                .allSatisfy(line -> assertThat(line).startsWith("  quern "));
        assertThat(lines).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(COLUMNS));
    }

    @Test
    void withoutACommandTheCommandsAreListed() {
        Cli.Outcome outcome = new Cli(cache).run();

        assertThat(outcome.code()).isEqualTo(2);
        assertThat(outcome.out())
                .contains("Trains a network and tests it.")
                .contains("Tests a trained model on labelled rows.")
                .contains("Predicts classes or numbers for images or rows of a table.")
                .contains("Prints a model's layers")
                .contains("Tells what works here")
                .contains("Fetches data sets");
        assertThat(new Cli(cache).run("--help").out()).isEqualTo(outcome.out());
    }

    @Test
    void versionNamesTheJavaItRunsOn() {
        assertThat(new Cli(cache).run("--version").out())
                .matches(
                        "quern \\S+ \\(commit ([0-9a-f]{12}(, changed)?|unknown)\\), Java "
                                + System.getProperty("java.version")
                                + "\\R");
    }
}
