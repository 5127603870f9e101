package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** Keras' mnist.npz and its like: a zip of x_train, y_train and, if there, x_test, y_test. */
final class Npz {
    private static final int MOST_CLASSES = 1 << 16;

    private Npz() {}

    static Splits read(Path file) {
        try (ZipFile zip = new ZipFile(file.toFile())) {
            Dataset train = labelled(zip, file, "train");
            Dataset test = zip.getEntry("x_test.npy") == null ? null : labelled(zip, file, "test");
            return new Splits(train, test, file.toString());
        } catch (EOFException e) {
            throw data(e, "%s is truncated: save it again", e.getMessage());
        } catch (IOException e) {
            throw data(e, "%s cannot be read as a zip of arrays (%s)", file, e.getMessage());
        }
    }

    private static Dataset labelled(ZipFile zip, Path file, String split) throws IOException {
        Npy x = array(zip, file, "x_" + split);
        Npy y = array(zip, file, "y_" + split);
        if (x.shape.length < 2 || x.count() == 0) {
            throw data(
                    "%s: x_%s has shape %s; it needs rows of at least one value",
                    file, split, Arrays.toString(x.shape));
        }
        if (y.count() != x.shape[0]) {
            throw data(
                    "%s: x_%s has %,d rows, but y_%s has %,d labels",
                    file, split, x.shape[0], split, y.count());
        }
        List<String> labels = new ArrayList<>();
        for (int row = 0; row < x.shape[0]; row++) {
            double label = y.value(row);
            if ((int) label != label || label < 0 || label >= MOST_CLASSES) {
                throw data(
                        "%s: y_%s[%d] is %s, which is not a class number from 0",
                        file, split, row, label);
            }
            labels.add(Integer.toString((int) label));
        }
        return Classes.label(features(x, file.getFileName() + " " + split), labels);
    }

    private static Dataset features(Npy x, String name) {
        int[] shape =
                x.shape.length == 2
                        ? Dataset.shapeOf(x.shape[1])
                        : Arrays.copyOfRange(x.shape, 1, x.shape.length);
        if (x.type.equals("u1") && shape.length > 1) {
            Dataset bytes = Dataset.ofPixels(name, shape, x.values.array());
            if (Statistics.of(bytes).max() > Dataset.BRIGHTEST / 2) {
                return bytes;
            }
        }
        float[] values = new float[x.count()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) x.value(i);
        }
        return Dataset.ofImagesOrValues(name, shape, values);
    }

    private static Npy array(ZipFile zip, Path file, String name) throws IOException {
        ZipEntry entry = zip.getEntry(name + ".npy");
        String missing = "%s has no array %s: it needs x_train and y_train, and x_test with y_test";
        require(entry != null, missing, file, name);
        long inflated = entry.getCompressedSize() * Idx.MOST_INFLATION;
        long most = Math.min(inflated, Integer.MAX_VALUE - 16);
        try (var in = new BufferedInputStream(zip.getInputStream(entry), 1 << 16)) {
            return Npy.read(in, file + " " + name, most);
        }
    }

    /**
     * One array of NumPy's .npy format, versions 1 to 3: magic, header length, a Python dictionary
     * with descr, fortran_order and shape, the values.
     *
     * @param type NumPy's type without the byte order, for instance {@code u1} or {@code f4}
     * @param shape extents; empty for a scalar
     */
    private record Npy(String type, int[] shape, ByteBuffer values) {
        private static final String MAGIC = "\u0093NUMPY";
        private static final int LONGEST_HEADER = 1 << 16;
        private static final Pattern DESCR = Pattern.compile("'descr'\\s*:\\s*'([<>|=]?)(\\w+)'");
        private static final Pattern FORTRAN =
                Pattern.compile("'fortran_order'\\s*:\\s*(True|False)");
        private static final Pattern TYPE = Pattern.compile("[ui][1248]|b1|f[48]");
        private static final Pattern SHAPE = Pattern.compile("'shape'\\s*:\\s*\\(([^)]*)\\)");

        /** Reads an array of so many bytes at most; {@code where}, file and entry, is its name. */
        static Npy read(InputStream in, String where, long available) throws IOException {
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
            String header =
                    new String(Idx.exactly(in, (int) length, where), StandardCharsets.ISO_8859_1);
            Matcher descr = DESCR.matcher(header);
            Matcher fortran = FORTRAN.matcher(header);
            Matcher shape = SHAPE.matcher(header);
            boolean understood = descr.find() && fortran.find() && shape.find();
            require(understood, "%s: its header is not understood: %s", where, header.strip());
            String type = descr.group(2);
            require(
                    !type.startsWith("O"),
                    "%s is an array of Python objects, which only Python can read: save it as"
                            + " numbers",
                    where);
            String order = "%s is in Fortran order: save numpy.ascontiguousarray(...) of it";
            require(fortran.group(1).equals("False"), order, where);
            String read = "%s holds values of type %s; u1 to u8, i1 to i8, f4 and f8 are read";
            require(TYPE.matcher(type).matches(), read, where, type);
            int[] extents =
                    Stream.of(shape.group(1).split(","))
                            .map(String::strip)
                            .filter(part -> !part.isEmpty())
                            .mapToInt(part -> extent(part, where))
                            .toArray();
            long size = type.charAt(1) - '0';
            for (int extent : extents) {
                size *= extent;
                if (size > available) {
                    throw data(
                            "%s: its header says shape (%s), more than the file can hold",
                            where, shape.group(1).strip());
                }
            }
            ByteBuffer values = ByteBuffer.wrap(Idx.exactly(in, (int) size, where));
            require(in.read() < 0, "%s goes on behind its last value: save it again", where);
            boolean big = descr.group(1).equals(">");
            values.order(big ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
            return new Npy(type, extents, values);
        }

        private static int extent(String text, String where) {
            long extent = text.matches("\\d{1,10}") ? Long.parseLong(text) : -1;
            boolean fits = extent >= 0 && extent <= Integer.MAX_VALUE;
            require(fits, "%s: extent \"%s\" is out of range", where, text);
            return (int) extent;
        }

        int count() {
            return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        }

        double value(int index) {
            return switch (type) {
                case "u1" -> values.get(index) & 0xff;
                case "i1", "b1" -> values.get(index);
                case "u2" -> values.getShort(2 * index) & 0xffff;
                case "i2" -> values.getShort(2 * index);
                case "u4" -> values.getInt(4 * index) & 0xffffffffL;
                case "i4" -> values.getInt(4 * index);
                case "f4" -> values.getFloat(4 * index);
                case "f8" -> values.getDouble(8 * index);
                default -> values.getLong(8 * index);
            };
        }
    }
}
