package org.quern.files;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.quern.QuernException.data;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.quern.QuernException;

/**
 * Writes files that are there whole or not at all: under a temporary name beside the target, forced
 * to disk, then renamed over it. If anything fails, what was there before stays.
 */
public final class AtomicFile {
    private static final int BUFFER = 1 << 16;

    /** Of what is being written: the target's name, and who writes it. */
    private static final Pattern PART = Pattern.compile("\\.(.+)\\.(\\d{1,18})-\\d+-\\d+\\.part");

    /** A file that was not written to for so long has no writer on another machine either. */
    private static final long OLD_MILLIS = 60_000;

    private static final long RENAME_NANOS = 3_000_000_000L;

    private static final String NO_PERMISSION = "no permission";
    private static final String FULL = "the disk is full";

    private AtomicFile() {}

    /** What writes the contents. */
    @FunctionalInterface
    public interface Writer {
        /** Writes all of it; the stream is flushed and closed afterwards. */
        void write(OutputStream out) throws IOException;
    }

    /**
     * Writes a file. A symbolic link stays one: the file that it leads to is replaced. The thread
     * may be interrupted, which may be the reason to save something.
     *
     * @param writer may be asked to write anew
     * @throws QuernException if it cannot be written; what was there before is unchanged
     */
    public static void write(Path target, Writer writer) {
        check(target);
        Path real = followed(target);
        try {
            replace(real, writer);
            sync(real.toAbsolutePath().getParent());
        } catch (IOException e) {
            throw unwritable(target, e);
        }
    }

    /** What reads or writes files. */
    @FunctionalInterface
    public interface FileAccess<T> {
        T run() throws IOException;
    }

    /**
     * Does what the thread's interrupt would break off, since it closes channels; it is kept for
     * afterwards.
     *
     * @param access may be begun anew
     */
    public static <T> T uninterrupted(FileAccess<T> access) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    return access.run();
                } catch (ClosedByInterruptException e) {
                    interrupted |= Thread.interrupted();
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Writes text in UTF-8. */
    public static void write(Path target, String text) {
        write(target, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
    }

    /**
     * Writes a file, for those who have a message or a way of their own where that fails.
     *
     * @param target in a folder that exists; if a link, it is replaced itself
     * @throws IOException if it cannot be written; what was there before is unchanged
     */
    public static void replace(Path target, Writer writer) throws IOException {
        uninterrupted(
                () -> {
                    replaceOnce(target, writer);
                    return null;
                });
    }

    private static void replaceOnce(Path target, Writer writer) throws IOException {
        // not createTempFile, which would keep the file from everybody but its owner
        long process = ProcessHandle.current().pid();
        long thread = Thread.currentThread().getId();
        String own = ".%d-%d-%d.part".formatted(process, thread, System.nanoTime());
        Path part = target.resolveSibling("." + target.getFileName() + own);
        clear(target);
        try {
            try (FileChannel channel = FileChannel.open(part, CREATE_NEW, WRITE)) {
                OutputStream out =
                        new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER);
                writer.write(out);
                out.flush();
                channel.force(true);
            }
            rename(part, target);
        } catch (IOException | RuntimeException | Error e) {
            try {
                Files.deleteIfExists(part);
            } catch (IOException suppressed) {
                e.addSuppressed(suppressed);
            }
            throw e;
        }
    }

    /**
     * Windows refuses it while another program, a reader or one that looks for viruses, has either
     * file open: it is tried for some seconds.
     */
    private static void rename(Path part, Path target) throws IOException {
        long end = System.nanoTime() + RENAME_NANOS;
        while (true) {
            try {
                Files.move(part, target, ATOMIC_MOVE, REPLACE_EXISTING);
                return;
            } catch (FileSystemException e) {
                boolean posix =
                        part.getFileSystem().supportedFileAttributeViews().contains("posix");
                if (posix || Files.isDirectory(target) || System.nanoTime() > end) {
                    throw e;
                }
                LockSupport.parkNanos(20_000_000);
            }
        }
    }

    /** The name of the file that this one was to become, if it is half written; else null. */
    public static String unfinished(Path file) {
        Matcher name = PART.matcher(file.getFileName().toString());
        return name.matches() ? name.group(1) : null;
    }

    /** Removes what processes that were killed left half written of a file. */
    private static void clear(Path target) {
        String start = "." + target.getFileName() + ".";
        Path folder = target.toAbsolutePath().getParent();
        try (DirectoryStream<Path> parts =
                Files.newDirectoryStream(
                        folder, file -> file.getFileName().toString().startsWith(start))) {
            for (Path part : parts) {
                Matcher name = PART.matcher(part.getFileName().toString());
                if (name.matches()
                        && ProcessHandle.of(Long.parseLong(name.group(2))).isEmpty()
                        && System.currentTimeMillis() - Files.getLastModifiedTime(part).toMillis()
                                > OLD_MILLIS) {
                    Files.deleteIfExists(part);
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            // one may write to a folder that one may not list: no reason not to
        }
    }

    /**
     * Makes a folder and those above it that are missing.
     *
     * @throws IOException if one of them cannot be made; as of {@link Files#createDirectories}
     */
    public static void createFolder(Path folder) throws IOException {
        Path parent = folder.toAbsolutePath().getParent();
        if (parent != null && !Files.isDirectory(folder)) {
            createFolder(parent);
            Files.createDirectories(folder);
        }
        if (parent != null) {
            sync(parent); // also where one who was killed has made it
        }
    }

    /** The same for the folder of {@code --out}; refused in one line where it cannot be made. */
    public static void createOutput(Path folder) {
        try {
            createFolder(given(folder, "folder"));
        } catch (IOException e) {
            String text = "%s cannot be made a folder (%s): give --out another one";
            throw data(e, text, folder, reason(e));
        }
    }

    /**
     * Checks that a file could be written, before the work that it is to keep is done.
     *
     * @throws QuernException if it is a folder or a device, or is in no folder that can be written
     */
    public static void check(Path target) {
        require(
                !Files.isDirectory(given(target, "file")),
                "%s cannot be written: it is a folder",
                target);
        // a rename would put a file in the place of /dev/null
        boolean device = Files.exists(target) && !Files.isRegularFile(target);
        require(!device, "%s cannot be written: it is a device, not a file", target);
        Path folder = followed(target).toAbsolutePath().getParent();
        String missing = "%s cannot be written: there is no folder %s";
        require(Files.isDirectory(folder), missing, target, folder);
        String closed = "%s cannot be written: no permission to write in %s";
        require(Files.isWritable(folder), closed, target, folder);
    }

    private static Path followed(Path target) {
        try {
            boolean leads = Files.isSymbolicLink(target) && Files.exists(target);
            return leads ? target.toRealPath() : target;
        } catch (IOException e) {
            throw unwritable(target, e);
        }
    }

    private static QuernException unwritable(Path target, IOException e) {
        String cure =
                switch (reason(e)) {
                    case NO_PERMISSION -> " to write there";
                    case FULL -> ": make room, or write elsewhere";
                    default -> "";
                };
        return data(e, "%s cannot be written: %s%s", target, reason(e), cure);
    }

    /** Why something cannot be done with a file or a folder, in a few words. */
    public static String reason(IOException e) {
        if (e instanceof AccessDeniedException) {
            return NO_PERMISSION;
        } else if (e instanceof NoSuchFileException) {
            return "there is no such file or folder";
        } else if (e instanceof FileAlreadyExistsException) {
            return "there is a file of that name";
        } else if (e instanceof FileSystemLoopException loop) {
            return loop.getFile() + " is a link to a folder that it is in";
        }
        String text = e instanceof FileSystemException system ? system.getReason() : e.getMessage();
        if (text == null) {
            return e.getClass().getSimpleName();
        }
        boolean full = text.contains("No space left") || text.contains("not enough space on");
        return full ? FULL : text;
    }

    /**
     * Forces the names in a folder to disk, where the system allows it. Where not, files are still
     * whole: only after a power cut might they be old ones.
     */
    public static void sync(Path folder) throws IOException {
        // Windows opens no folders; elsewhere one may write to a folder that one may not list
        if (folder.getFileSystem().supportedFileAttributeViews().contains("posix")
                && Files.isReadable(folder)) {
            uninterrupted(
                    () -> {
                        try (FileChannel channel = FileChannel.open(folder, READ)) {
                            channel.force(true);
                        }
                        return null;
                    });
        }
    }
}
