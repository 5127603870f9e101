package org.quern.files;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A cache that is pruned keeps the newest files, and those of other endings. */
class CachesPruneTest {
    @TempDir Path folder;

    @Test
    void keepsTheNewest() throws Exception {
        for (int i = 0; i < 5; i++) {
            Path file = Files.createFile(folder.resolve((9 - i) + ".bin"));
            Files.setLastModifiedTime(file, FileTime.fromMillis(1000L * i));
        }
        Files.createFile(folder.resolve("build.log"));
        Caches.prune(folder, ".bin", 2);
        assertThat(folder.toFile().list()).containsExactlyInAnyOrder("5.bin", "6.bin", "build.log");
        Caches.prune(folder.resolve("none"), ".bin", 2); // is no error
    }
}
