package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names in files are shown, but command no terminal. */
@Tag("jdk")
class HostileTextTest {
    private static final String EVIL = "\u001b]0;t\u0007\u001b[2J\u009b31m\u202e";

    @TempDir Path folder;

    private String told(String csv, String... arguments) throws IOException {
        Path file = Files.writeString(folder.resolve("a.csv"), csv);
        String[] all = java.util.Arrays.copyOf(arguments, arguments.length + 1);
        all[arguments.length] = file.toString();
        Cli.Outcome outcome = new Cli(folder.resolve("cache")).run(all);
        return outcome.out() + outcome.err();
    }

    @Test
    void namesOfColumnsAndClassesCommandNoTerminal() throws IOException {
        String csv = "a" + EVIL + ",label\n" + ("1,x" + EVIL + "\n2,y\n").repeat(9);
        harmless(told(csv, "data", "info"));
    }

    @Test
    void messagesCommandNoTerminal() throws IOException {
        String csv = "a" + EVIL + ",label\n" + "1,2\n".repeat(9) + "z" + EVIL + ",3\n";
        harmless(told(csv, "train", "--label", "label", "--backend", "java", "--data"));
    }

    /** A name with a line break is shown in one line, as one with a blank. */
    @Test
    void namesOfClassesBreakNoLine() throws IOException {
        String csv = "a,label\n" + "1,\"x\ny\"\n2,z\n1,z\n".repeat(9);
        String[] words = {"train", "--label", "label", "--backend", "java", "--data"};
        String[] broken = told(csv, words).split("\n");
        String[] blank = told(csv.replace("x\ny", "x y"), words).split("\n");
        assertThat(shown(broken)).isEqualTo(shown(blank)).anyMatch(line -> line.startsWith("x y "));
    }

    private static List<String> shown(String[] lines) {
        return Stream.of(lines).filter(line -> !line.matches("(epoch|seconds|device) .*")).toList();
    }

    private static void harmless(String told) {
        assertThat(told).contains("a?]0;t??[2J?31m?");
        assertThat(told.replace("\n", "").replace("\r", "").chars())
                .noneMatch(c -> Character.isISOControl(c) || c == '\u202e');
    }
}
