package org.quern.data;

import static org.quern.QuernException.require;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Reads one array of NumPy's .npy format, versions 1 to 3: magic, header length, a Python
 * dictionary with descr, fortran_order and shape, the values.
 *
 * @param where file and entry, the array's name in messages
 * @param available most bytes that its values can have
 */
record NpyReader(String where, long available) {
    private static final String MAGIC = "\u0093NUMPY";
    private static final int LONGEST_HEADER = 1 << 16;
    private static final Pattern DESCR = Pattern.compile("'descr'\\s*:\\s*'([<>|=]?)(\\w+)'");
    private static final Pattern FORTRAN = Pattern.compile("'fortran_order'\\s*:\\s*(True|False)");
    private static final Pattern TYPE = Pattern.compile("[ui][1248]|b1|f[248]|[US][1-9]\\d{0,4}");
    private static final Pattern SHAPE = Pattern.compile("'shape'\\s*:\\s*\\(([^)]*)\\)");

    TypedArray read(InputStream in) throws IOException {
        byte[] start = Idx.exactly(in, 8, where);
        boolean isNpy = new String(start, StandardCharsets.ISO_8859_1).startsWith(MAGIC);
        require(isNpy, "%s is not a NumPy array: its magic is wrong", where);
        int version = start[6];
        boolean known = version >= 1 && version <= 3;
        require(known, "%s is in NumPy format %d; 1 to 3 are read", where, version);
        byte[] bytes = Arrays.copyOf(Idx.exactly(in, version == 1 ? 2 : 4, where), 8);
        long length = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        String tooLong = "%s: a header of %,d bytes is not a NumPy array's";
        require(length <= LONGEST_HEADER, tooLong, where, length);
        byte[] text = Idx.exactly(in, (int) length, where);
        String header = new String(text, StandardCharsets.ISO_8859_1);
        Matcher descr = DESCR.matcher(header);
        Matcher fortran = FORTRAN.matcher(header);
        Matcher shape = SHAPE.matcher(header);
        boolean understood = descr.find() && fortran.find() && shape.find();
        require(understood, "%s: its header is not understood: %s", where, header.strip());
        String type = descr.group(2);
        String objects =
                "%s is an array of Python objects, which only Python can read: save it as numbers";
        require(!type.startsWith("O"), objects, where);
        String read =
                "%s holds values of type %s; u1 to u8, i1 to i8, b1, f2 to f8, U and S are read";
        require(TYPE.matcher(type).matches(), read, where, type);
        Stream<String> parts = Stream.of(shape.group(1).split(",")).map(String::strip);
        int[] extents = parts.filter(part -> !part.isEmpty()).mapToInt(this::extent).toArray();
        int width = Integer.parseInt(type.substring(1)) * (type.startsWith("U") ? 4 : 1);
        long size = width;
        String large = "%s: its header says shape (%s), more than the file can hold";
        for (int extent : extents) {
            size *= extent;
            require(size <= available, large, where, shape.group(1).strip());
        }
        byte[] values = Idx.exactly(in, (int) size, where);
        require(in.read() < 0, "%s goes on behind its last value: save it again", where);
        if (fortran.group(1).equals("True")) {
            values = rowsFirst(values, width, extents);
        }
        boolean big = descr.group(1).equals(">");
        ByteBuffer buffer = ByteBuffer.wrap(values);
        buffer.order(big ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
        return new TypedArray(type, extents, buffer);
    }

    private int extent(String text) {
        long extent = text.matches("\\d{1,10}") ? Long.parseLong(text) : -1;
        boolean fits = extent >= 0 && extent <= Integer.MAX_VALUE;
        require(fits, "%s: extent \"%s\" is out of range", where, text);
        return (int) extent;
    }

    /** Elements in Fortran's order, the first index fastest, in C's, the last index fastest. */
    private static byte[] rowsFirst(byte[] values, int width, int[] extents) {
        byte[] ordered = new byte[values.length];
        int[] index = new int[extents.length];
        for (int to = 0; to < values.length; to += width) {
            int from = 0;
            for (int i = extents.length - 1; i >= 0; i--) {
                from = from * extents[i] + index[i];
            }
            System.arraycopy(values, from * width, ordered, to, width);
            for (int i = extents.length - 1; i >= 0 && ++index[i] == extents[i]; i--) {
                index[i] = 0;
            }
        }
        return ordered;
    }
}
