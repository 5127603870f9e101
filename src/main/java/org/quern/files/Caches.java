package org.quern.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/** Where Quern keeps what it has fetched, compiled or measured. */
public final class Caches {
    private Caches() {}

    /**
     * Quern's folder in the user's cache: {@code $XDG_CACHE_HOME/quern} if that is set; else {@code
     * %LOCALAPPDATA%\quern} on Windows, {@code ~/Library/Caches/quern} on macOS, {@code
     * ~/.cache/quern} elsewhere.
     */
    public static Path folder(Map<String, String> environment) {
        return folder(environment, System.getProperty("user.home"));
    }

    static Path folder(Map<String, String> environment, String userHome) {
        String xdg = environment.get("XDG_CACHE_HOME");
        if (xdg != null && !xdg.isBlank()) {
            return Path.of(xdg, "quern");
        }
        String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String local = environment.get("LOCALAPPDATA");
        if (os.startsWith("windows") && local != null) {
            return Path.of(local, "quern");
        }
        String home = userHome;
        if (home.equals("?")) { // what Java 17 says of a user whom the system does not know
            home = environment.getOrDefault("HOME", System.getProperty("java.io.tmpdir"));
        }
        return Path.of(home, os.startsWith("mac") ? "Library/Caches" : ".cache", "quern");
    }

    /**
     * Keeps a file in a cache, whole or not at all, and makes its folder. Where that cannot be, all
     * is as before: what a cache lacks is made again at the next start.
     *
     * @return whether it is kept
     */
    public static boolean keep(Path file, AtomicFile.Writer writer) {
        try {
            Files.createDirectories(file.getParent());
            AtomicFile.replace(file, writer);
            return true;
        } catch (IOException e) {
            return false; // a cache is no place to fail
        }
    }

    /** Deletes the oldest of a folder's files with some ending, but for so many. */
    public static void prune(Path folder, String ending, int most) {
        try (Stream<Path> files = Files.list(folder)) {
            Map<Path, FileTime> written = new HashMap<>();
            for (Path file : files.filter(one -> one.toString().endsWith(ending)).toList()) {
                written.put(file, Files.getLastModifiedTime(file));
            }
            List<Path> oldest =
                    written.keySet().stream()
                            .sorted(Comparator.comparing((Path one) -> written.get(one)))
                            .limit(Math.max(0, written.size() - most))
                            .toList();
            for (Path file : oldest) {
                Files.deleteIfExists(file);
            }
        } catch (IOException ignored) {
            // another process prunes as well, or may write here and this one may not
        }
    }
}
