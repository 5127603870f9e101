package org.quern.backend.nativelib;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Whether the system's loader would find a library, without loading it or what binds to it, which
 * takes a tenth of a second that most starts need not spend.
 */
public final class SystemLibraries {
    private static final Path CACHE = Path.of("/etc/ld.so.cache");

    private SystemLibraries() {}

    /**
     * Whether a library of this name is in a folder of {@code LD_LIBRARY_PATH} or in the loader's
     * cache; true where there is no cache to look into.
     */
    public static boolean has(String name, Map<String, String> environment) {
        return has(name, environment, CACHE);
    }

    static boolean has(String name, Map<String, String> environment, Path cache) {
        for (String folder : environment.getOrDefault("LD_LIBRARY_PATH", "").split(":")) {
            if (!folder.isBlank() && Files.exists(Path.of(folder, name))) {
                return true;
            }
        }
        try {
            // names are zero-terminated in it
            String content = Files.readString(cache, StandardCharsets.ISO_8859_1);
            return content.contains(name + '\0');
        } catch (IOException e) {
            return true; // a system without such a cache: its loader must say
        }
    }
}
