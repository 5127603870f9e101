package org.quern.data;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A column of a table while it is read. */
final class TableColumn {
    /** Where it is in the file, from 0. */
    final int index;

    /** Where it is among the inputs or targets of a row. */
    final int place;

    final String name;

    /** What is taken from each number before it is narrowed. */
    final double offset;

    boolean hasGaps;

    /** A number with leading zeros, which it may have had for a code; or null. */
    String code;

    /** Least and most of the numbers so far. */
    double least = Double.POSITIVE_INFINITY;

    double most = Double.NEGATIVE_INFINITY;

    /** Of a category the index of each text, in any spelling; null for numbers. */
    private Map<String, Integer> indices;

    private List<String> values;
    private boolean open;
    private boolean isKnown;

    private TableColumn(int index, int place, String name, double offset) {
        this.index = index;
        this.place = place;
        this.name = name;
        this.offset = offset;
    }

    /** A column that holds, as its first values tell, such values. */
    static TableColumn of(int index, int place, String name, CsvHead.Kind kind) {
        TableColumn column = new TableColumn(index, place, name, 0);
        column.open = kind == CsvHead.Kind.OPEN;
        if (kind == CsvHead.Kind.CATEGORY) {
            column.becomeCategory();
        }
        return column;
    }

    /** A column that holds what one of a table that was read before does. */
    static TableColumn of(int index, int place, Column known) {
        TableColumn column = new TableColumn(index, place, known.name(), known.offset());
        if (known.isCategory()) {
            column.becomeCategory();
            column.isKnown = !known.values().isEmpty();
            column.values.addAll(known.values());
            column.indices.putAll(Classes.places(known.values()));
        }
        return column;
    }

    /** The same before its numbers have been read, from which an offset is taken this time. */
    TableColumn again(double newOffset) {
        if (isCategory()) {
            return this;
        }
        TableColumn column = new TableColumn(index, place, name, newOffset);
        column.open = open;
        return column;
    }

    boolean isCategory() {
        return values != null;
    }

    /** Whether it has had no value. */
    boolean isEmpty() {
        return isCategory() ? values.isEmpty() : least > most;
    }

    /** Whether it holds numbers from 0 to 255, in each row. */
    boolean isPixel() {
        return !isCategory() && !isEmpty() && !hasGaps && least >= 0 && most <= Dataset.BRIGHTEST;
    }

    /** Whether its first value is to say what it holds. */
    boolean isOpen() {
        return open && isEmpty();
    }

    void becomeCategory() {
        indices = new HashMap<>();
        values = new ArrayList<>();
    }

    /** The index of a category's text that has been seen; −1 of another. */
    int seen(String text) {
        return indices.getOrDefault(text, -1);
    }

    /** The index of a category's number or text that has not been seen in this spelling. */
    int indexOfNumber(String text) {
        return indexOf(text, isKnown ? Decimal.canonical(text) : Decimal.spelling(text));
    }

    /** The index of a category's text that has not been seen, which stands for {@code value}. */
    int indexOf(String text, String value) {
        Integer known = indices.putIfAbsent(value, values.size());
        if (known == null) {
            known = values.size();
            values.add(value);
        }
        indices.put(text, known);
        return known;
    }

    /** A number as it is kept. */
    float narrow(double number) {
        if (number < least) {
            least = number;
        }
        if (number > most) {
            most = number;
        }
        return (float) (number - offset);
    }

    Column column() {
        return new Column(name, values, offset);
    }

    /** What is to be taken from its numbers, if they are read again. */
    double offset() {
        return isCategory() || isEmpty() ? 0 : Column.offset(least, most);
    }
}
