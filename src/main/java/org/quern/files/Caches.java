package org.quern.files;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
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
     * ~/.cache/quern} elsewhere. Where that cannot be written, as in a container whose user has no
     * home, a folder of the user's own among the temporary files; where there is none either, the
     * first all the same.
     */
    public static Path folder(Map<String, String> environment) {
        return folder(environment, System.getProperty("user.home"));
    }

    static Path folder(Map<String, String> environment, String userHome) {
        List<Path> all = folders(environment, userHome);
        return all.stream().filter(Caches::isUsable).findFirst().orElse(all.get(0));
    }

    /**
     * Where something that is only read may be, too: the folder, and those it may be instead; none
     * that anybody else could have made.
     */
    public static List<Path> folders(Map<String, String> environment) {
        return folders(environment, System.getProperty("user.home")).stream()
                .filter(one -> !isTemporary(one) || isThere(one) && isOwn(one))
                .toList();
    }

    private static List<Path> folders(Map<String, String> environment, String userHome) {
        String xdg = environment.get("XDG_CACHE_HOME");
        if (xdg != null && !xdg.isBlank()) {
            return List.of(Path.of(xdg, "quern"));
        }
        String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String local = environment.get("LOCALAPPDATA");
        if (os.startsWith("windows") && local != null) {
            return List.of(Path.of(local, "quern"));
        }
        String below = os.startsWith("mac") ? "Library/Caches" : ".cache";
        String user = System.getProperty("user.name", "").replaceAll("[^\\w.-]", "_");
        return Stream.concat(
                        // Java knows no home ("?") of a user whom the system does not know
                        Stream.of(userHome, environment.getOrDefault("HOME", "?"))
                                .filter(home -> !home.equals("?") && !home.isBlank())
                                .map(home -> Path.of(home, below, "quern")),
                        Stream.of(System.getProperty("java.io.tmpdir"))
                                .map(temporary -> Path.of(temporary, "quern-" + user)))
                .toList();
    }

    /** Whether a folder is there and can be written, or can be made. */
    private static boolean isUsable(Path folder) {
        if (isTemporary(folder)) {
            return isOwn(folder);
        }
        Path there = folder;
        while (there != null && !Files.exists(there)) {
            there = there.getParent();
        }
        // below the root are homes that nobody made
        return there != null
                && there.getNameCount() > 0
                && Files.isDirectory(there)
                && Files.isWritable(there);
    }

    private static boolean isTemporary(Path folder) {
        return folder.getParent().equals(Path.of(System.getProperty("java.io.tmpdir")));
    }

    private static boolean isThere(Path folder) {
        return Files.isDirectory(folder, NOFOLLOW_LINKS);
    }

    /** Makes a folder where anybody may make one: whether it is this user's and nobody else's. */
    private static boolean isOwn(Path folder) {
        try {
            if (!folder.getFileSystem().supportedFileAttributeViews().contains("posix")) {
                return Files.isWritable(folder.getParent());
            }
            var owner = PosixFilePermissions.fromString("rwx------");
            try {
                Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(owner));
            } catch (FileAlreadyExistsException e) {
                // made by another start of this user's, or by somebody else: the rest tells
            }
            if (!isThere(folder)) {
                return false; // a link, or a file
            }
            Path probe = Files.createTempFile(folder, "", ".part");
            boolean mine = Files.getOwner(probe).equals(Files.getOwner(folder, NOFOLLOW_LINKS));
            Files.delete(probe);
            return mine && Files.getPosixFilePermissions(folder, NOFOLLOW_LINKS).equals(owner);
        } catch (IOException e) {
            return false; // somebody else's, or not to be written
        }
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
