package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * An IDX file of unsigned bytes, the format of MNIST: two zero bytes, type 8, the number of
 * dimensions, each extent as a big-endian 32-bit number, and the values. Raw or gzipped, told apart
 * by the first two bytes, not by the name.
 *
 * @param extents the dimensions, at least one
 * @param values their product of unsigned bytes
 */
record Idx(int[] extents, byte[] values) {
    /** Deflate cannot make more of a byte than this. */
    static final long MOST_INFLATION = 1032;

    private static final int UNSIGNED_BYTE = 8;
    private static final int BUFFER = 1 << 16;

    /** Reads images: at least two dimensions, rows first. */
    static Dataset images(Path file, String name) {
        Idx idx = read(file);
        String swapped = "%s holds labels (1 dimension), not images: were the two files swapped?";
        require(idx.extents.length > 1, swapped, file);
        int[] shape = Arrays.copyOfRange(idx.extents, 1, idx.extents.length);
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
        return IntStream.range(0, idx.values.length).map(i -> idx.values[i] & 0xff).toArray();
    }

    static Idx read(Path file) {
        DataReader.requireThere(file);
        try (InputStream raw = new BufferedInputStream(Files.newInputStream(file), BUFFER)) {
            long size = Files.size(file);
            require(size != 0, "%s is empty: fetch it again", file);
            raw.mark(2);
            boolean gzipped = raw.read() == 0x1f && raw.read() == 0x8b;
            raw.reset();
            return gzipped
                    ? read(file, new GZIPInputStream(raw, BUFFER), -1, size * MOST_INFLATION)
                    : read(file, raw, size, size);
        } catch (EOFException e) {
            throw data(e, "%s is truncated: fetch it again", file);
        } catch (ZipException e) {
            throw data(e, "%s is damaged (%s): fetch it again", file, e.getMessage());
        } catch (IOException e) {
            throw data(e, "%s cannot be read: %s", file, e.getMessage());
        }
    }

    /** Of a file of {@code size} bytes unpacked, −1 if not known, and {@code most} at most. */
    private static Idx read(Path file, InputStream in, long size, long most) throws IOException {
        byte[] magic = exactly(in, 4, "");
        if (magic[0] != 0 || magic[1] != 0 || magic[3] == 0) {
            throw data(
                    "%s is not an IDX file: it starts with %02x %02x %02x %02x, not with 00 00 08",
                    file, magic[0], magic[1], magic[2], magic[3]);
        }
        String type = "%s holds values of IDX type %d; only unsigned bytes (8) are read";
        require(magic[2] == UNSIGNED_BYTE, type, file, magic[2]);
        int[] extents = new int[magic[3] & 0xff];
        ByteBuffer.wrap(exactly(in, 4 * extents.length, "")).asIntBuffer().get(extents);
        long count = 1;
        for (int extent : extents) { // unsigned
            count = extent < 0 || count > Integer.MAX_VALUE ? Long.MAX_VALUE : count * extent;
        }
        String shape =
                IntStream.of(extents)
                        .mapToObj(Integer::toUnsignedString)
                        .collect(Collectors.joining(" x "));
        long header = 4 + 4L * extents.length;
        require(count != 0, "%s holds no values: its header says %s", file, shape);
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
        byte[] values = exactly(in, (int) count, "");
        String more = "%s goes on behind the %s values that its header says: fetch it again";
        require(in.read() < 0, more, file, shape);
        return new Idx(extents, values);
    }

    /** So many bytes; if there are fewer, {@code where} is the message of the exception. */
    static byte[] exactly(InputStream in, int count, String where) throws IOException {
        byte[] bytes = new byte[count];
        if (in.readNBytes(bytes, 0, count) != count) {
            throw new EOFException(where);
        }
        return bytes;
    }
}
