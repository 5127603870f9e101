package org.quern.data;

import static org.quern.QuernException.require;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.quern.QuernException;

/**
 * What the first lines of a CSV file tell of the others.
 *
 * @param separator what stands between two fields
 * @param isHeader whether the first line names the columns
 * @param first fields of the first line
 * @param rows fields of those that follow, at most 100
 */
record CsvHead(char separator, boolean isHeader, List<String> first, List<List<String>> rows) {
    /** The column that holds the label if nobody says: the best name first. */
    static final List<String> LABEL_NAMES = List.of("label", "class", "target", "y");

    private static final char[] SEPARATORS = {',', ';', '\t'};
    private static final int LOOKED_AT = 100;

    /** So many different texts among numbers are no slips, and no marks of gaps. */
    private static final int MANY_TEXTS = 10;

    /** What a column holds, as far as one sees. */
    enum Kind {
        NUMBERS,
        CATEGORY,
        /** It has no value yet. */
        OPEN
    }

    static CsvHead of(CsvText text, TableFormat format) {
        Character told = format.separator() != null ? format.separator() : text.separator();
        CsvHead best = null;
        long bestScore = -1;
        QuernException refusal = null;
        for (char separator : told != null ? new char[] {told} : SEPARATORS) {
            try {
                CsvHead head = read(text, separator);
                long score = head.score();
                if (score > bestScore) {
                    best = head;
                    bestScore = score;
                }
            } catch (QuernException e) {
                refusal = refusal == null ? e : refusal;
            }
        }
        if (refusal != null && (best == null || best.columns() == 1)) {
            throw refusal;
        }
        boolean header = format.header() != null ? format.header() : best.looksNamed(format);
        return new CsvHead(best.separator, header, best.first, best.rows);
    }

    private static CsvHead read(CsvText text, char separator) {
        List<List<String>> lines = new ArrayList<>();
        text.lines(
                separator,
                (number, line) -> {
                    String none = "%s:%d is not text: it holds characters of code 0";
                    boolean isText = line.stream().noneMatch(field -> field.indexOf('\0') >= 0);
                    require(isText, none, text.file(), number);
                    lines.add(line);
                    return lines.size() <= LOOKED_AT;
                });
        require(!lines.isEmpty(), "%s is empty: it needs a line for each example", text.file());
        return new CsvHead(separator, false, lines.get(0), lines.subList(1, lines.size()));
    }

    /** How much it looks like the separator: lines of as many fields as the first; then numbers. */
    private long score() {
        int columns = first.size();
        if (columns == 1) {
            return 0;
        }
        long alike = 1 + rows.stream().filter(row -> row.size() == columns).count();
        long numbers = rows.stream().flatMap(List::stream).filter(this::isNumber).count();
        return (alike << 48) + (numbers << 24) + columns;
    }

    int columns() {
        return first.size();
    }

    /** Whether it is a number; where semicolons leave it free, a decimal comma may be in it. */
    boolean isNumber(String text) {
        return !Double.isNaN(Decimal.parse(text))
                || separator == ';' && !Double.isNaN(Decimal.parse(text.replace(',', '.')));
    }

    private boolean isText(String text, TableFormat format) {
        return !isNumber(text) && !Decimal.isDressed(text) && !format.isGap(text);
    }

    private List<String> below(int column) {
        return rows.stream()
                .filter(row -> column < row.size())
                .map(row -> row.get(column))
                .toList();
    }

    /** Numbers, but where more of the values that are there are text, or many different ones. */
    Kind kind(int column, TableFormat format) {
        List<String> there = new ArrayList<>(below(column));
        if (!isHeader) {
            there.add(first.get(column));
        }
        there.removeIf(format::isGap);
        List<String> texts = there.stream().filter(text -> isText(text, format)).toList();
        if (there.isEmpty()) {
            return Kind.OPEN;
        }
        boolean many = texts.stream().distinct().limit(MANY_TEXTS).count() == MANY_TEXTS;
        return many || 2 * texts.size() > there.size() ? Kind.CATEGORY : Kind.NUMBERS;
    }

    /** Whether a column has another whole number, from 0, in each row. */
    boolean numbersRows(int column) {
        Set<String> different = new HashSet<>();
        return below(column).stream().allMatch(s -> s.matches("\\d{1,18}") && different.add(s));
    }

    private boolean looksNamed(TableFormat format) {
        Header known = format.known();
        for (int i = 0; i < columns(); i++) {
            String field = first.get(i);
            List<String> below = below(i);
            boolean isName = isLabelName(field, format) || !isNumber(field) && isIn(known, field);
            boolean text =
                    isText(field, format) && below.stream().noneMatch(s -> isText(s, format));
            if (isName && !below.contains(field)
                    || text && below.stream().anyMatch(this::isNumber)) {
                return true;
            }
        }
        boolean counted = first.get(0).isEmpty() && !rows.isEmpty() && numbersRows(0);
        boolean all =
                known != null
                        && known.isNamed()
                        && known.inputs().stream().allMatch(c -> first.contains(c.name()));
        boolean texts = rows.isEmpty() && first.stream().allMatch(s -> isText(s, format));
        return counted || all || texts;
    }

    private static boolean isIn(Header known, String field) {
        return known != null
                && !field.isEmpty()
                && known.inputs().stream().anyMatch(column -> column.name().equals(field));
    }

    private boolean isLabelName(String field, TableFormat format) {
        String asked = format.label();
        boolean isAsked =
                asked != null
                        && (field.equals(asked) || TableFormat.list(asked).contains(field))
                        && !field.isEmpty();
        return isAsked ? !isNumber(field) : isLabelName(field);
    }

    static boolean isLabelName(String name) {
        return LABEL_NAMES.stream().anyMatch(name::equalsIgnoreCase);
    }

    /** Whether the first line is 0, 1, 2 and so on, as pandas calls columns without names. */
    boolean isNumbered() {
        List<String> numbers = IntStream.range(0, columns()).mapToObj(Integer::toString).toList();
        return first.equals(numbers);
    }
}
