package org.quern;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The README's program compiles, runs and does what it says. */
@Tag("jdk")
class ReadmeTest {
    private static final Pattern PROGRAM = Pattern.compile("```java\\n(.*?)```", Pattern.DOTALL);

    @TempDir Path folder;

    private static String program(int index) throws IOException {
        Matcher matcher = PROGRAM.matcher(Files.readString(Path.of("README.md")));
        for (int i = 0; i <= index; i++) {
            assertThat(matcher.find()).isTrue();
        }
        return matcher.group(1);
    }

    /** What a program prints that is the body of a method with one parameter. */
    private String run(String program, String more, Class<?> type, Object argument)
            throws Exception {
        Path source = folder.resolve("Readme.java");
        Files.writeString(
                source,
                """
                import java.nio.file.Path;
                import java.util.*;
                import org.quern.data.*;
                import org.quern.io.*;
                import org.quern.model.*;
                import org.quern.run.*;
                import org.quern.train.*;

                public class Readme {
                    %s
                    public static void run(%s) {
                %s
                    }
                }
                """
                        .formatted(more, type.getSimpleName() + " given", program));
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        String classes = System.getProperty("java.class.path");
        String to = folder.toString();
        String[] words = {"-proc:none", "-cp", classes, "-d", to, source.toString()};
        assertThat(compiler.run(null, null, null, words)).isZero();
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        PrintStream before = System.out;
        URL[] compiled = {folder.toUri().toURL()};
        try (URLClassLoader loader =
                new URLClassLoader(compiled, ReadmeTest.class.getClassLoader())) {
            System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
            loader.loadClass("Readme").getMethod("run", type).invoke(null, argument);
        } finally {
            System.setOut(before);
        }
        return printed.toString(StandardCharsets.UTF_8).strip();
    }

    @Test
    void theProgramTrainsToTheTutorialsAccuracy() throws Exception {
        String program = program(0);
        assertThat(program.lines().count()).isLessThanOrEqualTo(10);
        String mnist = RealMnist.folder().toString();
        String line = run("String folder = given;\n" + program, "", String.class, mnist);
        assertThat(line).startsWith("test accuracy 0.9");
        double accuracy = Double.parseDouble(line.substring("test accuracy ".length()));
        assertThat(accuracy)
                .as(String.format(Locale.ROOT, "accuracy %.4f", accuracy))
                .isBetween(0.953, 0.97);
    }

    @Test
    void recordsAreLearnedAndPredicted() throws Exception {
        String houses =
                """
                List<House> houses = new ArrayList<>();
                Random random = new Random(1);
                for (int i = 0; i < 2000; i++) {
                    double income = 10 * random.nextDouble();
                    Integer rooms = i % 9 == 0 ? null : 1 + random.nextInt(9);
                    Ocean ocean = Ocean.values()[i % 2];
                    double price = 1e5 * income + (ocean == Ocean.BAY ? 3e5 : 0);
                    houses.add(new House(income, rooms, ocean, price));
                }
                """;
        String program = program(1);
        int end = program.indexOf('\n') + 1; // of the record
        String whole =
                program.substring(0, end)
                        + "Path file = given;\n"
                        + houses
                        + program.substring(end);
        Path file = folder.resolve("houses.safetensors");
        String printed = run(whole, "enum Ocean { BAY, INLAND }", Path.class, file);
        assertThat(printed).startsWith("R2 0.99");
        double price = Double.parseDouble(printed.lines().skip(1).findFirst().orElseThrow());
        assertThat(price).isBetween(10.5e5, 12e5); // 1e5 * 8.3 + 3e5, within training's error
    }
}
