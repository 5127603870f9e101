package org.quern.data;

import static org.quern.QuernException.data;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVRecord;
import org.quern.QuernException;

/**
 * A table of comma-separated values, one row an example: a class label in one column, numbers in
 * the others.
 *
 * <p>The label column is the one that is asked for; else the one that the header calls label,
 * class, target or y; else the first. A first line counts as a header if one of its fields, the
 * label's aside, is not a number. Features that are all whole numbers from 0 to 255 become bytes,
 * others floats. 784 features are taken for 28 × 28 pixels.
 */
final class Csv {
    private static final Set<String> LABEL_NAMES = Set.of("label", "class", "target", "y");
    private static final int MNIST_FEATURES = 784;

    private final Path file;
    private final int unlabelled;
    private final List<String> labels = new ArrayList<>();
    private float[] values = new float[1 << 16];
    private int count;
    private int columns = -1;
    private int labelColumn;

    private Csv(Path file, int unlabelled) {
        this.file = file;
        this.unlabelled = unlabelled;
    }

    /**
     * Reads a table.
     *
     * @param label name or index (from 0) of the label's column; null to find it
     */
    static Dataset read(Path file, String label, String name) {
        return read(file, label, 0, name);
    }

    /**
     * Reads a table that may be without labels.
     *
     * @param unlabelled a table of so many columns has values alone; 0 for none
     */
    static Dataset read(Path file, String label, int unlabelled, String name) {
        Csv csv = new Csv(file, unlabelled);
        csv.readRows(label);
        return csv.dataset(name);
    }

    private void readRows(String label) {
        try (BufferedReader in = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            CSVFormat format =
                    CSVFormat.DEFAULT
                            .builder()
                            .setIgnoreEmptyLines(true)
                            .setIgnoreSurroundingSpaces(true)
                            .get();
            try (var parser = format.parse(in)) {
                Iterator<CSVRecord> rows = parser.iterator();
                if (!rows.hasNext()) {
                    throw data("%s is empty: it needs a line for each example", file);
                }
                CSVRecord first = rows.next();
                columns = first.size();
                boolean header = isHeader(first);
                labelColumn = columns == unlabelled ? -1 : labelColumn(first, header, label);
                if (columns < 2 && columns != unlabelled) {
                    throw data(
                            "%s has %d column; it needs a label and at least one value, separated"
                                    + " by commas",
                            file, columns);
                }
                if (!header) {
                    add(first);
                }
                while (rows.hasNext()) {
                    add(rows.next());
                }
            }
        } catch (IOException | UncheckedIOException | IllegalStateException e) {
            boolean text =
                    !(e instanceof CharacterCodingException
                            || e.getCause() instanceof CharacterCodingException);
            throw new QuernException(
                    QuernException.Kind.DATA,
                    file
                            + (text
                                    ? " cannot be read: " + e.getMessage()
                                    : " is not UTF-8 text: is it a CSV file?"),
                    e);
        }
        if (count == 0) {
            throw data("%s has a header but no rows", file);
        }
    }

    private static boolean isHeader(CSVRecord first) {
        int numbers = 0;
        for (String field : first) {
            numbers += isNumber(field) ? 1 : 0;
        }
        return numbers < first.size() - 1 || first.size() == 1 && numbers == 0;
    }

    private static boolean isNumber(String field) {
        try {
            Float.parseFloat(field);
            return true;
        } catch (NumberFormatException e) {
            return false;
        }
    }

    private int labelColumn(CSVRecord first, boolean header, String asked) {
        List<String> names = header ? first.toList() : List.of();
        if (asked == null) {
            for (int i = 0; i < names.size(); i++) {
                if (LABEL_NAMES.contains(names.get(i).toLowerCase(java.util.Locale.ROOT))) {
                    return i;
                }
            }
            return 0;
        }
        int column = names.indexOf(asked);
        if (column < 0 && asked.chars().allMatch(Character::isDigit) && asked.length() < 9) {
            column = Integer.parseInt(asked);
        }
        if (column < 0 || column >= columns) {
            throw data("%s has no column \"%s\" for the labels", file, asked);
        }
        return column;
    }

    private void add(CSVRecord row) {
        if (row.size() != columns) {
            throw data(
                    "%s:%d has %d fields, but the first line has %d",
                    file, row.getRecordNumber(), row.size(), columns);
        }
        for (int i = 0; i < columns; i++) {
            if (i == labelColumn) {
                labels.add(row.get(i));
            } else {
                if (count == values.length) {
                    values = Arrays.copyOf(values, Math.addExact(count, count));
                }
                values[count++] = number(row, i);
            }
        }
    }

    private float number(CSVRecord row, int column) {
        String field = row.get(column);
        float value;
        try {
            value = Float.parseFloat(field);
        } catch (NumberFormatException e) {
            throw data(
                    "%s:%d column %d is \"%s\", not a number",
                    file, row.getRecordNumber(), column + 1, field);
        }
        if (!Float.isFinite(value)) {
            throw data(
                    "%s:%d column %d is %s: every value must be finite",
                    file, row.getRecordNumber(), column + 1, field);
        }
        return value;
    }

    private Dataset dataset(String name) {
        int features = labelColumn < 0 ? columns : columns - 1;
        int[] shape = features == MNIST_FEATURES ? new int[] {28, 28} : new int[] {features};
        boolean bytes = true;
        for (int i = 0; i < count; i++) {
            bytes &= values[i] >= 0 && values[i] <= 255 && values[i] == (int) values[i];
        }
        Dataset set;
        if (bytes) {
            byte[] pixels = new byte[count];
            for (int i = 0; i < count; i++) {
                pixels[i] = (byte) (int) values[i];
            }
            set = Dataset.ofPixels(name, shape, pixels);
        } else {
            set = Dataset.ofValues(name, shape, Arrays.copyOf(values, count));
        }
        return labelColumn < 0 ? set : labelled(set);
    }

    /** Classes in order: of numbers if all are whole numbers, else of text. */
    private Dataset labelled(Dataset set) {
        boolean numbers = labels.stream().allMatch(label -> label.matches("-?\\d{1,18}"));
        Set<String> sorted =
                new TreeSet<>(
                        numbers
                                ? Comparator.comparingLong(Long::parseLong)
                                : Comparator.naturalOrder());
        sorted.addAll(labels);
        List<String> classes = List.copyOf(sorted);
        Map<String, Integer> index = new HashMap<>();
        for (String c : classes) {
            index.put(c, index.size());
        }
        int[] indices = new int[labels.size()];
        for (int row = 0; row < indices.length; row++) {
            Integer found = index.get(labels.get(row));
            // "01" and "1" are one class where labels are numbers
            indices[row] = found != null ? found : classIndex(classes, labels.get(row));
        }
        return set.withLabels(indices, classes);
    }

    private static int classIndex(List<String> classes, String label) {
        long value = Long.parseLong(label);
        for (int c = 0; c < classes.size(); c++) {
            if (Long.parseLong(classes.get(c)) == value) {
                return c;
            }
        }
        throw new IllegalStateException(label);
    }
}
