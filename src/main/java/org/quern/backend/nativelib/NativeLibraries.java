package org.quern.backend.nativelib;

import static org.quern.QuernException.absent;
import static org.quern.QuernException.backend;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32;
import org.quern.QuernException;
import org.quern.files.AtomicFile;
import org.quern.files.Caches;

/**
 * Unpacks native libraries from the jar into a private folder of the user's cache and loads them
 * from there. The folder is named by the library's CRC-32 and length (SHA-256 takes a tenth of a
 * second while its code is not compiled yet) and readable by its owner alone; what is found there
 * is compared byte by byte before it is loaded, and put in place by an atomic rename, so a
 * truncated file is mended and two processes may start at once. What cannot be loaded is told in
 * one sentence, with reason and cure, as a {@link QuernException} of its kind {@code BACKEND}.
 */
public final class NativeLibraries {
    /** Names another folder to unpack into, for machines whose cache is read-only or noexec. */
    private static final String FOLDER_VARIABLE = "QUERN_NATIVE_DIR";

    private final Map<String, String> environment;

    /** With environment variables: {@link System#getenv()} except in tests. */
    public NativeLibraries(Map<String, String> environment) {
        this.environment = Map.copyOf(environment);
    }

    /** The value of a variable; null if it is not set or blank. */
    public String variable(String name) {
        String value = environment.get(name);
        return value == null || value.isBlank() ? null : value;
    }

    /** The folder in the jar for this machine's libraries, for instance {@code linux-x86_64}. */
    public static String platform() {
        String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
        String family =
                os.startsWith("mac") ? "macos" : os.startsWith("windows") ? "windows" : "linux";
        String processor =
                switch (arch) {
                    case "amd64" -> "x86_64";
                    case "arm64" -> "aarch64";
                    default -> arch;
                };
        return family + "-" + processor;
    }

    public static boolean isWindows() {
        return platform().startsWith("windows");
    }

    /** Says that there is no such device, where the jar lacks the library that an API needs. */
    public static void require(String name, String api, String otherBackends) {
        if (NativeLibraries.class.getResource(resource(name)) == null) {
            throw absent(
                    "%s is not supported on %s, see docs/platforms.md: use --backend %s",
                    api, platform(), otherBackends);
        }
    }

    /**
     * Whether the system's loader would find a library, without loading it or what binds to it,
     * which takes a tenth of a second that most starts need not spend: whether one of this name is
     * in a folder of {@code LD_LIBRARY_PATH} or in the loader's cache, on Windows in that of the
     * system or one of {@code PATH}; true where there is no cache to look into.
     */
    public boolean isInSystem(String name) {
        return isInSystem(name, Path.of("/etc/ld.so.cache"));
    }

    boolean isInSystem(String name, Path cache) {
        for (Path folder : loaderFolders(environment)) {
            if (Files.exists(folder.resolve(name))) {
                return true;
            }
        }
        if (isWindows()) {
            return false;
        }
        try {
            // names are zero-terminated in it
            return Files.readString(cache, StandardCharsets.ISO_8859_1).contains(name + '\0');
        } catch (IOException e) {
            return true; // a system without such a cache: its loader must say
        }
    }

    /** The folders that variables name to the system's loader; on Windows, that of the system. */
    public static List<Path> loaderFolders(Map<String, String> environment) {
        if (!isWindows()) {
            return folders(environment, "LD_LIBRARY_PATH");
        }
        List<Path> all = new ArrayList<>();
        folders(environment, "SystemRoot").forEach(root -> all.add(root.resolve("System32")));
        all.addAll(folders(environment, "PATH"));
        return all;
    }

    /** The folders that a variable names; those that are no paths are left out. */
    public static List<Path> folders(Map<String, String> environment, String variable) {
        List<Path> all = new ArrayList<>();
        for (Map.Entry<String, String> one : environment.entrySet()) {
            // Windows calls PATH "Path", and means both
            boolean same = one.getKey().equals(variable);
            if (same || isWindows() && one.getKey().equalsIgnoreCase(variable)) {
                for (String folder : one.getValue().split(File.pathSeparator)) {
                    try {
                        if (!folder.isBlank()) {
                            all.add(Path.of(folder));
                        }
                    } catch (InvalidPathException e) {
                        continue; // quoted, for instance: the loader says what it thinks of it
                    }
                }
            }
        }
        return all;
    }

    /** Loads Quern's own kernels in C from the jar. */
    public void loadKernels() {
        if (NativeLibraries.class.getResource(resource("quern")) == null) {
            throw backend(
                    "this jar has no C kernels for %s: install a C compiler (gcc) and build it again",
                    platform());
        }
        load("quern", "C kernels");
    }

    /** Loads a library of the jar, named without "lib" and ".so"; {@code what} it is. */
    public void load(String name, String what) {
        load(unpack(name, what));
    }

    /** Loads what JCuda and LWJGL have no binding to: the C that is linked to no library. */
    public static void loadBridge() {
        new NativeLibraries(System.getenv())
                .load("quern-gpu", "the way to cublasLt, the driver and OpenCL");
    }

    /** Whether that is loaded: not from a jar that was built without a C compiler. */
    public static boolean hasBridge() {
        try {
            loadBridge();
            return true;
        } catch (QuernException e) {
            return false;
        }
    }

    /** Where the jar has a library for this machine: {@code /native/linux-x86_64/libquern.so}. */
    static String resource(String name) {
        return "/native/" + platform() + "/" + System.mapLibraryName(name);
    }

    public static void load(Path unpacked) {
        try {
            System.load(unpacked.toString());
        } catch (UnsatisfiedLinkError e) {
            throw refused(unpacked, e);
        }
    }

    /** What to say of an unpacked library that the system's loader refuses. */
    public static QuernException refused(Path unpacked, Throwable failure) {
        return backend(
                "%s cannot be loaded (%s): if its folder is mounted noexec, set %s to another one",
                unpacked, reason(failure).replace(unpacked + ": ", ""), FOLDER_VARIABLE);
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

    /** Unpacks a library of the jar, alone into a folder of its own; {@code what} it is. */
    public Path unpack(String name, String what) {
        String resource = resource(name);
        try (InputStream in = NativeLibraries.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw backend("this jar has no %s (%s)", resource, what);
            }
            return unpack(System.mapLibraryName(name), in.readAllBytes(), what);
        } catch (IOException e) {
            throw backend("the jar's %s cannot be read (%s)", resource, e.getMessage());
        }
    }

    Path unpack(String file, byte[] content, String what) {
        CRC32 crc = new CRC32();
        crc.update(content);
        long key = crc.getValue() << 32 | content.length;
        Path folder = folder().resolve(HexFormat.of().toHexDigits(key));
        Path target = folder.resolve(file);
        try {
            createPrivate(folder);
            boolean isThere =
                    Files.isRegularFile(target, LinkOption.NOFOLLOW_LINKS)
                            && Files.size(target) == content.length
                            && Arrays.equals(Files.readAllBytes(target), content);
            if (!isThere) {
                AtomicFile.replace(target, out -> out.write(content));
            }
            return target;
        } catch (IOException e) {
            throw backend(
                    "cannot unpack %s into %s (%s): set %s to a folder that can be written",
                    what, folder, AtomicFile.reason(e), FOLDER_VARIABLE);
        }
    }

    /** Where libraries are unpacked, before the hash: the user's cache unless told otherwise. */
    Path folder() {
        String told = variable(FOLDER_VARIABLE);
        return (told != null ? Path.of(told) : Caches.folder(environment).resolve("native"))
                .toAbsolutePath();
    }

    private static void createPrivate(Path folder) throws IOException {
        if (!folder.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            Files.createDirectories(folder);
            return;
        }
        var owner = PosixFilePermissions.fromString("rwx------");
        Files.createDirectories(folder, PosixFilePermissions.asFileAttribute(owner));
        if (!Files.getPosixFilePermissions(folder, LinkOption.NOFOLLOW_LINKS).equals(owner)) {
            Files.setPosixFilePermissions(folder, owner);
        }
    }
}
