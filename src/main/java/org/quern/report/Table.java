package org.quern.report;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Texts in columns, each as wide as the widest of them.
 *
 * @hidden
 */
public final class Table {
    private final String gap;
    private final int[] least;
    private final List<List<String>> rows = new ArrayList<>();

    /**
     * An empty table.
     *
     * @param gap what stands between two columns
     * @param least width of each column, negative if its texts begin at the left; the last one is
     *     that of all further columns, too
     */
    public Table(String gap, int... least) {
        this.gap = gap;
        this.least = least;
    }

    /** Adds a row of as many texts as each other has, or a line of one text in no column. */
    public Table row(String... cells) {
        return add(Stream.of(cells));
    }

    /** Adds a row that begins with its name. */
    Table row(String name, List<String> cells) {
        return add(Stream.concat(Stream.of(name), cells.stream()));
    }

    private Table add(Stream<String> cells) {
        rows.add(cells.map(Table::oneLine).toList());
        return this;
    }

    /** What a class or a column is called, of which a file may have made several lines. */
    static String oneLine(String text) {
        return text.replaceAll("\\R", " ");
    }

    /** The lines. A text at the left of the last column is not filled up. */
    public List<String> lines() {
        int columns = rows.stream().mapToInt(List::size).max().orElse(0);
        List<String> formats = new ArrayList<>();
        for (int i = 0; i < columns; i++) {
            int column = i;
            int asked = least[Math.min(i, least.length - 1)];
            Stream<List<String>> full = rows.stream().filter(row -> row.size() > 1);
            int widest = full.mapToInt(row -> row.get(column).length()).max().orElse(0);
            int width = Math.max(Math.abs(asked), widest);
            boolean open = asked < 0 && i == columns - 1;
            formats.add(open ? "%s" : "%" + (asked < 0 ? -width : width) + "s");
        }
        String format = String.join(gap, formats);
        return rows.stream()
                .map(row -> row.size() == 1 ? row.get(0) : format.formatted(row.toArray()))
                .toList();
    }

    public String text() {
        return String.join("\n", lines());
    }
}
