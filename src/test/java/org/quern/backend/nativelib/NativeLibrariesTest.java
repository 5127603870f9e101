package org.quern.backend.nativelib;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.QuernException;

@Tag("jdk")
class NativeLibrariesTest {
    private static final byte[] CONTENT = new byte[100_000];

    @TempDir Path folder;

    private NativeLibraries libraries(Path cache) {
        return new NativeLibraries(Map.of("XDG_CACHE_HOME", cache.toString()));
    }

    @Test
    void aLibraryIsUnpackedIntoAPrivateFolderOfTheCache() throws Exception {
        Path path = libraries(folder).unpack("libx.so", CONTENT, "C kernels");
        assertThat(path).startsWith(folder.resolve("quern").resolve("native"));
        assertThat(Files.readAllBytes(path)).isEqualTo(CONTENT);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path.getParent())))
                .isEqualTo("rwx------");
        assertThat(path.getParent().getFileName().toString()).matches("[0-9a-f]{16}");
        try (var files = Files.list(path.getParent())) {
            assertThat(files).containsExactly(path);
        }
    }

    @Test
    void aDamagedOrForeignFileIsReplaced() throws Exception {
        Path path = libraries(folder).unpack("libx.so", CONTENT, "C kernels");
        Files.write(path, new byte[10]);
        assertThat(Files.readAllBytes(libraries(folder).unpack("libx.so", CONTENT, "C kernels")))
                .isEqualTo(CONTENT);
        byte[] changed = CONTENT.clone();
        changed[99_999] = 1;
        Files.write(path, changed);
        assertThat(Files.readAllBytes(libraries(folder).unpack("libx.so", CONTENT, "C kernels")))
                .isEqualTo(CONTENT);
        Files.delete(path);
        Path elsewhere = Files.write(folder.resolve("elsewhere"), CONTENT);
        Files.createSymbolicLink(path, elsewhere);
        libraries(folder).unpack("libx.so", CONTENT, "C kernels");
        assertThat(Files.isSymbolicLink(path)).isFalse();
    }

    @Test
    void looseFoldersAreTightened() throws Exception {
        Path path = libraries(folder).unpack("libx.so", CONTENT, "C kernels");
        Files.setPosixFilePermissions(
                path.getParent(), PosixFilePermissions.fromString("rwxrwxrwx"));
        libraries(folder).unpack("libx.so", CONTENT, "C kernels");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path.getParent())))
                .isEqualTo("rwx------");
    }

    @Test
    void manyAtOnceDoNotDisturbEachOther() throws Exception {
        var threads = Executors.newFixedThreadPool(8);
        List<Callable<Path>> tasks = new ArrayList<>();
        for (int i = 0; i < 32; i++) {
            tasks.add(() -> libraries(folder).unpack("libx.so", CONTENT, "C kernels"));
        }
        for (Future<Path> path : threads.invokeAll(tasks)) {
            assertThat(Files.readAllBytes(path.get())).isEqualTo(CONTENT);
        }
        threads.shutdown();
    }

    @Test
    void aFolderThatCannotBeWrittenIsNamedWithItsCure() throws Exception {
        Path file = Files.writeString(folder.resolve("cache"), "a file where a folder should be");
        assertThatThrownBy(() -> libraries(file).unpack("libx.so", CONTENT, "C kernels"))
                .isInstanceOf(QuernException.class)
                .hasMessageMatching(
                        "cannot unpack C kernels into .+/quern/native/[0-9a-f]{16} \\(Not a directory\\): set"
                                + " QUERN_NATIVE_DIR to a folder that can be written");
    }

    @Test
    void theFolderCanBeChosen() {
        Path told = folder.resolve("told");
        assertThat(
                        new NativeLibraries(
                                        Map.of(
                                                "QUERN_NATIVE_DIR",
                                                told.toString(),
                                                "XDG_CACHE_HOME",
                                                "/elsewhere"))
                                .folder())
                .isEqualTo(told);
    }

    @Test
    void aLibraryThatIsNotInTheJarIsSaid() {
        assertThatThrownBy(() -> libraries(folder).load("nothing", "a library"))
                .hasMessage("this jar has no %s (a library)", NativeLibraries.resource("nothing"));
        assertThatThrownBy(() -> NativeLibraries.require("nothing", "an API", "cpu"))
                .hasMessage(
                        "an API is not supported on %s, see docs/platforms.md: use --backend cpu",
                        NativeLibraries.platform());
    }

    @Test
    void aSystemsLibraryIsLookedForInTheLoadersCacheAndTheVariablesFolders() throws Exception {
        Path cache = folder.resolve("ld.so.cache");
        Files.writeString(
                cache, "glibc-ld.so.cache1.1\0libx.so.1\0/usr/lib/libx.so.1\0libz.so.10\0");
        NativeLibraries none = new NativeLibraries(Map.of());
        assertThat(none.isInSystem("libx.so.1", cache)).isTrue();
        assertThat(none.isInSystem("libz.so.1", cache)).isFalse();
        Files.createFile(folder.resolve("libz.so.1"));
        NativeLibraries told = new NativeLibraries(Map.of("LD_LIBRARY_PATH", "/none:" + folder));
        assertThat(told.isInSystem("libz.so.1", cache)).isTrue();
    }

    /** Which calls its variables as it likes, and looks into its own folder first. */
    @Test
    void onWindowsItIsLookedForInItsFolderAndInThoseOfThePath() throws Exception {
        String os = System.getProperty("os.name");
        System.setProperty("os.name", "Windows 11");
        try {
            Path system = Files.createDirectories(folder.resolve("Windows/System32"));
            Path other = Files.createDirectory(folder.resolve("other"));
            String path = folder.resolve("none") + File.pathSeparator + other;
            NativeLibraries told =
                    new NativeLibraries(
                            Map.of("SystemRoot", system.getParent().toString(), "Path", path));
            assertThat(told.isInSystem("nvcuda.dll")).isFalse();
            Files.createFile(system.resolve("nvcuda.dll"));
            Files.createFile(other.resolve("OpenCL.dll"));
            assertThat(told.isInSystem("nvcuda.dll")).isTrue();
            assertThat(told.isInSystem("OpenCL.dll")).isTrue();
            assertThat(NativeLibraries.platform()).startsWith("windows-");
        } finally {
            System.setProperty("os.name", os);
        }
    }

    @Test
    void withoutACacheItIsLeftToTheLoader() {
        assertThat(libraries(folder).isInSystem("libz.so.1", folder.resolve("none"))).isTrue();
    }
}
