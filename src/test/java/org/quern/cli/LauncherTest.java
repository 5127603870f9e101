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
    private static final String VARIABLE = "CUDA_DEVICE_MAX_CONNECTIONS";

    @TempDir Path folder;

    private String run(String connections) throws IOException, InterruptedException {
        Path launcher = folder.resolve("quern");
        if (!Files.exists(launcher)) {
            Files.copy(Path.of("quern"), launcher);
            Files.createFile(folder.resolve("pom.xml"));
            Files.createDirectories(folder.resolve("src/main"));
            Files.createFile(
                    Files.createDirectories(folder.resolve("target")).resolve("quern.jar"));
            Path java = Files.createDirectories(folder.resolve("jdk/bin")).resolve("java");
            Files.writeString(java, "#!/bin/sh\necho \"$" + VARIABLE + "|$*\"\n");
            assertThat(java.toFile().setExecutable(true)).isTrue();
        }
        ProcessBuilder builder = new ProcessBuilder("sh", launcher.toString(), "doctor", "a b");
        builder.environment().put("JAVA_HOME", folder.resolve("jdk").toString());
        builder.environment().remove(VARIABLE);
        if (connections != null) {
            builder.environment().put(VARIABLE, connections);
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
        assertThat(run(null)).isEqualTo("32");
        assertThat(run("8")).isEqualTo("8");
    }
}
