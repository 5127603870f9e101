package org.quern.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.QuernException;

class AtomicFileTest {
    private static final String FULL = ": the disk is full: make room, or write elsewhere";

    @TempDir Path folder;
    private Path file;

    @BeforeEach
    void anOldFile() throws IOException {
        file = Files.writeString(folder.resolve("f"), "old");
    }

    @Test
    void replacesTheFileAndLeavesNothingElse() throws IOException {
        AtomicFile.write(file, "new");
        assertThat(file).hasContent("new");
        onlyTheFileIsThere();
    }

    /** They carry the number of their process. */
    @Test
    void whatAKilledProcessLeftGoesAfterAMinute() throws IOException {
        long alive = ProcessHandle.current().pid();
        List<Path> parts = new ArrayList<>();
        for (String name : List.of("f.999999999", "f." + alive, "g.999999999", "f.999999999")) {
            Path part = folder.resolve("." + name + "-1-" + parts.size() + ".part");
            Files.writeString(part, "half");
            FileTime when = FileTime.from(Instant.now().minusSeconds(parts.size() < 3 ? 100 : 10));
            parts.add(Files.setLastModifiedTime(part, when));
        }
        AtomicFile.write(file, "new");
        assertThat(parts.remove(0)).doesNotExist();
        assertThat(parts).allSatisfy(part -> assertThat(part).exists());
    }

    @Test
    void theOldFileStaysUntilTheNewOneIsWhole() {
        AtomicFile.write(
                file,
                out -> {
                    out.write(new byte[200_000]);
                    out.flush();
                    assertThat(file).hasContent("old");
                });
        assertThat(file).hasSize(200_000);
    }

    /** Which closes files; yet to save may be just what an interrupted thread does last. */
    @Test
    void anInterruptIsForLater() throws IOException {
        Thread.currentThread().interrupt();
        AtomicFile.write(file, "before");
        assertThat(Thread.interrupted()).isTrue();
        assertThat(file).hasContent("before");

        AtomicInteger times = new AtomicInteger();
        AtomicFile.write(
                file,
                out -> {
                    if (times.incrementAndGet() == 1) {
                        Thread.currentThread().interrupt();
                    }
                    out.write(new byte[200_000]);
                });
        assertThat(Thread.interrupted()).isTrue();
        assertThat(times).hasValue(2);
        assertThat(file).hasSize(200_000);
        onlyTheFileIsThere();
    }

    @Test
    void aFullDiskLeavesTheOldFile() throws IOException {
        refused(
                file,
                out -> {
                    out.write(new byte[200_000]);
                    throw new IOException("No space left on device");
                },
                FULL);
        assertThat(file).hasContent("old");
        onlyTheFileIsThere();
    }

    @Test
    void aDiskThatIsReallyFull() throws IOException, InterruptedException {
        Path disk = Files.createDirectory(folder.resolve("disk"));
        assumeTrue(
                run("mount", "-t", "tmpfs", "-o", "size=64k", "none", disk.toString()) == 0,
                "a small disk cannot be mounted here (root needed)");
        try {
            Path target = disk.resolve("f");
            AtomicFile.write(target, "old");
            refused(target, out -> out.write(new byte[200_000]), FULL);
            assertThat(target).hasContent("old");
            try (var files = Files.list(disk)) {
                assertThat(files).containsExactly(target);
            }
        } finally {
            assertThat(run("umount", disk.toString())).isZero();
        }
    }

    @Test
    void aWriterThatFailsLeavesTheOldFile() throws IOException {
        assertThatThrownBy(
                        () ->
                                AtomicFile.write(
                                        file,
                                        out -> {
                                            out.write(1);
                                            throw new IllegalStateException("bug");
                                        }))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("bug");
        assertThat(file).hasContent("old");
        onlyTheFileIsThere();
    }

    @Test
    void whereNothingCanBeWritten() throws IOException {
        refused(folder, out -> out.write(1), ": it is a folder");
        Path none = folder.resolve("no").resolve("m");
        refused(none, out -> out.write(1), ": there is no folder " + none.getParent());
        Path inFile = file.resolve("m");
        refused(inFile, out -> out.write(1), ": there is no folder " + file);
        onlyTheFileIsThere();
    }

    @Test
    void aFolderWithoutPermission() throws IOException {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("r-xr-xr-x"));
        try {
            assumeTrue(!Files.isWritable(folder), "root may write everywhere");
            refused(file, out -> out.write(1), ": no permission to write in " + folder);
            assertThat(file).hasContent("old");
        } finally {
            Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
    }

    /** As root, a rename would put a plain file in the place of the device, for everybody. */
    @Test
    void aDeviceIsNotReplaced() throws IOException, InterruptedException {
        Path device = folder.resolve("null");
        assumeTrue(
                run("mknod", device.toString(), "c", "1", "3") == 0,
                "a device cannot be made here (root needed)");
        refused(device, out -> out.write(1), ": it is a device, not a file");
        assertThat(Files.isRegularFile(device)).isFalse();
    }

    @Test
    void aPipeIsNotReplaced() throws IOException, InterruptedException {
        Path pipe = folder.resolve("pipe");
        assumeTrue(run("mkfifo", pipe.toString()) == 0, "there is no mkfifo");
        refused(pipe, out -> out.write(1), ": it is a device, not a file");
        assertThat(Files.isRegularFile(pipe)).isFalse();
    }

    @Test
    void aSymbolicLinkStaysOne() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), file);
        AtomicFile.write(link, "new");
        assertThat(link).isSymbolicLink();
        assertThat(file).hasContent("new");
    }

    @Test
    void aCacheKeepsWhatItCan() throws IOException {
        Path cached = folder.resolve("a").resolve("b");
        Caches.keep(cached, out -> out.write('x'));
        assertThat(cached).hasContent("x");
        Caches.keep(
                cached,
                out -> {
                    throw new IOException("No space left on device");
                });
        Caches.keep(file.resolve("b"), out -> out.write('x'));
        assertThat(cached).hasContent("x");
        try (var files = Files.list(cached.getParent())) {
            assertThat(files).containsExactly(cached);
        }
        assertThat(file).hasContent("old");
    }

    /** Many threads write one file: each under a temporary name of its own. */
    @Test
    void threadsDoNotWriteIntoEachOthersFiles() throws IOException {
        IntStream.range(0, 64)
                .parallel()
                .forEach(i -> AtomicFile.write(file, Integer.toString(i).repeat(1000)));
        assertThat(Files.readString(file)).matches("(\\d\\d?)\\1{999}");
        onlyTheFileIsThere();
    }

    @Test
    void aUserWhomTheSystemDoesNotKnowHasACacheToo() throws IOException {
        String home = folder.toString();
        String other = folder.resolve("other").toString();
        assertThat(Caches.folder(Map.of("HOME", home), "?")).startsWithRaw(folder);
        assertThat(Caches.folder(Map.of("HOME", other), home)).startsWithRaw(folder);
        // as in a container: no home, or one that nobody made
        for (Map<String, String> of : List.of(Map.<String, String>of(), Map.of("HOME", "/none"))) {
            Path cache = Caches.folder(of, "/nonexistent");
            assertThat(cache.getParent()).isEqualTo(Path.of(System.getProperty("java.io.tmpdir")));
            assertThat(cache).isDirectory();
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(cache)))
                    .isEqualTo("rwx------");
        }
    }

    /** The exit code of a command; -1 if there is no such program. */
    private static int run(String... command) throws IOException, InterruptedException {
        Process process;
        try {
            process =
                    new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start();
        } catch (IOException e) {
            return -1;
        }
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }

    private static void refused(Path target, AtomicFile.Writer writer, String message) {
        assertThatThrownBy(() -> AtomicFile.write(target, writer))
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.DATA))
                .hasMessage(target + " cannot be written" + message);
    }

    private void onlyTheFileIsThere() throws IOException {
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }
}
