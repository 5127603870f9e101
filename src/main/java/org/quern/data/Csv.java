package org.quern.data;

import static de.siegmar.fastcsv.reader.FieldModifiers.TRIM;
import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecord;
import de.siegmar.fastcsv.reader.CsvRecordHandler;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.SequenceInputStream;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A table of comma-separated values, one row an example: a class label in one column, numbers in
 * the others; blanks around a field do not count.
 *
 * <p>The label column is the one that is asked for, else the first of {@link #LABEL_NAMES} that the
 * header has; it is never guessed otherwise. The first line is a header if it is said to be; else
 * if it names the label, or if a field of it is text in a column whose next lines hold numbers.
 */
final class Csv {
    private static final String TRAIN = "train.csv";

    /** The column that holds the label if nobody says: the best name first. */
    private static final List<String> LABEL_NAMES = List.of("label", "class", "target", "y");

    /** Lines that are looked at to tell a header from a row. */
    private static final int LOOKED_AT = 100;

    /** A column by number: "#0" is always one, "0" only where no column is called so. */
    private static final Pattern INDEX = Pattern.compile("#?(\\d{1,8})");

    private static final int NAMES_SHOWN = 20;
    private static final int MOST_COLUMNS = 1 << 20;
    private static final int BUFFER = 1 << 16;
    private static final char BYTE_ORDER_MARK = '\ufeff';

    /**
     * A last line of no character, put behind the file's: the parser takes the end of a file for a
     * closing quote, and would give all that follows an open one as one field.
     */
    private static final String END = "\uffff";

    private final Path file;
    private final TableFormat format;

    /**
     * If above 0, rows may be without labels: a table of so many columns, none of which is the
     * label by its name, has values alone.
     */
    private final int features;

    /** Without a header, the label is where this one's is; null for none. */
    private final Csv like;

    private final List<String> labels = new ArrayList<>();
    private Iterator<CsvRecord> records;
    private float[] values = new float[1 << 16];
    private int count;
    private int columns;
    private List<String> names = List.of();

    /** The label's column; −1 where there are values alone. */
    private int labelColumn;

    private String reading;
    private CsvRecord firstUnlabelled;
    private int unlabelled;
    private final Dataset rows;

    private Csv(Path file, TableFormat format, int features, Csv like) {
        this.file = file;
        this.format = format;
        this.features = features;
        this.like = like;
        CsvRecordHandler trimmed =
                CsvRecordHandler.of(of -> of.maxFields(MOST_COLUMNS).fieldModifier(TRIM));
        try (BufferedReader in = open()) {
            in.mark(1);
            if (in.read() != BYTE_ORDER_MARK) {
                in.reset();
            }
            records =
                    CsvReader.builder()
                            .allowExtraFields(true) // who reads tells both counts
                            .allowMissingFields(true)
                            .trimWhitespacesAroundQuotes(true)
                            .build(trimmed, in)
                            .iterator();
            read();
        } catch (IOException | UncheckedIOException | CsvParseException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw cause instanceof CharacterCodingException
                    ? data(cause, "%s is not UTF-8 text: is it a CSV file?", file)
                    : data(cause, "%s cannot be read: %s", file, cause.getMessage());
        }
        if (unlabelled > 0) {
            String more = "; %,d rows have none: fill them in, or remove the rows";
            String mend = unlabelled == 1 ? ": fill it in, or remove the row" : more;
            String text = "%s:%d has no label (column %d is \"%s\")" + mend;
            long line = firstUnlabelled.getStartingLineNumber();
            String label = firstUnlabelled.getField(labelColumn);
            throw data(text, file, line, labelColumn + 1, label, unlabelled);
        }
        String name = file.getFileName().toString();
        int[] shape = Dataset.shapeOf(labelColumn < 0 ? columns : columns - 1);
        Dataset set = Dataset.ofImagesOrValues(name, shape, Arrays.copyOf(values, count));
        values = null; // large
        rows = labelColumn < 0 ? set : Classes.label(set, labels);
    }

    /** Whether a path is such a file, or a folder with a train.csv. */
    static boolean isOne(Path path) {
        return DataReader.isCalled(path, ".csv") || Files.isRegularFile(path.resolve(TRAIN));
    }

    /** Reads a file, or a folder's train.csv and, if there, test.csv. */
    static Splits read(Path path, TableFormat format) {
        if (!Files.isDirectory(path)) {
            return rows(path, format, 0);
        }
        Csv train = new Csv(path.resolve(TRAIN), format, 0, null);
        Path testFile = path.resolve("test.csv");
        if (!Files.isRegularFile(testFile)) {
            return train.splits(path, null, "");
        }
        TableFormat sameLabel = new TableFormat(train.labelOption(), format.header());
        Csv test = new Csv(testFile, sameLabel, 0, train);
        train.requireColumnsOf(test);
        boolean alike = test.reading.equals(train.reading);
        return train.splits(path, test.rows, alike ? "" : "; test.csv: " + test.reading);
    }

    /** Reads rows that may be without labels, if they are of so many columns. */
    static Splits rows(Path file, TableFormat format, int features) {
        return new Csv(file, format, features, null).splits(file, null, "");
    }

    private Splits splits(Path path, Dataset test, String ofTest) {
        return new Splits(rows, null, test, path.toString(), labelOption(), reading + ofTest, null);
    }

    private void requireColumnsOf(Csv test) {
        boolean named = !names.isEmpty() && !test.names.isEmpty();
        String text =
                "%s and %s differ from column %d on (%s, %s): give them the same columns in the same"
                        + " order";
        for (int i = 0; named && i < Math.max(columns, test.columns); i++) {
            String here = column(i);
            String there = test.column(i);
            require(here.equals(there), text, file, test.file, i + 1, here, there);
        }
    }

    private String column(int index) {
        return index < names.size() ? '"' + names.get(index) + '"' : "none";
    }

    private BufferedReader open() throws IOException {
        InputStream end = new ByteArrayInputStream(("\n" + END).getBytes(StandardCharsets.UTF_8));
        InputStream bytes = new SequenceInputStream(Files.newInputStream(file), end);
        return new BufferedReader(
                new InputStreamReader(bytes, StandardCharsets.UTF_8.newDecoder()), BUFFER);
    }

    /** The next record that is not an empty line; null behind the last. */
    private CsvRecord next() {
        CsvRecord record = records.next();
        if (records.hasNext()) {
            return record;
        }
        boolean isEnd = record.getFields().equals(List.of(END));
        long line = record.getStartingLineNumber();
        require(isEnd, "%s:%d opens a quote that is never closed", file, line);
        return null;
    }

    private void read() {
        CsvRecord first = next();
        require(first != null, "%s is empty: it needs a line for each example", file);
        columns = first.getFieldCount();
        List<CsvRecord> next = new ArrayList<>();
        CsvRecord record = next();
        for (; record != null && next.size() < LOOKED_AT; record = next()) {
            next.add(record);
        }
        boolean header = format.header() != null ? format.header() : isHeader(first, next);
        if (header) {
            names = first.getFields();
            refuseEqualNames();
        }
        String narrow =
                "%s has 1 column; it needs a label and at least one value, separated by commas";
        require(columns >= 2 || columns == features, narrow, file);
        labelColumn = labelColumn();
        reading = reading(first);
        if (!header) {
            add(first);
        }
        next.forEach(this::add);
        for (; record != null; record = next()) {
            add(record);
        }
        require(count > 0, "%s has a header but no rows", file);
    }

    private boolean isHeader(CsvRecord first, List<CsvRecord> next) {
        for (int i = 0; i < columns; i++) {
            int column = i;
            String field = first.getField(i);
            Stream<CsvRecord> reaching = next.stream().filter(row -> column < row.getFieldCount());
            List<String> below = reaching.map(row -> row.getField(column)).toList();
            boolean label = isLabelName(field) && !below.contains(field);
            boolean text = isText(field) && below.stream().noneMatch(Csv::isText);
            if (label || text && below.stream().anyMatch(Decimal::isNumber)) {
                return true;
            }
        }
        return next.isEmpty() && first.getFields().stream().allMatch(Csv::isText);
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
                String text = "%s: columns %d and %d are both called \"%s\": rename one";
                throw data(text, file, same + 1, i + 1, names.get(i));
            }
        }
    }

    private int labelColumn() {
        String asked = format.label();
        int column = asked == null ? bestName() : names.indexOf(asked);
        Matcher index = INDEX.matcher(String.valueOf(asked));
        if (column < 0 && columns != features && index.matches()) {
            column = Integer.parseInt(index.group(1));
        } else if (column < 0 && names.isEmpty() && like != null && columns == like.columns) {
            column = like.labelColumn;
        }
        if (column < columns && (column >= 0 || columns == features)) {
            return column;
        }
        if (names.isEmpty()) {
            String lacks = "header: say which column holds the labels,";
            if (asked != null) {
                lacks = "column \"" + asked + "\" for the labels, for it has no header: give";
            }
            String text = "%s has no %s --label 0 (the first) to --label %d (the last)";
            throw data(text, file, lacks, columns - 1);
        }
        String all = names.stream().limit(NAMES_SHOWN).collect(Collectors.joining(", "));
        if (columns > NAMES_SHOWN) {
            all += " and %d more".formatted(columns - NAMES_SHOWN);
        }
        throw asked == null
                ? data("%s: which column holds the labels? Name it by --label: %s", file, all)
                : data("%s has no column \"%s\" for the labels: it has %s", file, asked, all);
    }

    private int bestName() {
        return LABEL_NAMES.stream()
                .flatMap(best -> names.stream().filter(best::equalsIgnoreCase))
                .mapToInt(names::indexOf)
                .findFirst()
                .orElse(-1);
    }

    /** Whether it is 0, 1, 2 and so on, as pandas calls columns without names. */
    private boolean isNumbered(CsvRecord first) {
        List<String> numbers = IntStream.range(0, columns).mapToObj(Integer::toString).toList();
        return first.getFields().equals(numbers);
    }

    private String reading(CsvRecord first) {
        String told = "no header";
        if (!names.isEmpty()) {
            int unnamed = names.indexOf("") + 1;
            String lacks = unnamed == 0 ? "" : ", without a name for column " + unnamed;
            told = "line 1 is a header" + lacks;
        } else if (format.header() == null && isNumbered(first)) {
            told = "line 1 is a row (0, 1, 2 ...: if these are names, give --header yes)";
        }
        if (labelColumn < 0) {
            return told;
        }
        int column = labelColumn + 1;
        return names.isEmpty()
                ? "%s; label column %d".formatted(told, column)
                : "%s; label %s (column %d)".formatted(told, column(labelColumn), column);
    }

    /** The label's column, as {@link TableFormat#label} takes it; null for none. */
    private String labelOption() {
        String name = labelColumn < 0 || names.isEmpty() ? "" : names.get(labelColumn);
        return labelColumn < 0 ? null : name.isEmpty() ? "#" + labelColumn : name;
    }

    private void add(CsvRecord row) {
        if (row.getFieldCount() != columns) {
            String text = "%s:%d has %d fields, but the first line has %d";
            throw data(text, file, row.getStartingLineNumber(), row.getFieldCount(), columns);
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

    private String label(CsvRecord row) {
        String label = row.getField(labelColumn);
        if (!Decimal.isMissing(label)) {
            return label;
        }
        // rows to predict may be without labels; all others are refused, once their number is known
        if (features == 0 && unlabelled++ == 0) {
            firstUnlabelled = row;
        }
        return "";
    }

    private float number(CsvRecord row, int column) {
        float value = (float) Decimal.parse(row.getField(column));
        if (!Float.isFinite(value)) {
            long line = row.getStartingLineNumber();
            String name = names.isEmpty() ? "" : " (" + names.get(column) + ")";
            String text = "%s:%d column %d%s is \"%s\": every value must be a finite number";
            throw data(text, file, line, column + 1, name, row.getField(column));
        }
        return value;
    }
}
