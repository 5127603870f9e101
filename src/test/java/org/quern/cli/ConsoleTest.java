package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.data.Dataset;
import org.quern.plan.Loss;
import org.quern.report.TextReport;
import org.quern.train.Evaluation;

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

    /** The old console would show them as text. */
    @Test
    void onWindowsATerminalThatKnowsColoursNamesItself() {
        assertThat(Console.knowsColours("windows 11", Map.of())).isFalse();
        assertThat(Console.knowsColours("windows 11", Map.of("WT_SESSION", "1"))).isTrue();
        assertThat(Console.knowsColours("windows 11", Map.of("TERM", "xterm-256color"))).isTrue();
        assertThat(Console.knowsColours("windows 11", Map.of("TERM", "dumb"))).isFalse();
    }

    private static String shown(Map<String, String> environment, Consumer<Console> what) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        what.accept(new Console(out, out, true, environment, System::nanoTime));
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static final String WORDS =
            "libcuda.so.1 was not found: install the driver, or set QUERN_LIBCUDA to it";

    @ParameterizedTest
    @ValueSource(ints = {40, 80, 200})
    void linesWrapAtWordsAndGoOnBelowTheirText(int columns) {
        Map<String, String> environment = Map.of("NO_COLOR", "1", "COLUMNS", "" + columns);
        String shown = shown(environment, console -> console.about("device", WORDS));
        assertThat(shown.lines()).allMatch(line -> line.length() <= columns);
        assertThat(shown.lines().skip(1)).allMatch(line -> line.matches(" {10}\\S.*"));
        assertThat(shown.strip().replaceAll("\\s+", " ")).isEqualTo("device " + WORDS);
    }

    /** A line for a person is broken at words; one for a file or a program stays one. */
    @Test
    void errorsWrapAtWordsOnATerminalAlone() {
        String text = "no data: " + WORDS;
        String shown = shown(Map.of("COLUMNS", "40"), console -> console.error(text));
        assertThat(shown.lines()).hasSizeGreaterThan(1).allMatch(line -> line.length() <= 40);
        assertThat(shown.strip().replaceAll("\\s+", " ")).isEqualTo("quern: " + text);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        // output goes to a terminal here, errors to a file
        new Console(err, err, true, false, Map.of("COLUMNS", "40"), System::nanoTime, false)
                .error(text);
        assertThat(bytes.toString(StandardCharsets.UTF_8))
                .isEqualTo("quern: " + text + System.lineSeparator());
    }

    /** Asked of the system: output is a terminal twice, errors are first one and then a file. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void whereErrorsGoIsAskedForByItself(@TempDir Path folder) throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String asked = "predict nothing-that-is-there with-a-name " + "x".repeat(40);
        String command =
                String.join(
                        " ",
                        java,
                        "-cp",
                        System.getProperty("java.class.path"),
                        Quern.class.getName(),
                        asked);
        Path file = folder.resolve("errors");
        for (String to : List.of("", " 2>" + file)) {
            ProcessBuilder script = new ProcessBuilder("script", "-qc", command + to, "/dev/null");
            script.environment().putAll(Map.of("COLUMNS", "40", "TERM", "xterm"));
            script.environment().remove("CI");
            Process process = script.redirectErrorStream(true).start();
            process.getOutputStream().close();
            String out =
                    new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            process.waitFor();
            String errors = to.isEmpty() ? out : Files.readString(file);
            assertThat(errors).startsWith("quern: nothing-that-is-there ");
            assertThat(errors.lines().count() > 1).as(errors).isEqualTo(to.isEmpty());
        }
    }

    @Test
    void pathsAreAsOneWouldTypeThem() {
        Path here = Path.of("").toAbsolutePath();
        Path home = here.getRoot().resolve("home").resolve("me");
        Console console =
                new Console(
                        System.out,
                        System.err,
                        false,
                        Map.of("HOME", home.toString()),
                        System::nanoTime);
        assertThat(console.typed(here.resolve("data").resolve("a.csv")))
                .isEqualTo(Path.of("data", "a.csv").toString());
        assertThat(console.typed(home.resolve("a.csv")))
                .isEqualTo(Path.of("~", "a.csv").toString());
        Path neighbour = home.resolveSibling("me2").resolve("a.csv");
        for (Path other : List.of(here, home, neighbour, Path.of("..", "a.csv"))) {
            assertThat(console.typed(other)).isEqualTo(other.toString());
        }
        Console homeless = new Console(System.out, System.err, false, Map.of(), System::nanoTime);
        assertThat(homeless.typed(home.resolve("a.csv")))
                .isEqualTo(home.resolve("a.csv").toString());
    }

    @Test
    void noColorLeavesNoneAndFitsFortyColumns() {
        Map<String, String> environment = Map.of("NO_COLOR", "1", "COLUMNS", "40");
        String shown =
                shown(
                        environment,
                        console -> {
                            console.about("device", WORDS);
                            console.result("verdict", "ready: train runs on cpu");
                            console.verdict("cuda", false, "%s", WORDS);
                            console.note(WORDS);
                        });
        assertThat(shown).doesNotContain("\u001b");
        assertThat(shown.lines()).allMatch(line -> line.length() <= 40);
    }

    /** What is coloured reaches the terminal; what a file says commands none. */
    @Test
    void ownColoursAreShownAndThoseOfFilesAreNot() {
        Dataset images =
                Dataset.ofPixels("images", new int[] {2, 2}, new byte[12])
                        .withLabels(new int[] {0, 1, 1}, List.of("a\u001b[2Jx", "b"));
        float[] logits = {3, 0, 5, 0, 1, 0};
        Evaluation evaluation = Evaluation.of(Loss.CROSS_ENTROPY, logits, images);
        String shown =
                shown(
                        Map.of(),
                        console -> {
                            console.show(TextReport.of("test", evaluation, console.look()));
                            console.show(TextReport.gallery(evaluation, images, 2, console.look()));
                        });
        assertThat(shown)
                .startsWith("\u001b[1mtest accuracy 0.3333")
                .contains("a?[2Jx")
                .doesNotContain("?[38;5", "\u001b[2J")
                .contains("\u001b[38;5;232;48;5;232m▀")
                .containsPattern("\u001b\\[38;5;231;48;5;\\d+m +2\u001b\\[0m");
    }
}
