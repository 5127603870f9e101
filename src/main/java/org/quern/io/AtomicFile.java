package org.quern.io;

import static org.quern.QuernException.data;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import org.quern.QuernException;

/**
 * Writes files that are there whole or not at all: under a temporary name beside the target, forced
 * to disk, then renamed over it. If anything fails, what was there before stays.
 */
public final class AtomicFile {
    private static final int BUFFER = 1 << 16;

    private AtomicFile() {}

    /** What writes the contents. */
    @FunctionalInterface
    public interface Writer {
        /** Writes all of it; the stream is flushed and closed afterwards. */
        void write(OutputStream out) throws IOException;
    }

    /**
     * Writes a file.
     *
     * @throws org.quern.QuernException if it cannot be written (full, not permitted, no such
     *     folder)
     */
    public static void write(Path target, Writer writer) {
        if (Files.isDirectory(target)) {
            throw data("%s cannot be written: it is a folder", target);
        }
        Path folder = target.toAbsolutePath().getParent();
        Path part = null;
        try {
            // not createTempFile, which would keep the file from everybody but its owner
            part = folder.resolve(partName(target));
            try (FileChannel channel =
                    FileChannel.open(
                            part, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                OutputStream out =
                        new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER);
                writer.write(out);
                out.flush();
                channel.force(true);
            }
            Files.move(
                    part,
                    target,
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
            part = null;
            sync(folder);
        } catch (IOException e) {
            throw new QuernException(
                    QuernException.Kind.DATA,
                    "%s cannot be written: %s".formatted(target, reason(e, folder)),
                    e);
        } finally {
            remove(part);
        }
    }

    /**
     * Checks that a file could be written, before the work that it is to keep is done.
     *
     * @throws org.quern.QuernException if it is a folder, or is in none that can be written
     */
    public static void check(Path target) {
        Path folder = target.toAbsolutePath().getParent();
        if (Files.isDirectory(target)) {
            throw data("%s cannot be written: it is a folder", target);
        }
        if (!Files.isDirectory(folder)) {
            throw data("%s cannot be written: there is no folder %s", target, folder);
        }
        if (!Files.isWritable(folder)) {
            throw data("%s cannot be written: no permission to write in %s", target, folder);
        }
    }

    /** Writes text in UTF-8. */
    public static void write(Path target, String text) {
        write(target, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static String partName(Path target) {
        return ".%s.%d-%d.part"
                .formatted(target.getFileName(), ProcessHandle.current().pid(), System.nanoTime());
    }

    private static String reason(IOException e, Path folder) {
        if (e instanceof NoSuchFileException) {
            return "there is no folder " + folder;
        }
        if (e instanceof AccessDeniedException) {
            return "no permission to write in " + folder;
        }
        String text = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return text.contains("No space left") ? "the disk is full" : text;
    }

    /**
     * Forces a rename to disk; where folders cannot be opened (Windows), the system does it in its
     * time.
     */
    private static void sync(Path folder) throws IOException {
        if (folder.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }

    private static void remove(Path part) {
        if (part != null) {
            try {
                Files.deleteIfExists(part);
            } catch (IOException e) {
                throw new QuernException(
                        QuernException.Kind.DATA, part + " was left behind: " + e.getMessage(), e);
            }
        }
    }
}
