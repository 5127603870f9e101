package org.quern.data;

import static org.quern.QuernException.copied;

import java.io.Serializable;
import java.util.List;

/**
 * A column of a table as it was read.
 *
 * @param name empty where the table has no header
 * @param values null for a column of numbers; else the different texts of a category
 * @param offset what was taken from each number before it was narrowed to a float: 0, but for
 *     numbers that a float could not tell apart, such as seconds since 1970
 */
public record Column(String name, List<String> values, double offset) implements Serializable {
    /** Where least and most of a column are so close, floats cannot tell its numbers apart. */
    private static final double CLOSE = 1000;

    public Column {
        values = values == null ? null : copied(values, "values");
    }

    /** A column of numbers, as they are. */
    public static Column numbers(String name) {
        return new Column(name, null, 0);
    }

    /** A category; its values are found in the rows. */
    public static Column category(String name) {
        return new Column(name, List.of(), 0);
    }

    /**
     * What to take from numbers between two before they are narrowed to floats: 0, but where floats
     * could hardly tell them apart; then a round number between them.
     */
    static double offset(double least, double most) {
        double range = most - least;
        if (!(range > 0) || isSpread(least, most)) {
            return 0;
        }
        double step = Math.pow(10, Math.floor(Math.log10(range)));
        return Math.min(most, Math.ceil(least / step) * step);
    }

    /** Whether floats tell numbers between two apart, and will whatever numbers are added. */
    static boolean isSpread(double least, double most) {
        return least <= most && Math.max(-least, most) <= CLOSE * (most - least);
    }

    public boolean isCategory() {
        return values != null;
    }
}
