package org.quern.files;

import static org.quern.QuernException.data;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
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
     * Writes a file. A symbolic link stays one: the file that it leads to is replaced.
     *
     * @throws org.quern.QuernException if it cannot be written (full, not permitted, no such
     *     folder); what was there before is unchanged
     */
    public static void write(Path target, Writer writer) {
        check(target);
        Path real = followed(target);
        Path folder = real.toAbsolutePath().getParent();
        // not createTempFile, which would keep the file from everybody but its owner
        Path part = folder.resolve(partName(real));
        try {
            writePart(part, writer);
            Files.move(
                    part,
                    real,
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException | RuntimeException e) {
            remove(part, e);
            throw e instanceof IOException io ? unwritable(target, io) : (RuntimeException) e;
        }
        sync(target, folder);
    }

    private static void writePart(Path part, Writer writer) throws IOException {
        try (FileChannel channel =
                FileChannel.open(part, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER);
            writer.write(out);
            out.flush();
            channel.force(true);
        }
    }

    /**
     * Checks that a file could be written, before the work that it is to keep is done.
     *
     * @throws org.quern.QuernException if it is a folder or a device, or is in no folder that can
     *     be written
     */
    public static void check(Path target) {
        if (Files.isDirectory(target)) {
            throw data("%s cannot be written: it is a folder", target);
        }
        if (Files.exists(target) && !Files.isRegularFile(target)) {
            // a rename would put a file in the place of /dev/null
            throw data("%s cannot be written: it is a device, not a file", target);
        }
        Path folder = followed(target).toAbsolutePath().getParent();
        if (!Files.isDirectory(folder)) {
            throw data("%s cannot be written: there is no folder %s", target, folder);
        }
        if (!Files.isWritable(folder)) {
            throw data("%s cannot be written: no permission to write in %s", target, folder);
        }
    }

    private static Path followed(Path target) {
        try {
            return Files.isSymbolicLink(target) && Files.exists(target)
                    ? target.toRealPath()
                    : target;
        } catch (IOException e) {
            throw unwritable(target, e);
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

    private static QuernException unwritable(Path target, IOException e) {
        String text = e instanceof FileSystemException system ? system.getReason() : e.getMessage();
        if (e instanceof AccessDeniedException) {
            text = "no permission to write there";
        } else if (text == null) {
            text = e.getClass().getSimpleName();
        } else if (text.contains("No space left")) {
            text = "the disk is full: make room, or write elsewhere";
        }
        return new QuernException(
                QuernException.Kind.DATA, target + " cannot be written: " + text, e);
    }

    /**
     * Forces a rename to disk, where the system allows it. Where not, the file is still whole: only
     * after a power cut might it be the old one.
     */
    private static void sync(Path target, Path folder) {
        // Windows opens no folders; elsewhere one may write to a folder that one may not list
        if (!folder.getFileSystem().supportedFileAttributeViews().contains("posix")
                || !Files.isReadable(folder)) {
            return;
        }
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        } catch (IOException e) {
            throw unwritable(target, e);
        }
    }

    private static void remove(Path part, Exception cause) {
        try {
            Files.deleteIfExists(part);
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }
}
