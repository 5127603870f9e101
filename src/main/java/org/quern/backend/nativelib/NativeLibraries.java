package org.quern.backend.nativelib;

import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32;

/**
 * Unpacks native libraries from the jar into a private folder of the user's cache and loads them
 * from there. The folder is named by the library's CRC-32 and length (SHA-256 takes a tenth of a
 * second while its code is not compiled yet) and readable by its owner alone; what is found there
 * is compared byte by byte before it is loaded, and put in place by an atomic rename, so a
 * truncated file is mended and two processes may start at once.
 */
public final class NativeLibraries {
    /** Names another folder to unpack into, for machines whose cache is read-only or noexec. */
    public static final String FOLDER_VARIABLE = "QUERN_NATIVE_DIR";

    private final Map<String, String> environment;

    /**
     * Looks folders up in the given environment variables; {@link System#getenv()} except in tests.
     */
    public NativeLibraries(Map<String, String> environment) {
        this.environment = Map.copyOf(environment);
    }

    /** A library that cannot be loaded; the message is one sentence with reason and cure. */
    public static final class UnavailableException extends Exception {
        private static final long serialVersionUID = 1L;

        /** With one sentence, and the failure behind it or null. */
        public UnavailableException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** The folder in the jar for this machine's libraries, for instance {@code linux-x86_64}. */
    public static String platform() {
        String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
        String family =
                os.startsWith("mac") ? "macos" : os.startsWith("windows") ? "windows" : "linux";
        return family
                + "-"
                + switch (arch) {
                    case "amd64", "x86_64" -> "x86_64";
                    case "arm64", "aarch64" -> "aarch64";
                    default -> arch;
                };
    }

    /**
     * Loads {@code /native/<platform>/<file>} from the jar: Quern's own kernels in C.
     *
     * @throws UnavailableException if the jar has none for this platform, or it cannot be unpacked
     *     or loaded
     */
    public void load(String file) throws UnavailableException {
        String resource = "/native/" + platform() + "/" + file;
        if (NativeLibraries.class.getResource(resource) == null) {
            throw new UnavailableException(
                    "this jar has no C kernels for "
                            + platform()
                            + ": install a C compiler (gcc) and build it again",
                    null);
        }
        load(unpackResource(resource, file, "C kernels"));
    }

    /**
     * Loads an unpacked library.
     *
     * @throws UnavailableException if the system refuses it
     */
    public static void load(Path unpacked) throws UnavailableException {
        try {
            System.load(unpacked.toString());
        } catch (UnsatisfiedLinkError e) {
            throw refused(unpacked, e);
        }
    }

    /** What to say of an unpacked library that the system's loader refuses. */
    public static UnavailableException refused(Path unpacked, Throwable failure) {
        return new UnavailableException(
                unpacked
                        + " cannot be loaded ("
                        + reason(failure).replace(unpacked + ": ", "")
                        + "): if its folder is mounted noexec, set "
                        + FOLDER_VARIABLE
                        + " to another one",
                failure);
    }

    /** The line of a loader's message that says why. */
    public static String reason(Throwable failure) {
        String message = String.valueOf(failure.getMessage());
        return message.lines()
                .filter(line -> line.contains(".so") && line.contains(": "))
                .findFirst()
                .or(() -> message.lines().findFirst())
                .map(line -> line.replace("java.lang.UnsatisfiedLinkError: ", "").strip())
                .orElse("no reason given");
    }

    /**
     * Unpacks a library of the jar.
     *
     * @param resource where it is on the class path
     * @param file the name that it gets
     * @param what it is, for messages
     * @return where it is now, alone in a folder of its own
     * @throws UnavailableException if the jar does not have it, or it cannot be unpacked
     */
    public Path unpackResource(String resource, String file, String what)
            throws UnavailableException {
        try (InputStream in = NativeLibraries.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new UnavailableException(
                        "this jar has no " + resource + " (" + what + ")", null);
            }
            return unpack(file, in.readAllBytes(), what);
        } catch (IOException e) {
            throw new UnavailableException(
                    "the jar's " + resource + " cannot be read (" + e.getMessage() + ")", e);
        }
    }

    /** Puts the content in place, unless it is there already, and returns where. */
    Path unpack(String file, byte[] content, String what) throws UnavailableException {
        Path folder = folder().resolve(name(content));
        Path target = folder.resolve(file);
        try {
            createPrivate(folder);
            if (!holds(target, content)) {
                Path part = Files.createTempFile(folder, file, ".part");
                try {
                    try (FileChannel out = FileChannel.open(part, StandardOpenOption.WRITE)) {
                        var rest = java.nio.ByteBuffer.wrap(content);
                        while (rest.hasRemaining()) {
                            out.write(rest);
                        }
                        out.force(true);
                    }
                    move(part, target);
                } finally {
                    Files.deleteIfExists(part);
                }
            }
            return target;
        } catch (IOException e) {
            throw new UnavailableException(
                    "cannot unpack "
                            + what
                            + " into "
                            + folder
                            + " ("
                            + e.getClass().getSimpleName()
                            + ": "
                            + e.getMessage()
                            + "): set "
                            + FOLDER_VARIABLE
                            + " to a folder that can be written",
                    e);
        }
    }

    /** Where libraries are unpacked, before the hash: the user's cache unless told otherwise. */
    Path folder() {
        String told = environment.get(FOLDER_VARIABLE);
        if (told != null && !told.isBlank()) {
            return Path.of(told).toAbsolutePath();
        }
        String cache = environment.get("XDG_CACHE_HOME");
        Path home =
                cache != null && !cache.isBlank()
                        ? Path.of(cache)
                        : Path.of(System.getProperty("user.home"), ".cache");
        return home.resolve("quern").resolve("native").toAbsolutePath();
    }

    private static void createPrivate(Path folder) throws IOException {
        boolean posix = folder.getFileSystem().supportedFileAttributeViews().contains("posix");
        var owner = PosixFilePermissions.fromString("rwx------");
        if (posix) {
            Files.createDirectories(folder, PosixFilePermissions.asFileAttribute(owner));
            if (!Files.getPosixFilePermissions(folder, LinkOption.NOFOLLOW_LINKS).equals(owner)) {
                Files.setPosixFilePermissions(folder, owner);
            }
        } else {
            Files.createDirectories(folder);
        }
    }

    private static boolean holds(Path target, byte[] content) throws IOException {
        return Files.isRegularFile(target, LinkOption.NOFOLLOW_LINKS)
                && Files.size(target) == content.length
                && java.util.Arrays.equals(Files.readAllBytes(target), content);
    }

    private static void move(Path part, Path target) throws IOException {
        try {
            Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(part, target, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private static String name(byte[] content) {
        CRC32 crc = new CRC32();
        crc.update(content);
        return HexFormat.of().toHexDigits(crc.getValue() << 32 | content.length);
    }
}
