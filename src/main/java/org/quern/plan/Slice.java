package org.quern.plan;

/**
 * A named row-major matrix [rows × columns] of float32 inside the arena of a {@link Plan}.
 *
 * @param name for messages and tables, for instance {@code 0.weight} or {@code 0.weight gradient}
 * @param offset index of its first value in the arena, a multiple of {@link Plan#ALIGNMENT}
 * @param rows of activations, the most that a pass may use
 * @param columns number of columns, and the distance between rows: there is no padding
 */
public record Slice(String name, long offset, int rows, int columns) {
    public long size() {
        return (long) rows * columns;
    }

    /** Index just behind its last value. */
    public long end() {
        return offset + size();
    }

    public Slice first(int newRows) {
        return new Slice(name, offset, newRows, columns);
    }
}
