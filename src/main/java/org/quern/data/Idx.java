package org.quern.data;

import static org.quern.QuernException.data;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.quern.QuernException;

/**
 * An IDX file of unsigned bytes, the format of MNIST: two zero bytes, type 8, the number of
 * dimensions, each extent as a big-endian 32-bit number, and the values. Raw or gzipped, told apart
 * by the first two bytes, not by the name.
 *
 * @param extents the dimensions, at least one
 * @param values their product of unsigned bytes
 */
record Idx(int[] extents, byte[] values) {
    private static final int UNSIGNED_BYTE = 8;
    private static final int GZIP_MAGIC = 0x1f8b;

    /** Deflate cannot make more of a byte than this. */
    private static final long MOST_INFLATION = 1032;

    private static final int BUFFER = 1 << 16;

    /**
     * Reads images: at least two dimensions, rows first.
     *
     * @throws org.quern.QuernException if it is no such file; the message names file and cure
     */
    static Dataset images(Path file, String name) {
        Idx idx = read(file);
        if (idx.extents.length == 1) {
            throw data(
                    "%s holds labels (1 dimension), not images: were the two files swapped?", file);
        }
        int[] shape = new int[idx.extents.length - 1];
        System.arraycopy(idx.extents, 1, shape, 0, shape.length);
        return Dataset.ofPixels(name, shape, idx.values);
    }

    /** Reads labels: one dimension. */
    static int[] labels(Path file) {
        Idx idx = read(file);
        if (idx.extents.length != 1) {
            throw data(
                    "%s holds images (%d dimensions), not labels: were the two files swapped?",
                    file, idx.extents.length);
        }
        int[] labels = new int[idx.values.length];
        for (int i = 0; i < labels.length; i++) {
            labels[i] = idx.values[i] & 0xff;
        }
        return labels;
    }

    static Idx read(Path file) {
        try {
            if (!Files.exists(file)) {
                throw data("%s does not exist", file);
            }
            long size = Files.size(file);
            if (size == 0) {
                throw data("%s is empty: fetch it again", file);
            }
            boolean zipped = isGzip(file);
            try (InputStream raw = Files.newInputStream(file);
                    InputStream in =
                            zipped
                                    ? new GZIPInputStream(raw, BUFFER)
                                    : new BufferedInputStream(raw, BUFFER)) {
                return read(file, in, zipped ? -1 : size, zipped ? size * MOST_INFLATION : size);
            }
        } catch (EOFException e) {
            throw new QuernException(
                    QuernException.Kind.DATA, file + " is truncated: fetch it again", e);
        } catch (ZipException e) {
            throw new QuernException(
                    QuernException.Kind.DATA,
                    file + " is damaged (" + e.getMessage() + "): fetch it again",
                    e);
        } catch (IOException e) {
            throw new QuernException(
                    QuernException.Kind.DATA, file + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static boolean isGzip(Path file) throws IOException {
        try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
            return in.length() > 2 && in.readUnsignedShort() == GZIP_MAGIC;
        }
    }

    /**
     * Reads header and values.
     *
     * @param size bytes that there are, −1 if not known
     * @param most bytes that there can be
     */
    private static Idx read(Path file, InputStream in, long size, long most) throws IOException {
        byte[] magic = exactly(in, 4);
        if (magic[0] != 0 || magic[1] != 0 || magic[3] == 0) {
            throw data(
                    "%s is not an IDX file: it starts with %02x %02x %02x %02x, not with 00 00 08",
                    file, magic[0], magic[1], magic[2], magic[3]);
        }
        if (magic[2] != UNSIGNED_BYTE) {
            throw data(
                    "%s holds values of IDX type %d; only unsigned bytes (8) are read",
                    file, magic[2]);
        }
        int[] extents = new int[magic[3] & 0xff];
        long count = 1;
        StringBuilder shape = new StringBuilder();
        for (int i = 0; i < extents.length; i++) {
            byte[] b = exactly(in, 4);
            long extent =
                    (b[0] & 0xffL) << 24 | (b[1] & 0xff) << 16 | (b[2] & 0xff) << 8 | b[3] & 0xff;
            shape.append(i == 0 ? "" : " x ").append(extent);
            extents[i] = (int) extent;
            count =
                    extent > Integer.MAX_VALUE || count > Integer.MAX_VALUE
                            ? Long.MAX_VALUE
                            : count * extent;
        }
        long header = 4 + 4L * extents.length;
        if (count == 0) {
            throw data("%s holds no values: its header says %s", file, shape);
        }
        if (size >= 0 && count < 16 * size && size != header + count) {
            throw data(
                    "%s has %,d bytes, but its header says %s values, which makes %,d: fetch it"
                            + " again",
                    file, size, shape, header + count);
        }
        if (count > Integer.MAX_VALUE - 16 || header + count > most) {
            throw data(
                    "%s: its header says %s values, more than the file can hold: fetch it again",
                    file, shape);
        }
        byte[] values = exactly(in, (int) count);
        if (in.read() >= 0) {
            throw data(
                    "%s goes on behind the %s values that its header says: fetch it again",
                    file, shape);
        }
        return new Idx(extents, values);
    }

    private static byte[] exactly(InputStream in, int count) throws IOException {
        byte[] bytes = new byte[count];
        if (in.readNBytes(bytes, 0, count) != count) {
            throw new EOFException();
        }
        return bytes;
    }
}
