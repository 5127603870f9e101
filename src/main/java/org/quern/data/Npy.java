package org.quern.data;

import static org.quern.QuernException.data;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One array of NumPy's .npy format, versions 1 to 3: magic, header length, a Python dictionary with
 * descr, fortran_order and shape, the values.
 *
 * @param type NumPy's type without the byte order, for instance {@code u1} or {@code f4}
 * @param order byte order of the values
 * @param shape extents; empty for a scalar
 * @param bytes the values
 */
record Npy(String type, ByteOrder order, int[] shape, byte[] bytes) {
    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    private static final int LONGEST_HEADER = 1 << 16;
    private static final Pattern DESCR = Pattern.compile("'descr'\\s*:\\s*'([<>|=]?)(\\w+)'");
    private static final Pattern FORTRAN = Pattern.compile("'fortran_order'\\s*:\\s*(True|False)");
    private static final Pattern SHAPE = Pattern.compile("'shape'\\s*:\\s*\\(([^)]*)\\)");

    /**
     * Reads an array.
     *
     * @param where what to call it in messages: file and entry
     * @param available most bytes that there can be
     */
    static Npy read(InputStream in, String where, long available) throws IOException {
        byte[] start = exactly(in, 8, where);
        if (!Arrays.equals(start, 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
            throw data("%s is not a NumPy array: its magic is wrong", where);
        }
        int version = start[6];
        if (version < 1 || version > 3) {
            throw data("%s is in NumPy format %d; 1 to 3 are read", where, version);
        }
        byte[] lengthBytes = exactly(in, version == 1 ? 2 : 4, where);
        ByteBuffer little = ByteBuffer.wrap(lengthBytes).order(ByteOrder.LITTLE_ENDIAN);
        long length = version == 1 ? little.getShort() & 0xffff : little.getInt() & 0xffffffffL;
        if (length > LONGEST_HEADER) {
            throw data("%s: a header of %,d bytes is not a NumPy array's", where, length);
        }
        String header = new String(exactly(in, (int) length, where), StandardCharsets.ISO_8859_1);
        Matcher descr = DESCR.matcher(header);
        Matcher fortran = FORTRAN.matcher(header);
        Matcher shape = SHAPE.matcher(header);
        if (!descr.find() || !fortran.find() || !shape.find()) {
            throw data("%s: its header is not understood: %s", where, header.strip());
        }
        if (descr.group(2).startsWith("O")) {
            throw data(
                    "%s is an array of Python objects, which only Python can read: save it as"
                            + " numbers",
                    where);
        }
        if (fortran.group(1).equals("True")) {
            throw data("%s is in Fortran order: save numpy.ascontiguousarray(...) of it", where);
        }
        int width = width(descr.group(2), where);
        int[] extents = extents(shape.group(1), where);
        long count = 1;
        for (int extent : extents) {
            count = count * extent;
            if (count * width > available) {
                throw data(
                        "%s: its header says shape (%s), more than the file can hold",
                        where, shape.group(1).strip());
            }
        }
        byte[] bytes = exactly(in, (int) (count * width), where);
        if (in.read() >= 0) {
            throw data("%s goes on behind its last value: save it again", where);
        }
        ByteOrder order =
                descr.group(1).equals(">") ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
        return new Npy(descr.group(2), order, extents, bytes);
    }

    private static int width(String type, String where) {
        return switch (type) {
            case "u1", "i1", "b1" -> 1;
            case "u2", "i2" -> 2;
            case "u4", "i4", "f4" -> 4;
            case "u8", "i8", "f8" -> 8;
            default ->
                    throw data(
                            "%s holds values of type %s; u1 to u8, i1 to i8, f4 and f8 are read",
                            where, type);
        };
    }

    private static int[] extents(String text, String where) {
        String[] parts = text.isBlank() ? new String[0] : text.split(",");
        int[] extents = new int[parts.length];
        int n = 0;
        for (String part : parts) {
            if (!part.isBlank()) {
                try {
                    extents[n] = Integer.parseInt(part.strip());
                } catch (NumberFormatException e) {
                    throw data("%s: extent \"%s\" is out of range", where, part.strip());
                }
                if (extents[n++] < 0) {
                    throw data("%s: extent \"%s\" is out of range", where, part.strip());
                }
            }
        }
        return Arrays.copyOf(extents, n);
    }

    private static byte[] exactly(InputStream in, int count, String where) throws IOException {
        byte[] bytes = new byte[count];
        if (in.readNBytes(bytes, 0, count) != count) {
            throw new EOFException(where);
        }
        return bytes;
    }

    /** Number of values. */
    int count() {
        return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    }

    /** Value {@code index} as a double. */
    double value(int index) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(order);
        return switch (type) {
            case "u1" -> bytes[index] & 0xff;
            case "i1", "b1" -> bytes[index];
            case "u2" -> buffer.getShort(2 * index) & 0xffff;
            case "i2" -> buffer.getShort(2 * index);
            case "u4" -> buffer.getInt(4 * index) & 0xffffffffL;
            case "i4" -> buffer.getInt(4 * index);
            case "f4" -> buffer.getFloat(4 * index);
            case "f8" -> buffer.getDouble(8 * index);
            default -> buffer.getLong(8 * index);
        };
    }
}
