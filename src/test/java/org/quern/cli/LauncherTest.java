package org.quern.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

    /** In the C locale, and in place of one that is not installed, Java's paths are ASCII. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void pathsMayHaveAllLetters() throws Exception {
        script("jdk/bin/java", "echo $LC_ALL:$*\n");
        for (String locale : new String[] {"C", "xx_XX.UTF-8", "C.UTF-8"}) {
            ProcessBuilder builder = launcher();
            builder.environment().put("LC_ALL", locale);
            assertThat(out(builder.start())).contains("C.UTF-8:-XX").doesNotContain("xx_XX");
        }
    }

    /**
     * What Java keeps of a start is made once for a jar and a JDK: an AOT cache from JDK 25 on, an
     * archive of classes before. Where that fails, or the user has other options, there is none.
     */
    @ParameterizedTest
    @CsvSource({
        "17.0.15, '', SharedArchiveFile=.*\\.jsa",
        "25.0.3, '', AOTCache=.*\\.aot",
        "25.0.3, -Xshare:off, ",
        "25.0.3, fails, "
    })
    @EnabledOnOs(OS.LINUX)
    void whatJavaKeepsOfAStart(String version, String options, String kept) throws Exception {
        script("jdk/bin/javac", "");
        Files.writeString(folder.resolve("jdk/release"), "JAVA_VERSION=\"" + version + "\"\nX=1\n");
        script(
                "jdk/bin/java",
                """
                for option; do case $option in
                    -XX:AOTCacheOutput=* | -XX:DumpLoadedClassList=*) echo rehearsed >>rehearsed ;;
                esac; done
                case "$QUERN_JAVA_OPTS $*" in fails*CacheOutput*) exit 1 ;; esac
                for option; do case $option in
                    -XX:AOTCacheOutput=* | -XX:DumpLoadedClassList=*) >"${option#*=}" ;;
                    -Xshare:dump) for to; do case $to in *ArchiveFile=*) >"${to#*=}" ;; esac; done ;;
                esac; done
                echo "$*"
                """);
        String last = null;
        for (int run = 0; run < 2; run++) {
            ProcessBuilder builder = launcher();
            builder.directory(folder.toFile()).environment().put("QUERN_JAVA_OPTS", options);
            last = out(builder.start()).lines().reduce((a, b) -> b).orElseThrow();
        }
        if (kept == null) {
            assertThat(last).doesNotContain("SharedArchiveFile", "AOTCache");
        } else {
            assertThat(last).containsPattern("-XX:" + kept + " -Xlog:\\w+=off");
            assertThat(folder.resolve("rehearsed")).hasContent("rehearsed\n");
        }
        try (Stream<Path> files = Files.list(folder.resolve("target"))) {
            assertThat(files.filter(file -> file.getFileName().toString().contains("quern-")))
                    .hasSize(kept == null ? 0 : 1);
        }
    }

    /** What the jar of the next test runs. */
    static class Main {
        public static void main(String[] args) {
            System.out.println("|target/quern.jar " + String.join(" ", args));
        }
    }

    /**
     * This JVM makes it and takes it; where it does not fit, it says nothing and starts all the
     * same.
     */
    @Test
    @EnabledOnOs(OS.LINUX)
    void thisJavaKeepsAStart() throws Exception {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().put(Attributes.Name.MAIN_CLASS, Main.class.getName());
        Path target = Files.createDirectories(folder.resolve("target"));
        Path jar = target.resolve("quern.jar");
        String entry = Main.class.getName().replace('.', '/') + ".class";
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar), manifest);
                InputStream in = Main.class.getClassLoader().getResourceAsStream(entry)) {
            out.putNextEntry(new ZipEntry(entry));
            in.transferTo(out);
        }
        Process[] both = {onThisJava("").start(), onThisJava("").start()};
        String line = "|target/quern.jar doctor a b\n";
        for (Process first : both) {
            assertThat(first.getInputStream()).hasContent(line);
            assertThat(first.waitFor()).isZero();
        }
        Path kept;
        try (Stream<Path> files = Files.list(target)) {
            List<Path> others = files.filter(file -> !file.equals(jar)).toList();
            assertThat(others).hasSize(1);
            kept = others.get(0);
        }
        boolean cache = Runtime.version().feature() >= 25;
        assertThat(kept.toString()).endsWith(cache ? ".aot" : ".jsa");
        String loaded = Pattern.quote(Main.class.getName()) + " source: shared objects file";
        assertThat(onThisJava("-Xlog:class+load").start().getInputStream())
                .asString(UTF_8)
                .containsPattern(loaded);
        for (String other :
                new String[] {"-XX:-UseCompressedOops", "-Xbootclasspath/a:/", "-Xshare:off"}) {
            assertThat(onThisJava(other).start().getInputStream()).as(other).hasContent(line);
        }
        byte[] foreign = Files.readAllBytes(kept);
        Arrays.fill(foreign, 0, 1024, (byte) 1); // the header, which names the JVM
        Files.delete(kept);
        Files.write(kept, foreign);
        assertThat(onThisJava("").start().getInputStream()).as("foreign").hasContent(line);
        Files.setLastModifiedTime(jar, FileTime.from(Instant.now().plusSeconds(2)));
        assertThat(onThisJava("").start().getInputStream()).as("a newer jar").hasContent(line);
        assertThat(Files.readAllBytes(kept)[0]).isNotEqualTo(foreign[0]);
    }

    private ProcessBuilder onThisJava(String options) {
        ProcessBuilder builder = launcher();
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("QUERN_JAVA_OPTS", options);
        return builder;
    }

    /** On a terminal the first build says what it does and for how long. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void theFirstBuildShowsItsProgress() throws Exception {
        script(
                "bin/mvn",
                "echo '[INFO] --- compiler:3.11:compile (default-compile) @ quern ---'\n"
                        + "sleep 1.5\n>target/quern.jar\n");
        script("jdk/bin/java", "echo started\n");
        ProcessBuilder builder =
                launcher().command("script", "-qec", "sh " + folder.resolve("quern"), "/dev/null");
        Process process = builder.start();
        process.getOutputStream().close();
        String out = new String(process.getInputStream().readAllBytes()).replace("\r\n", "\n");
        assertThat(process.waitFor()).as(out).isZero();
        assertThat(out)
                .startsWith("building Quern (once; takes a few minutes) ...\n")
                .containsPattern("\r +1 s  compiler:3.11:compile ")
                .endsWith("\r" + " ".repeat(59) + "\rstarted\n");
    }
}
