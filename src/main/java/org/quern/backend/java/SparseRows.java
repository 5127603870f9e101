package org.quern.backend.java;

import org.quern.data.Dataset;

/** A data set of bytes without its zeros: columns and values of the others, row after row. */
final class SparseRows {
    /** Beyond this share of values that are not zero, the dense form is as good. */
    private static final double MOST_DENSITY = 0.5;

    private static final int MOST_COLUMNS = 1 << 16;

    private final int[] start;
    private final char[] column;
    private final byte[] value;

    private SparseRows(int[] start, char[] column, byte[] value) {
        this.start = start;
        this.column = column;
        this.value = value;
    }

    /** The sparse form of a data set; null if it has none, or none that pays. */
    static SparseRows of(Dataset set) {
        if (!set.isPixels() || set.features() > MOST_COLUMNS) {
            return null;
        }
        byte[] pixels = set.pixels();
        int count = 0;
        for (byte pixel : pixels) {
            count += pixel != 0 ? 1 : 0;
        }
        if (count > pixels.length * MOST_DENSITY) {
            return null;
        }
        int[] start = new int[set.rows() + 1];
        char[] column = new char[count];
        byte[] value = new byte[count];
        int n = 0;
        for (int row = 0; row < set.rows(); row++) {
            start[row] = n;
            int from = row * set.features();
            for (int i = 0; i < set.features(); i++) {
                if (pixels[from + i] != 0) {
                    column[n] = (char) i;
                    value[n++] = pixels[from + i];
                }
            }
        }
        start[set.rows()] = n;
        return new SparseRows(start, column, value);
    }

    /**
     * Reads a word of each cache line of some rows, so that they come from memory side by side.
     *
     * @return something that depends on all of it
     */
    int touch(int[] rows, int count) {
        int sum = 0;
        for (int b = 0; b < count; b++) {
            int end = start[rows[b] + 1];
            for (int e = start[rows[b]]; e < end; e += 32) {
                sum += column[e] + value[e];
            }
        }
        return sum;
    }

    /** Appends a row's entries, scaled, from index {@code at}; returns the index behind them. */
    int copy(int row, int[] columns, float[] values, int at, float scale) {
        int from = start[row];
        int n = start[row + 1] - from;
        for (int e = 0; e < n; e++) {
            columns[at + e] = column[from + e];
        }
        for (int e = 0; e < n; e++) {
            values[at + e] = (value[from + e] & 0xff) * scale;
        }
        return at + n;
    }
}
