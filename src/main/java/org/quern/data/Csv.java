package org.quern.data;

import static org.quern.QuernException.data;

import de.siegmar.fastcsv.reader.CsvRecord;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A table of comma-separated values, one row an example: a class label in one column, numbers in
 * the others.
 *
 * <p>The label column is the one that is asked for, else the first of {@link #LABEL_NAMES} that the
 * header has; it is never guessed otherwise. The first line is a header if it is said to be; else
 * if it names the label, or if a field of it is text in a column whose next lines hold numbers.
 */
final class Csv {
    /** The column that holds the label if nobody says: the best name first. */
    private static final List<String> LABEL_NAMES = List.of("label", "class", "target", "y");

    /** Lines that are looked at to tell a header from a row. */
    private static final int LOOKED_AT = 100;

    /** A column by number: "#0" is always one, "0" only where no column is called so. */
    private static final Pattern INDEX = Pattern.compile("#?(\\d{1,8})");

    private static final int NAMES_SHOWN = 20;

    private final Path file;
    private final TableFormat format;
    private final int features;
    private final List<String> labels = new ArrayList<>();
    private float[] values = new float[1 << 16];
    private int count;
    private int columns;
    private List<String> names = List.of();
    private int labelColumn;
    private int likeColumns;
    private int likeLabel = -1;
    private boolean counts;
    private String missingLabel;
    private int missingLabels;

    private Csv(Path file, TableFormat format, int features) {
        this.file = file;
        this.format = format;
        this.features = features;
    }

    /**
     * What was read.
     *
     * @param rows the examples
     * @param columns names of the columns, the label's included; empty without a header
     * @param label the label's column, as {@link TableFormat#label} takes it; null for none
     * @param labelColumn the same by number, from 0; −1 for none
     * @param reading how the file was taken: header, label
     */
    record Table(
            Dataset rows, List<String> columns, String label, int labelColumn, String reading) {}

    /** Reads a table with labels. */
    static Table read(Path file, TableFormat format, String name) {
        return new Csv(file, format, 0).table(name);
    }

    /**
     * Reads a table with the columns of another: without a header, its label is where the other's
     * is.
     */
    static Table readLike(Table other, Path file, TableFormat format, String name) {
        Csv csv = new Csv(file, format.withLabel(other.label()), 0);
        csv.likeColumns = other.rows().features() + 1;
        csv.likeLabel = other.labelColumn();
        return csv.table(name);
    }

    /**
     * Reads rows that may be without labels: a table of so many columns as {@code features}, none
     * of which is the label by its name, has values alone.
     */
    static Table rows(Path file, TableFormat format, int features, String name) {
        return new Csv(file, format, features).table(name);
    }

    private Table table(String name) {
        try (CsvLines lines = new CsvLines(file)) {
            read(lines);
        }
        if (missingLabels > 0) {
            throw data(
                    missingLabels == 1
                            ? "%s: fill it in, or remove the row"
                            : "%s; %,d rows have none: fill them in, or remove the rows",
                    missingLabel,
                    missingLabels);
        }
        Dataset rows = Pixels.dataset(name, Pixels.shape(features()), Arrays.copyOf(values, count));
        return labelColumn < 0
                ? new Table(rows, names, null, -1, reading())
                : new Table(
                        Classes.label(rows, labels),
                        names,
                        labelOption(),
                        labelColumn,
                        reading() + "; " + label());
    }

    private void read(CsvLines lines) {
        CsvRecord first = lines.next();
        if (first == null) {
            throw data("%s is empty: it needs a line for each example", file);
        }
        columns = first.getFieldCount();
        List<CsvRecord> next = new ArrayList<>();
        CsvRecord record = lines.next();
        while (record != null && next.size() < LOOKED_AT) {
            next.add(record);
            record = lines.next();
        }
        boolean header = format.header() != null ? format.header() : isHeader(first, next);
        if (header) {
            names = first.getFields();
            refuseEqualNames();
        }
        if (columns < 2 && columns != features) {
            throw data(
                    "%s has 1 column; it needs a label and at least one value, separated by commas",
                    file);
        }
        labelColumn = labelColumn();
        if (!header) {
            counts = counts(first);
            add(first);
        }
        next.forEach(this::add);
        for (; record != null; record = lines.next()) {
            add(record);
        }
        if (count == 0) {
            throw data("%s has a header but no rows", file);
        }
    }

    private boolean isHeader(CsvRecord first, List<CsvRecord> next) {
        for (int i = 0; i < columns; i++) {
            String field = first.getField(i);
            List<String> below = column(i, next);
            if (isLabelName(field) && below.stream().noneMatch(field::equals)) {
                return true;
            }
            if (isText(field)
                    && below.stream().noneMatch(Csv::isText)
                    && below.stream().anyMatch(Decimal::isNumber)) {
                return true;
            }
        }
        return next.isEmpty() && first.getFields().stream().allMatch(Csv::isText);
    }

    private static List<String> column(int index, List<CsvRecord> records) {
        return records.stream()
                .filter(record -> index < record.getFieldCount())
                .map(record -> record.getField(index))
                .toList();
    }

    private static boolean isText(String field) {
        return !Decimal.isNumber(field) && !Decimal.isMissing(field);
    }

    private boolean isLabelName(String field) {
        return field.equals(format.label())
                ? !Decimal.isNumber(field)
                : LABEL_NAMES.stream().anyMatch(field::equalsIgnoreCase);
    }

    private void refuseEqualNames() {
        Map<String, Integer> columnOf = new HashMap<>();
        for (int i = 0; i < columns; i++) {
            Integer same = names.get(i).isEmpty() ? null : columnOf.put(names.get(i), i);
            if (same != null) {
                throw data(
                        "%s: columns %d and %d are both called \"%s\": rename one",
                        file, same + 1, i + 1, names.get(i));
            }
        }
    }

    /** The label's column; −1 where there are values alone. */
    private int labelColumn() {
        String asked = format.label();
        int column = asked == null ? bestName() : names.indexOf(asked);
        Matcher index = INDEX.matcher(String.valueOf(asked));
        if (column < 0 && index.matches()) {
            column = columns == features ? -1 : Integer.parseInt(index.group(1));
        } else if (column < 0 && names.isEmpty() && columns == likeColumns) {
            column = likeLabel;
        }
        if (column >= 0 && column < columns) {
            return column;
        }
        if (columns == features) {
            return -1;
        }
        throw data("%s%s", file, names.isEmpty() ? withoutNames(asked) : withNames(asked));
    }

    private String withoutNames(String asked) {
        return asked == null
                ? " has no header: say which column holds the labels, --label 0 (the first) to"
                        + " --label %d (the last)".formatted(columns - 1)
                : " has no column \"%s\" for the labels, for it has no header: give --label 0 (the first) to --label %d (the last)"
                        .formatted(asked, columns - 1);
    }

    private String withNames(String asked) {
        String all =
                names.stream().limit(NAMES_SHOWN).collect(Collectors.joining(", "))
                        + (columns > NAMES_SHOWN
                                ? " and %d more".formatted(columns - NAMES_SHOWN)
                                : "");
        return asked == null
                ? ": which column holds the labels? Name it by --label: " + all
                : " has no column \"%s\" for the labels: it has %s".formatted(asked, all);
    }

    private int bestName() {
        for (String best : LABEL_NAMES) {
            for (int i = 0; i < names.size(); i++) {
                if (best.equalsIgnoreCase(names.get(i))) {
                    return i;
                }
            }
        }
        return -1;
    }

    private String reading() {
        if (!names.isEmpty()) {
            int unnamed = names.indexOf("");
            return "line 1 is a header"
                    + (unnamed < 0 ? "" : ", without a name for column " + (unnamed + 1));
        }
        return format.header() == null && counts
                ? "line 1 is a row (0, 1, 2 ...: if these are names, give --header yes)"
                : "no header";
    }

    /** Whether a line numbers the columns, as pandas does where they have no names. */
    private static boolean counts(CsvRecord line) {
        return IntStream.range(0, line.getFieldCount())
                .allMatch(i -> line.getField(i).equals(Integer.toString(i)));
    }

    private String labelOption() {
        return names.isEmpty() || names.get(labelColumn).isEmpty()
                ? "#" + labelColumn
                : names.get(labelColumn);
    }

    private String label() {
        return names.isEmpty()
                ? "label column %d".formatted(labelColumn + 1)
                : "label \"%s\" (column %d)".formatted(names.get(labelColumn), labelColumn + 1);
    }

    private int features() {
        return labelColumn < 0 ? columns : columns - 1;
    }

    private void add(CsvRecord row) {
        if (row.getFieldCount() != columns) {
            throw data(
                    "%s:%d has %d fields, but the first line has %d",
                    file, row.getStartingLineNumber(), row.getFieldCount(), columns);
        }
        for (int i = 0; i < columns; i++) {
            if (i == labelColumn) {
                labels.add(label(row));
            } else {
                if (count == values.length) {
                    values = Arrays.copyOf(values, Math.addExact(count, count));
                }
                values[count++] = number(row, i);
            }
        }
    }

    /**
     * Rows to predict may be without labels; all others are refused, once their number is known.
     */
    private String label(CsvRecord row) {
        String label = row.getField(labelColumn);
        if (Decimal.isMissing(label)) {
            if (features > 0) {
                return "";
            }
            if (missingLabels++ == 0) {
                missingLabel =
                        "%s:%d has no label (column %d is \"%s\")"
                                .formatted(
                                        file, row.getStartingLineNumber(), labelColumn + 1, label);
            }
        }
        return label;
    }

    private float number(CsvRecord row, int column) {
        float value = (float) Decimal.parse(row.getField(column));
        if (!Float.isFinite(value)) {
            throw data(
                    "%s:%d column %d%s is \"%s\": every value must be a finite number",
                    file,
                    row.getStartingLineNumber(),
                    column + 1,
                    names.isEmpty() ? "" : " (" + names.get(column) + ")",
                    row.getField(column));
        }
        return value;
    }
}
