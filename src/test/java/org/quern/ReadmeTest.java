package org.quern;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
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

    @Test
    void theProgramTrainsToTheTutorialsAccuracy() throws Exception {
        Matcher matcher = PROGRAM.matcher(Files.readString(Path.of("README.md")));
        assertThat(matcher.find()).isTrue();
        assertThat(matcher.group(1).lines().count()).isLessThanOrEqualTo(10);
        Path source = folder.resolve("Readme.java");
        Files.writeString(
                source,
                """
                import java.nio.file.Path;
                import org.quern.data.*;
                import org.quern.model.*;
                import org.quern.train.*;

                public class Readme {
                    public static void run(String folder) {
                %s
                    }
                }
                """
                        .formatted(matcher.group(1)));
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        String classes = System.getProperty("java.class.path");
        assertThat(
                        compiler.run(
                                null,
                                null,
                                null,
                                "-proc:none",
                                "-cp",
                                classes,
                                "-d",
                                folder.toString(),
                                source.toString()))
                .isZero();
        String folderOfMnist = RealMnist.folder().toString();
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        PrintStream before = System.out;
        try (URLClassLoader loader =
                new URLClassLoader(
                        new URL[] {folder.toUri().toURL()}, ReadmeTest.class.getClassLoader())) {
            System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
            loader.loadClass("Readme").getMethod("run", String.class).invoke(null, folderOfMnist);
        } finally {
            System.setOut(before);
        }
        String line = printed.toString(StandardCharsets.UTF_8).strip();
        assertThat(line).startsWith("test accuracy 0.9");
        double accuracy = Double.parseDouble(line.substring("test accuracy ".length()));
        assertThat(accuracy)
                .as(String.format(Locale.ROOT, "accuracy %.4f", accuracy))
                .isBetween(0.953, 0.97);
    }
}
