package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the launcher starts Java with; the jar is there, and Java is a script that tells it. */
@Tag("jdk")
class LauncherTest {
    private static final String CONNECTIONS = "CUDA_DEVICE_MAX_CONNECTIONS";

    @TempDir Path folder;

    /** A checkout in which {@code java} is a script. */
    private Path launcher(String java) throws IOException {
        Path launcher = folder.resolve("quern");
        if (!Files.exists(launcher)) {
            Files.copy(Path.of("quern"), launcher);
            Files.createFile(folder.resolve("pom.xml"));
            Files.createDirectories(folder.resolve("src/main"));
            Files.createDirectories(folder.resolve("target"));
            program("jdk/bin/java", java);
        }
        return launcher;
    }

    private void program(String name, String script) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/sh\n" + script + "\n");
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    private String run(String variable, String value) throws IOException, InterruptedException {
        Path launcher = launcher("echo \"$%s|$*\"".formatted(variable));
        Files.write(folder.resolve("target/quern.jar"), new byte[0]);
        ProcessBuilder builder = new ProcessBuilder("sh", launcher.toString(), "doctor", "a b");
        builder.environment().put("JAVA_HOME", folder.resolve("jdk").toString());
        builder.environment().remove(variable);
        if (value != null) {
            builder.environment().put(variable, value);
        }
        Process process = builder.redirectErrorStream(true).start();
        String out = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as(out).isZero();
        assertThat(out).endsWith("/target/quern.jar doctor a b\n");
        return out.substring(0, out.indexOf('|'));
    }

    /**
     * A queue of its own for each stream of trainings side by side, unless the user knows better.
     */
    @Test
    void streamsHaveQueuesOfTheirOwn() throws Exception {
        assertThat(run(CONNECTIONS, null)).isEqualTo("32");
        assertThat(run(CONNECTIONS, "8")).isEqualTo("8");
    }

    /** In the C locale, and in one that is not installed, Java knows no path that is not ASCII. */
    @Test
    void pathsMayHaveAllLetters() throws Exception {
        assertThat(run("LC_ALL", "C")).isEqualTo("C.UTF-8");
        assertThat(run("LC_ALL", "xx_XX.UTF-8")).isEqualTo("C.UTF-8");
        assertThat(run("LC_ALL", "C.UTF-8")).isEqualTo("C.UTF-8");
    }

    /** On a terminal the first build says what it does and for how long. */
    @Test
    void theFirstBuildShowsItsProgress() throws Exception {
        Path launcher = launcher("echo started");
        program(
                "bin/mvn",
                "echo '[INFO] --- compiler:3.11:compile (default-compile) @ quern ---'\n"
                        + "sleep 1.5\necho jar >target/quern.jar");
        ProcessBuilder builder =
                new ProcessBuilder("script", "-qec", "sh " + launcher, "/dev/null");
        builder.environment().put("JAVA_HOME", folder.resolve("jdk").toString());
        program("jdk/bin/javac", "");
        builder.environment().merge("PATH", folder + "/bin", (path, bin) -> bin + ":" + path);
        Process process = builder.redirectErrorStream(true).start();
        process.getOutputStream().close();
        String out = new String(process.getInputStream().readAllBytes()).replace("\r\n", "\n");
        assertThat(process.waitFor()).as(out).isZero();
        assertThat(out)
                .startsWith("building Quern (once; takes a few minutes) ...\n")
                .containsPattern("\r +1 s  compiler:3.11:compile ")
                .endsWith("\r" + " ".repeat(59) + "\rstarted\n");
    }
}
