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
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * An IDX file, the format of MNIST: two zero bytes, the type, the number of dimensions, each extent
 * as a big-endian 32-bit number, and the values. Raw or gzipped, told apart by the first two bytes,
 * not by the name.
 *
 * @param array the values; at least one dimension
 * @param crc the CRC-32 of the file, unpacked
 */
record Idx(TypedArray array, long crc) {
    /** Deflate cannot make more of a byte than this. */
    static final long MOST_INFLATION = 1032;

    private static final Map<Integer, String> TYPES =
            Map.of(8, "u1", 9, "i1", 0xb, "i2", 0xc, "i4", 0xd, "f4", 0xe, "f8");

    private static final int BUFFER = 1 << 16;
    private static final int FIRST_ROOM = 1 << 24;

    /** Unpacks, and knows the checksum, which it compares with the file's anyway. */
    private static final class Gzip extends GZIPInputStream {
        Gzip(InputStream in) throws IOException {
            super(in, BUFFER);
        }

        long sum() {
            return crc.getValue();
        }
    }

    /** Reads images: at least two dimensions, rows first. */
    static Idx images(Path file) {
        Idx idx = read(file);
        String swapped = "%s holds labels (1 dimension), not images: were the two files swapped?";
        require(idx.array.shape().length > 1, swapped, file);
        return idx;
    }

    /** Reads labels: one dimension, or rows of more than one. */
    static Idx labels(Path file) {
        Idx idx = read(file);
        int[] shape = idx.array.shape();
        String swapped = "%s holds images (%d dimensions), not labels: were the two files swapped?";
        require(shape.length < 3, swapped, file, shape.length);
        return idx;
    }

    static Idx read(Path file) {
        DataReader.requireThere(file);
        try (InputStream raw = new BufferedInputStream(Files.newInputStream(file), BUFFER)) {
            long size = Files.size(file);
            require(size != 0, "%s is empty: fetch it again", file);
            raw.mark(2);
            boolean gzipped = raw.read() == 0x1f && raw.read() == 0x8b;
            raw.reset();
            if (gzipped) {
                Gzip in = new Gzip(raw);
                return read(file, in, -1, size * MOST_INFLATION, in::sum);
            }
            CheckedInputStream in = new CheckedInputStream(raw, new CRC32());
            return read(file, in, size, size, in.getChecksum()::getValue);
        } catch (EOFException e) {
            throw data(e, "%s is truncated: fetch it again", file);
        } catch (ZipException e) {
            throw data(e, "%s is damaged (%s): fetch it again", file, e.getMessage());
        } catch (IOException e) {
            throw data(e, "%s cannot be read: %s", file, e.getMessage());
        }
    }

    /** Of a file of {@code size} bytes unpacked, −1 if not known, and {@code most} at most. */
    private static Idx read(Path file, InputStream in, long size, long most, LongSupplier crc)
            throws IOException {
        byte[] magic = exactly(in, 4, "");
        String other = "%s is not an IDX file: it starts with %02x %02x %02x %02x, not with 00 00";
        boolean isIdx = magic[0] == 0 && magic[1] == 0 && magic[3] != 0;
        require(isIdx, other, file, magic[0], magic[1], magic[2], magic[3]);
        String type = TYPES.get((int) magic[2]);
        String known = "%s holds values of IDX type %d, which is none: fetch it again";
        require(type != null, known, file, magic[2]);
        int[] extents = new int[magic[3] & 0xff];
        ByteBuffer.wrap(exactly(in, 4 * extents.length, "")).asIntBuffer().get(extents);
        long bytes = type.charAt(1) - '0';
        for (int extent : extents) { // unsigned
            bytes = extent < 0 || bytes > Integer.MAX_VALUE ? Long.MAX_VALUE : bytes * extent;
        }
        Stream<String> numbers = IntStream.of(extents).mapToObj(Integer::toUnsignedString);
        String shape = numbers.collect(Collectors.joining(" x "));
        require(bytes != 0, "%s holds no values: its header says %s", file, shape);
        long all = 4 + 4L * extents.length + bytes;
        String text =
                "%s has %,d bytes, but its header says %s values, which makes %,d: fetch it again";
        boolean fits = size < 0 || bytes >= 16 * size || size == all;
        require(fits, text, file, size, shape, all);
        String large = "%s: its header says %s values, more than the file can hold: fetch it again";
        require(bytes <= Integer.MAX_VALUE - 16 && all <= most, large, file, shape);
        byte[] values = exactly(in, (int) bytes, "");
        long sum = crc.getAsLong(); // not below: at the end, newer JDKs begin another
        String more = "%s goes on behind the %s values that its header says: fetch it again";
        require(in.read() < 0, more, file, shape);
        return new Idx(new TypedArray(type, extents, ByteBuffer.wrap(values)), sum);
    }

    /**
     * So many bytes; if there are fewer, {@code where} is the message of the exception. Of a number
     * that a header only claims, room is made as the bytes come.
     */
    static byte[] exactly(InputStream in, int count, String where) throws IOException {
        byte[] bytes = new byte[Math.min(count, FIRST_ROOM)];
        for (int done = 0; ; ) {
            done += in.readNBytes(bytes, done, bytes.length - done);
            if (done < bytes.length) {
                throw new EOFException(where);
            } else if (done == count) {
                return bytes;
            }
            bytes = Arrays.copyOf(bytes, (int) Math.min(count, 2L * done));
        }
    }
}
