package org.quern.data;

import static org.quern.QuernException.copied;
import static org.quern.QuernException.data;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;
import static org.quern.QuernException.usage;

import java.io.Serializable;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.quern.random.Permutation;
import org.quern.random.Streams;

/**
 * Examples to train on or to predict: an immutable table of {@code rows × features} values with, if
 * known, a class label or regression targets for each row.
 *
 * <p>Features are stored either as unsigned bytes (images: one byte a pixel, 0 to 255) or as 32-bit
 * floats, row after row, exactly as given; scaling belongs to the model. Arrays are not copied:
 * whoever hands one over no longer writes to it, and readers only read. Made by {@link #ofPixels}
 * or {@link #ofValues}, and what follows them.
 *
 * @param name what to call it in messages, such as "MNIST test"
 * @param shape extents of one example, for instance {28, 28}
 * @param pixels {@code rows × features} unsigned bytes; null if features are floats
 * @param values {@code rows × features} floats, each finite; null if features are bytes. Of a table
 *     with a header: of a number what is left after the column's offset, of a category the index of
 *     its value, NaN for a gap
 * @param labels the class index of each row, in [0, classes.size()); null without labels
 * @param classes names of the classes, or of the targets; empty where there are none, or no names
 * @param targets {@code rows × targetWidth} regression targets, each finite; null without
 * @param targetWidth regression targets of one row; 0 without
 * @param header what the columns of a table are, before {@link Columns} make numbers of them for a
 *     model; null for rows that are no table, or no longer
 */
public record Dataset(
        String name,
        int[] shape,
        byte[] pixels,
        float[] values,
        int[] labels,
        List<String> classes,
        float[] targets,
        int targetWidth,
        Header header)
        implements Serializable {
    static final int BRIGHTEST = 255;
    private static final int MID_GREY = 128;
    private static final int CLASSES_SHOWN = 20;
    private static final int MNIST_FEATURES = 784;
    private static final int BLOCK = 1 << 14;

    /** Refuses what does not fit, and a value that is not finite, by its row and column. */
    public Dataset {
        given(name, "name");
        boolean isEither = (pixels == null) != (values == null);
        expect(isEither, "%s: give pixels or values, and the other is null", name);
        expect(labels == null || targets == null, "%s: give labels or targets, not both", name);
        shape = given(shape, "shape").clone();
        classes = copied(classes, "classes");
        String extents = Arrays.toString(shape);
        boolean isShape = Arrays.stream(shape).allMatch(extent -> extent > 0);
        expect(isShape, "%s: shape %s has an extent below 1", name, extents);
        int features = product(shape);
        int length = pixels != null ? pixels.length : values.length;
        String partly = "%s: %,d values are not a whole number of rows of shape %s";
        require(length > 0 && length % features == 0, partly, name, length, extents);
        int rows = length / features;
        if (header == null) {
            requireFinite(name, "column", values, features);
        } else if (header.inputs().size() != features || values == null) {
            throw new IllegalArgumentException(name + ": a header of other columns");
        }
        int count = labels == null ? rows : labels.length;
        require(count == rows, "%s: %,d labels for %,d rows", name, count, rows);
        for (int row = 0; labels != null && row < rows; row++) {
            if (labels[row] < 0 || labels[row] >= classes.size()) {
                int known = classes.size();
                String outside = "%s: row %d has label %d, outside the %d classes 0 to %d";
                throw data(outside, name, row, labels[row], known, known - 1);
            }
        }
        if (targets != null) {
            boolean fits = targetWidth >= 1 && targets.length == (long) rows * targetWidth;
            String other = "%s: %,d target values are not %,d rows of %d";
            require(fits, other, name, targets.length, rows, targetWidth);
        }
        requireFinite(name, "target", targets, targetWidth);
    }

    /** Values of so many rows, or refused: an array holds no more. */
    static int size(String name, long rows, int width) {
        String text = "%s has %,d values, more than the 2,147,483,639 that a data set can hold";
        require(rows * width <= Integer.MAX_VALUE - 8, text, name, rows * width);
        return (int) rows * width;
    }

    /** More than an int holds is more than any array has, and so the most that an int holds. */
    private static int product(int[] shape) {
        long product = 1;
        for (int extent : shape) {
            product = Math.min(product * extent, Integer.MAX_VALUE);
        }
        return (int) product;
    }

    private static void requireFinite(String name, String what, float[] values, int width) {
        for (int i = 0; values != null && i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                String text = "%s: row %,d, %s %,d is %s: every value must be finite";
                throw data(text, name, i / width, what, i % width, values[i]);
            }
        }
    }

    /** Unlabelled images of bytes. */
    public static Dataset ofPixels(String name, int[] shape, byte[] pixels) {
        return new Dataset(name, shape, pixels, null, null, List.of(), null, 0, null);
    }

    /** Unlabelled rows of floats. */
    public static Dataset ofValues(String name, int[] shape, float[] values) {
        return new Dataset(name, shape, null, values, null, List.of(), null, 0, null);
    }

    /** The shape of rows of so many values that are told no other: of 784, MNIST's 28 × 28. */
    static int[] shapeOf(int features) {
        return features == MNIST_FEATURES ? new int[] {28, 28} : new int[] {features};
    }

    /** Unlabelled rows, as bytes if they {@linkplain #isImage are pixels} and whole numbers. */
    static Dataset ofImagesOrValues(String name, int[] shape, float[] values) {
        Dataset set = ofValues(name, shape, values);
        if (!set.isImage()) {
            return set;
        }
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < bytes.length; i++) {
            if (values[i] != (int) values[i]) {
                return set;
            }
            bytes[i] = (byte) (int) values[i];
        }
        return set.withPixels(bytes);
    }

    /** Rows of a table: {@code values} as the header says, NaN for a gap. */
    public static Dataset ofTable(String name, Header header, float[] values) {
        int[] shape = {given(header, "header").inputs().size()};
        return new Dataset(name, shape, null, values, null, List.of(), null, 0, header);
    }

    /**
     * A table of rows that a program has, read once, one after the other. Each is a record or a
     * map, whose components or values are found by the columns' names, or an array or a list of the
     * inputs and then the targets. A number may be of any Number's type, or a boolean (1 or 0); a
     * category or a label a text, an enum's name, a boolean or a number. Null is a gap, and so is
     * NaN.
     *
     * @param <T> what a row is; a parameter so that {@code stream::iterator} can be given for the
     *     rows
     * @param header what the columns are; columns of a row that it lacks are not looked at
     * @throws org.quern.QuernException if there is no row, or if one lacks a column or a target, or
     *     has a value of another type; the message names row and column
     */
    public static <T> Dataset ofRows(String name, Header header, Iterable<T> rows) {
        return Rows.read(given(name, "name"), given(header, "header"), given(rows, "rows"));
    }

    /** A table of numbers without names; NaN is a gap. */
    public static Dataset ofRows(String name, float[][] rows) {
        require(given(rows, "rows").length > 0 && rows[0] != null, "%s has no first row", name);
        return ofRows(name, Header.unnamed(rows[0].length, 0), Arrays.asList(rows));
    }

    /** The same rows with a class index for each, and the names of the classes. */
    public Dataset withLabels(int[] newLabels, List<String> newClasses) {
        return new Dataset(name, shape, pixels, values, newLabels, newClasses, null, 0, header);
    }

    /**
     * The same rows with a class for each different label, in order: of their values if all are
     * numbers, else of the text.
     *
     * @param newLabels a text, an enum, a boolean or a number for each row
     */
    public Dataset withLabels(List<?> newLabels) {
        List<String> texts = new ArrayList<>();
        for (Object label : given(newLabels, "labels")) {
            String text = Rows.text(label);
            String other =
                    "%s: label %d (from 0) is %s: give a text, an enum, a boolean or a number";
            require(text != null, other, name, texts.size(), label);
            texts.add(text);
        }
        return Classes.label(this, texts);
    }

    /**
     * The same rows with their classes numbered as another data set numbers them, by name ("01" is
     * "1" if it has no "01"). Classes of rows that it lacks follow behind.
     *
     * @param others names of its classes
     */
    public Dataset inClassesOf(List<String> others) {
        if (labels == null || classes.equals(copied(others, "classes"))) {
            return this;
        }
        List<String> all = new ArrayList<>(others);
        int[] number = Classes.numbers(classes, others);
        int[] renumbered = new int[labels.length];
        for (int row = 0; row < labels.length; row++) {
            if (number[labels[row]] < 0) {
                number[labels[row]] = all.size();
                all.add(classes.get(labels[row]));
            }
            renumbered[row] = number[labels[row]];
        }
        return withLabels(renumbered, all);
    }

    /**
     * The same rows in the classes of those who know no others: {@link #inClassesOf}, or refused.
     *
     * @param known names of their classes
     * @param who for the message: "training", "the model"
     * @throws org.quern.QuernException if a row is of another class; the message names the first
     */
    public Dataset inClassesKnownTo(String who, List<String> known) {
        Dataset set = inClassesOf(known);
        for (int row = 0; set.labels != null && row < set.labels.length; row++) {
            if (set.labels[row] >= known.size()) {
                String unknown = set.classes.get(set.labels[row]);
                String all = Columns.shown(known, CLASSES_SHOWN);
                String text =
                        "%s: row %d (from 0) is of class \"%s\", which %s does not know: it knows"
                                + " %s";
                throw data(text, name, row, unknown, who, all);
            }
        }
        return set;
    }

    /**
     * A weight for each class by which all classes count alike: rows / (classes · rows of the
     * class), as scikit-learn's {@code compute_class_weight("balanced")}. A class without rows has
     * 1, and is not one of the classes.
     */
    public List<Double> balancedWeights() {
        int[] rowsOf = Statistics.perClass(this);
        double each = (double) labels.length / Arrays.stream(rowsOf).filter(n -> n > 0).count();
        return Arrays.stream(rowsOf).mapToObj(n -> n == 0 ? 1 : each / n).toList();
    }

    /**
     * The same rows, those of rarer classes several times over, until each class that has rows has
     * as many as the largest: all of its rows as often as that goes, and once more some that are
     * drawn. A row that is repeated is copied.
     *
     * @param seed decides which are drawn
     * @throws org.quern.QuernException if rows have no classes, or would be too many
     */
    public Dataset balanced(long seed) {
        require(hasLabels(), "%s has no classes to balance", name);
        int[] counts = Statistics.perClass(this);
        int most = IntStream.of(counts).max().orElseThrow();
        long rows = IntStream.of(counts).filter(count -> count > 0).count() * most;
        String many = "%s would be %,d rows with its classes balanced, too many to hold";
        require(rows * features() < Integer.MAX_VALUE, many, name, rows);
        int[] seen = new int[counts.length];
        int[] repeated = new int[(int) rows];
        int at = 0;
        for (int row = 0; row < rows(); row++) {
            int c = labels[row];
            int place = Permutation.apply(counts[c], seed, Streams.BALANCE.of(0), c, seen[c]++);
            int times = most / counts[c] + (place < most % counts[c] ? 1 : 0);
            Arrays.fill(repeated, at, at + times, row);
            at += times;
        }
        return select(repeated);
    }

    /** The same rows with neither labels nor targets. */
    public Dataset unlabelled() {
        return new Dataset(name, shape, pixels, values, null, List.of(), null, 0, header);
    }

    /** The same rows with so many regression targets for each. */
    public Dataset withTargets(float[] newTargets, int width) {
        boolean named = header == null || header.targets().size() == width;
        Header as =
                named ? header : new Header(header.inputs(), Header.unnamed(0, width).targets());
        return new Dataset(name, shape, pixels, values, null, List.of(), newTargets, width, as);
    }

    /** The same rows with a regression target of each of these names. */
    public Dataset withTargets(float[] newTargets, List<String> names) {
        int width = given(names, "names").size();
        return new Dataset(name, shape, pixels, values, null, names, newTargets, width, header);
    }

    /**
     * The same rows with the numbers that their classes are called by as targets, one a row: what a
     * column of labels is to a regression.
     *
     * @throws org.quern.QuernException if the name of a class is not a finite number
     */
    public Dataset withLabelsAsTargets() {
        String text =
                "%s: label \"%s\" is not a finite number, which this loss needs: train by"
                        + " cross-entropy, or name another column";
        float[] ofClass = new float[classes.size()];
        for (int c = 0; c < ofClass.length; c++) {
            require(Decimal.isNumber(classes.get(c)), text, name, classes.get(c));
            ofClass[c] = (float) Decimal.parse(classes.get(c));
        }
        float[] numbers = new float[labels.length];
        for (int row = 0; row < labels.length; row++) {
            numbers[row] = ofClass[labels[row]];
        }
        return withTargets(numbers, 1);
    }

    /** The same rows as a table, if they are floats and no image; its columns have no names. */
    public Dataset asTable() {
        if (header != null || pixels != null || shape.length > 1) {
            return this;
        }
        Header unnamed = Header.unnamed(features(), targetWidth);
        return new Dataset(
                name, shape, null, values, labels, classes, targets, targetWidth, unnamed);
    }

    /**
     * The same rows for a model that knows nothing of columns.
     *
     * @throws org.quern.QuernException if there are gaps, or columns of text
     */
    public Dataset asValues() {
        if (header == null) {
            return this;
        }
        float[] numbers = values.clone();
        for (int i = 0; i < numbers.length; i++) {
            Column column = header.inputs().get(i % header.inputs().size());
            String text = "%s: column %s is text, and the model takes numbers alone";
            require(!column.isCategory(), text, name, column.name());
            numbers[i] = (float) (numbers[i] + column.offset());
        }
        int[] row = shapeOf(features());
        float[] predicted = targetsWithOffsets();
        return new Dataset(name, row, null, numbers, labels, classes, predicted, targetWidth, null);
    }

    /** Targets in their unit: of a table, with what was taken from them added again. */
    float[] targetsWithOffsets() {
        if (targets == null || header == null) {
            return targets;
        }
        float[] numbers = new float[targets.length];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (float) (targets[i] + header.targets().get(i % targetWidth).offset());
        }
        return numbers;
    }

    /** The same data under another name. */
    public Dataset named(String newName) {
        return new Dataset(
                newName, shape, pixels, values, labels, classes, targets, targetWidth, header);
    }

    /** The same labels or targets for other images of the same shape. */
    Dataset withPixels(byte[] newPixels) {
        return new Dataset(
                name, shape, newPixels, null, labels, classes, targets, targetWidth, null);
    }

    /** The rows with the given indices, in that order, copied. */
    public Dataset select(int[] indices) {
        for (int index : given(indices, "indices")) {
            checkRow(index);
        }
        int features = features();
        return new Dataset(
                name,
                shape,
                selected(pixels, features, indices, byte[]::new),
                selected(values, features, indices, float[]::new),
                selected(labels, 1, indices, int[]::new),
                classes,
                selected(targets, targetWidth, indices, float[]::new),
                targetWidth,
                header);
    }

    private <A> A selected(A all, int width, int[] indices, IntFunction<A> newArray) {
        if (all == null) {
            return null;
        }
        A some = newArray.apply(size(name, indices.length, width));
        for (int i = 0; i < indices.length; i++) {
            System.arraycopy(all, indices[i] * width, some, i * width, width);
        }
        return some;
    }

    /** One row. */
    public Dataset row(int index) {
        return select(new int[] {index}).named(name + " " + index);
    }

    private void checkRow(int index) {
        boolean isThere = index >= 0 && index < rows();
        String text = "index %d: %s has %,d rows, 0 to %,d";
        expect(isThere, text, index, name, rows(), rows() - 1);
    }

    /** The negative of images: 255 minus each pixel. */
    public Dataset inverted() {
        expect(isPixels(), "%s is not an image: only pixels can be inverted", name);
        byte[] negative = new byte[pixels.length];
        for (int i = 0; i < negative.length; i++) {
            negative[i] = (byte) ~pixels[i];
        }
        return withPixels(negative);
    }

    /** Images with rows of pixels as columns. */
    public Dataset transposed() {
        expect(shape.length == 2, "%s has no images: only those can be transposed", name);
        int[] turned = {shape[1], shape[0]};
        byte[] bytes = pixels == null ? null : new byte[pixels.length];
        float[] floats = values == null ? null : new float[values.length];
        for (int to = 0; to < rows() * features(); to++) {
            int at = to % features();
            int from = to - at + at % shape[0] * shape[1] + at / shape[0];
            if (bytes != null) {
                bytes[to] = pixels[from];
            } else {
                floats[to] = values[from];
            }
        }
        return new Dataset(
                name, turned, bytes, floats, labels, classes, targets, targetWidth, header);
    }

    /** Refuses rows that a model whose input is of such a shape cannot take. */
    public void requireInput(List<Integer> input) {
        copied(input, "input shape");
        if (shape.length == 2 && input.size() == 2) {
            int high = input.get(0);
            int wide = input.get(1);
            String text =
                    "%s is %d x %d pixels, but the model takes %d x %d: scale the image to that size";
            boolean fits = shape[0] == high && shape[1] == wide;
            require(fits, text, name, shape[1], shape[0], wide, high);
        } else if (features() != input.stream().reduce(1, (a, b) -> a * b)) {
            String takes = input.stream().map(String::valueOf).collect(Collectors.joining(" x "));
            throw data("%s has %d values, but the model takes %s", name, features(), takes);
        }
    }

    /** Extents of one example, copied. */
    @Override
    public int[] shape() {
        return shape.clone();
    }

    /** Number of examples, at least 1. */
    public int rows() {
        return (pixels != null ? pixels.length : values.length) / features();
    }

    /** Values of one example: the product of {@link #shape()}. */
    public int features() {
        return product(shape);
    }

    /** Whether features are unsigned bytes; otherwise they are floats. */
    public boolean isPixels() {
        return pixels != null;
    }

    /**
     * Whether rows are pixels from 0 to 255: bytes, or floats in the shape of an image that fill
     * more than half of that range.
     */
    public boolean isImage() {
        if (pixels != null || shape.length == 1) {
            return pixels != null;
        }
        Statistics all = Statistics.of(this);
        return all.min() >= 0 && all.max() > BRIGHTEST / 2 && all.max() <= BRIGHTEST;
    }

    /** Whether images are mostly light, unlike MNIST's digits, which are light on dark. */
    public boolean isDarkOnLight() {
        return pixels != null && Statistics.of(this).mean() >= MID_GREY;
    }

    /** A column's values, of rows of floats. */
    public float[] column(int c) {
        int features = features();
        boolean there = values != null && c >= 0 && c < features;
        expect(there, "%s: there is no column %d of numbers", name, c);
        float[] column = new float[rows()];
        for (int row = 0; row < column.length; row++) {
            column[row] = values[row * features + c];
        }
        return column;
    }

    /** A row's feature, unscaled. */
    public float value(int row, int feature) {
        int features = features();
        requireRow(row);
        if (feature < 0 || feature >= features) {
            throw usage("%s: value %,d of a row that has %,d", name, feature, features);
        }
        int at = row * features + feature;
        return pixels != null ? pixels[at] & 0xff : values[at];
    }

    private void requireRow(int row) {
        if (row < 0 || row >= rows()) {
            throw usage("%s: row %,d of %,d", name, row, rows());
        }
    }

    /** Whether the rows have class labels. */
    public boolean hasLabels() {
        return labels != null;
    }

    /** The name of a row's class; empty without labels. */
    public String label(int row) {
        requireRow(row);
        return labels == null ? "" : classes.get(labels[row]);
    }

    /** Whether the rows have regression targets. */
    public boolean hasTargets() {
        return targets != null;
    }

    /**
     * What two equal data sets have in common: rows, features and a CRC-32C of all their contents,
     * for instance {@code 60000x784 1a2b3c4d}. About 10 ms for MNIST.
     */
    public String fingerprint() {
        CRC32C crc = new CRC32C();
        if (pixels != null) {
            crc.update(pixels);
        }
        update(crc, values);
        updateLabels(crc);
        return String.format(Locale.ROOT, "%dx%d %08x", rows(), features(), crc.getValue());
    }

    /**
     * The same of labels or numbers to predict alone, which is the same however the features are
     * prepared.
     */
    public String labelFingerprint() {
        CRC32C crc = new CRC32C();
        updateLabels(crc);
        return String.format(Locale.ROOT, "%d %08x", rows(), crc.getValue());
    }

    private void updateLabels(CRC32C crc) {
        if (labels != null) {
            ByteBuffer buffer = ByteBuffer.allocate(4 * labels.length);
            buffer.asIntBuffer().put(labels);
            crc.update(buffer);
        }
        update(crc, targets);
    }

    private static void update(CRC32C crc, float[] numbers) {
        ByteBuffer buffer = ByteBuffer.allocate(4 * BLOCK);
        for (int from = 0; numbers != null && from < numbers.length; from += BLOCK) {
            int count = Math.min(BLOCK, numbers.length - from);
            buffer.clear();
            buffer.asFloatBuffer().put(numbers, from, count);
            crc.update(buffer.limit(4 * count));
        }
    }

    /** One line: what there is of what, such as "MNIST test: 10,000 rows of 28 x 28 pixels". */
    @Override
    public String toString() {
        String extents =
                Arrays.stream(shape).mapToObj(String::valueOf).collect(Collectors.joining(" x "));
        String of = pixels != null ? "pixels" : header != null ? "columns" : "values";
        String known =
                labels != null
                        ? ", " + classes.size() + " classes"
                        : targets != null
                                ? ", %d target%s".formatted(targetWidth, targetWidth > 1 ? "s" : "")
                                : "";
        return String.format(
                Locale.ROOT, "%s: %,d rows of %s %s%s", name, rows(), extents, of, known);
    }
}
