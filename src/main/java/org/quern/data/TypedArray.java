package org.quern.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/**
 * An array of numbers or texts as a file holds it, row after row.
 *
 * @param type NumPy's name of the elements' type without the byte order: {@code u1}, {@code f4}
 * @param shape extents; empty for a scalar
 * @param values the elements, in the buffer's byte order
 */
record TypedArray(String type, int[] shape, ByteBuffer values) {
    /** Numbers up to here are whole and exact in a double. */
    private static final double MOST_WHOLE = 1L << 53;

    int count() {
        return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    }

    /** The numbers by their indices. */
    IntToDoubleFunction numbers() {
        return switch (type) {
            case "u1" -> i -> values.get(i) & 0xff;
            case "i1", "b1" -> values::get;
            case "u2" -> i -> values.getShort(2 * i) & 0xffff;
            case "i2" -> i -> values.getShort(2 * i);
            case "f2" -> i -> half(values.getShort(2 * i));
            case "u4" -> i -> values.getInt(4 * i) & 0xffffffffL;
            case "i4" -> i -> values.getInt(4 * i);
            case "f4" -> i -> values.getFloat(4 * i);
            case "f8" -> i -> values.getDouble(8 * i);
            default -> i -> values.getLong(8 * i);
        };
    }

    /** The value of an IEEE 754 number of 16 bits. */
    private static float half(short bits) {
        int exponent = bits >> 10 & 0x1f;
        int fraction = bits & 0x3ff;
        float value = fraction * 0x1p-24f;
        if (exponent > 0) {
            int wide = exponent == 0x1f ? 0xff : exponent + 112;
            value = Float.intBitsToFloat(wide << 23 | fraction << 13);
        }
        return bits < 0 ? -value : value;
    }

    boolean isText() {
        return type.startsWith("U") || type.startsWith("S");
    }

    /** A text without the zeros that fill it up. */
    private String text(int index) {
        boolean wide = type.startsWith("U");
        int length = Integer.parseInt(type.substring(1)) * (wide ? 4 : 1);
        boolean big = values.order() == ByteOrder.BIG_ENDIAN;
        Charset utf32 = Charset.forName(big ? "UTF-32BE" : "UTF-32LE");
        Charset charset = wide ? utf32 : StandardCharsets.UTF_8;
        String text = new String(values.array(), index * length, length, charset);
        return text.replaceFirst("\0+$", "");
    }

    /**
     * The shape of a row: without extents of 1 beside two others, such as those of channels; of 784
     * values, MNIST's.
     */
    private int[] rowShape() {
        int[] row = Arrays.copyOfRange(shape, 1, shape.length);
        int[] wide = IntStream.of(row).filter(extent -> extent > 1).toArray();
        row = row.length > 2 && wide.length == 2 ? wide : row;
        return row.length == 1 ? Dataset.shapeOf(row[0]) : row;
    }

    /**
     * The array as rows: of pixels, if they {@linkplain Dataset#isImage are}, else of values.
     *
     * @param areImages whether unsigned bytes are pixels however dark
     */
    Dataset rows(String name, boolean areImages) {
        int[] row = rowShape();
        if (type.equals("u1") && row.length > 1) {
            Dataset bytes = Dataset.ofPixels(name, row, values.array());
            if (areImages || Statistics.of(bytes).max() > Dataset.BRIGHTEST / 2) {
                return bytes;
            }
        }
        return Dataset.ofImagesOrValues(name, row, floats());
    }

    private float[] floats() {
        float[] floats = new float[count()];
        IntToDoubleFunction numbers = numbers();
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) numbers.applyAsDouble(i);
        }
        return floats;
    }

    /** Elements for each of so many rows; 0 if that does not come out even. */
    int width(int rows) {
        boolean fits = count() == rows || shape.length > 0 && shape[0] == rows;
        return fits ? count() / rows : 0;
    }

    /** Whether it names a class for each row: by a text, a whole number, or the place of a 1. */
    boolean isOfClasses(int rows) {
        return isText() || (width(rows) == 1 ? isWhole() : isOneHot(rows));
    }

    private boolean isWhole() {
        return !type.startsWith("f")
                || IntStream.range(0, count())
                        .mapToDouble(numbers())
                        .allMatch(x -> x == Math.rint(x) && Math.abs(x) <= MOST_WHOLE);
    }

    /** Whether each row has one 1 and zeros. */
    boolean isOneHot(int rows) {
        int width = width(rows);
        IntToDoubleFunction numbers = numbers();
        for (int row = 0; row < rows; row++) {
            int ones = 0;
            for (int i = row * width; i < (row + 1) * width; i++) {
                double value = numbers.applyAsDouble(i);
                ones += value == 1 ? 1 : value == 0 ? 0 : width;
            }
            if (ones != 1) {
                return false;
            }
        }
        return width > 1;
    }

    /** One element of each row, as an array of its own. */
    TypedArray column(int column, int rows) {
        int width = width(rows);
        IntToDoubleFunction numbers = numbers();
        ByteBuffer taken = ByteBuffer.allocate(8 * rows);
        for (int row = 0; row < rows; row++) {
            taken.putDouble(8 * row, numbers.applyAsDouble(row * width + column));
        }
        return new TypedArray("f8", new int[] {rows}, taken);
    }

    /**
     * Rows with this array as their labels if it {@linkplain #isOfClasses names classes}, which may
     * not be wanted, else as their targets.
     */
    Dataset label(Dataset set, boolean asClasses) {
        int rows = set.rows();
        int width = width(rows);
        if (!asClasses) {
            return set.withTargets(floats(), width);
        } else if (isText()) {
            return Classes.label(set, IntStream.range(0, rows).mapToObj(this::text).toList());
        }
        IntToDoubleFunction numbers = numbers();
        if (width == 1) {
            long[] whole = new long[rows];
            for (int row = 0; row < rows; row++) {
                whole[row] = (long) numbers.applyAsDouble(row);
            }
            return Classes.label(set, whole);
        }
        List<String> classes = IntStream.range(0, width).mapToObj(Integer::toString).toList();
        int[] labels = new int[rows];
        for (int i = 0; i < rows * width; i++) {
            labels[i / width] += numbers.applyAsDouble(i) == 1 ? i % width : 0;
        }
        return set.withLabels(labels, classes);
    }
}
