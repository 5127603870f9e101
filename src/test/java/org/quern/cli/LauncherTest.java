package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** When the launcher builds, and what it starts Java with: Maven and Java are scripts that tell. */
@Tag("jdk")
class LauncherTest {
    private static final String VARIABLE = "CUDA_DEVICE_MAX_CONNECTIONS";

    @TempDir Path folder;

    private void script(String path, String text) throws IOException {
        Path file = folder.resolve(path);
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/sh\n" + text);
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    @BeforeEach
    void checkout() throws IOException {
        Files.copy(Path.of("quern"), folder.resolve("quern"));
        Files.createFile(folder.resolve("pom.xml"));
        Files.createDirectories(folder.resolve("src/main"));
        script("jdk/bin/java", "echo \"$" + VARIABLE + "|$*\"\n");
        script(
                "bin/mvn",
                "echo built >>builds\nsleep 0.5\n[ ! -e meanwhile ] || mv meanwhile src/main\n>target/quern.jar\n");
    }

    private ProcessBuilder launcher() {
        Path launcher = folder.resolve("quern");
        ProcessBuilder builder = new ProcessBuilder("sh", launcher.toString(), "doctor", "a b");
        builder.environment().put("JAVA_HOME", folder.resolve("jdk").toString());
        builder.environment().merge("PATH", folder + "/bin:", (path, first) -> first + path);
        builder.environment().remove(VARIABLE);
        return builder.redirectErrorStream(true);
    }

    private static String out(Process process) throws IOException, InterruptedException {
        String out = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as(out).isZero();
        assertThat(out).endsWith("/target/quern.jar doctor a b\n");
        return out;
    }

    private int builds() throws IOException {
        return Files.readAllLines(folder.resolve("builds")).size();
    }

    private String run(String connections) throws IOException, InterruptedException {
        ProcessBuilder builder = launcher();
        if (connections != null) {
            builder.environment().put(VARIABLE, connections);
        }
        String out = out(builder.start());
        return out.substring(out.lastIndexOf('\n', out.length() - 2) + 1, out.indexOf('|'));
    }

    /** The lock is flock's, which macOS does not have. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void twoAtOnceBuildOnce() throws Exception {
        Process[] both = {launcher().start(), launcher().start()};
        String outs = out(both[0]) + out(both[1]);
        assertThat(outs.split("building Quern", -1)).hasSize(2);
        assertThat(builds()).isEqualTo(1);
    }

    /** Of a source that changes while it is built, nobody knows which of both was built. */
    @Test
    void whatChangesDuringABuildIsBuiltAgain() throws Exception {
        Files.createFile(folder.resolve("meanwhile"));
        for (int builds : new int[] {1, 2, 2}) {
            out(launcher().start());
            assertThat(builds()).isEqualTo(builds);
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void afterAKilledBuildTheNextOneBuilds() throws Exception {
        Process killed = launcher().start();
        while (!Files.exists(folder.resolve("builds"))) {
            Thread.sleep(10);
        }
        killed.descendants().forEach(ProcessHandle::destroyForcibly);
        killed.destroyForcibly().waitFor();
        assertThat(folder.resolve("target/quern.jar")).doesNotExist();
        out(launcher().start());
        assertThat(builds()).isEqualTo(2);
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
