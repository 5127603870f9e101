package org.quern.backend.nativelib;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SystemLibrariesTest {
    @TempDir Path folder;

    @Test
    void looksIntoTheLoadersCacheAndTheVariablesFolders() throws Exception {
        Path cache = folder.resolve("ld.so.cache");
        Files.writeString(
                cache, "glibc-ld.so.cache1.1\0libx.so.1\0/usr/lib/libx.so.1\0libz.so.10\0");
        assertThat(SystemLibraries.has("libx.so.1", Map.of(), cache)).isTrue();
        assertThat(SystemLibraries.has("libz.so.1", Map.of(), cache)).isFalse();
        Files.createFile(folder.resolve("libz.so.1"));
        assertThat(
                        SystemLibraries.has(
                                "libz.so.1", Map.of("LD_LIBRARY_PATH", "/none:" + folder), cache))
                .isTrue();
    }

    @Test
    void leavesItToTheLoaderWhereThereIsNoCache() {
        assertThat(SystemLibraries.has("libz.so.1", Map.of(), folder.resolve("none"))).isTrue();
    }
}
