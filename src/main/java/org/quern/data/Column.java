package org.quern.data;

import java.util.List;

/**
 * A column of a table as it was read.
 *
 * @param name empty where the table has no header
 * @param values null for a column of numbers; else the different texts of a category
 * @param offset what was taken from each number before it was narrowed to a float: 0, but for
 *     numbers that a float could not tell apart, such as seconds since 1970
 */
public record Column(String name, List<String> values, double offset) {
    public Column {
        values = values == null ? null : List.copyOf(values);
    }

    /** A column of numbers, as they are. */
    public static Column numbers(String name) {
        return new Column(name, null, 0);
    }

    public boolean isCategory() {
        return values != null;
    }
}
