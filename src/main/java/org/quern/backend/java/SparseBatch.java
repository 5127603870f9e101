package org.quern.backend.java;

import java.util.Arrays;
import org.quern.data.Dataset;

/**
 * The values of a batch that are not zero, row by row and, sorted, column by column, and its
 * products: a zero times a finite weight adds nothing, and a weight that is not finite is found
 * when the epoch ends.
 *
 * <p>C2 turns a counted loop into vector instructions only if all arrays are read and written at
 * the same index: of two places in arrays, which might be one array, it does not know that they do
 * not overlap. So a matrix is given as arrays of its rows. Longer sums than of four are too much.
 */
final class SparseBatch {
    private int columns;
    private final int[] column;
    private final float[] value;
    private final int[] rowStart;
    private final int[] row;
    private final float[] sortedValue;
    private final int[] columnStart;
    private int rows;
    private int touched; // kept, so that the compiler keeps the reads

    SparseBatch(int mostRows, int columns) {
        this.columns = columns;
        int most = Math.multiplyExact(mostRows, columns);
        column = new int[most];
        value = new float[most];
        rowStart = new int[mostRows + 1];
        row = new int[most];
        sortedValue = new float[most];
        columnStart = new int[columns + 2];
    }

    /** Makes this take matrices of another width, at most the widest. */
    SparseBatch of(int newColumns) {
        columns = newColumns;
        return this;
    }

    void collect(float[] x, int at, int newRows) {
        rows = newRows;
        int n = 0;
        for (int b = 0; b < rows; b++) {
            rowStart[b] = n;
            int from = at + b * columns;
            for (int i = 0; i < columns; i++) {
                float v = x[from + i];
                column[n] = i;
                value[n] = v;
                n += v != 0 ? 1 : 0; // NaN counts
            }
        }
        rowStart[rows] = n;
    }

    /** Takes the scaled entries of sparse rows; {@code order[b]} is the row at place b. */
    void collect(SparseRows source, int[] order, int newRows, float scale) {
        rows = newRows;
        touched += source.touch(order, rows);
        int n = 0;
        for (int b = 0; b < rows; b++) {
            rowStart[b] = n;
            n = source.copy(order[b], column, value, n, scale);
        }
        rowStart[rows] = n;
    }

    /** Multiplies each entry by the value at its place in a dense matrix, for dropout. */
    void multiply(float[] keep) {
        for (int b = 0; b < rows; b++) {
            for (int e = rowStart[b]; e < rowStart[b + 1]; e++) {
                value[e] *= keep[b * columns + column[e]];
            }
        }
    }

    /** Sorts the entries by column, rows rising: a counting sort. */
    void sort() {
        Arrays.fill(columnStart, 0, columns + 2, 0);
        int n = rowStart[rows];
        for (int e = 0; e < n; e++) {
            columnStart[column[e] + 2]++;
        }
        for (int i = 2; i < columns + 2; i++) {
            columnStart[i] += columnStart[i - 1];
        }
        for (int b = 0; b < rows; b++) {
            for (int e = rowStart[b]; e < rowStart[b + 1]; e++) {
                int to = columnStart[column[e] + 1]++;
                row[to] = b;
                sortedValue[to] = value[e];
            }
        }
    }

    /** The rows of W [I × n] that a product needs. */
    float[][] rowsOf(float[] w, int wAt, int n, RowBuffers rows) {
        int count = rowStart[this.rows];
        return count < columns
                ? rows.copy(w, wAt, column, count, n)
                : rows.copy(w, wAt, columns, n);
    }

    /** y[j] = Σᵢ X[b,i] · w[i][j]. */
    void product(int b, float[][] w, float[] y, int n) {
        sumRows(value, column, rowStart[b], rowStart[b + 1], w, y, n);
    }

    /** y[j] = Σ_b X[b,i] · d[b][j]; the entries must be sorted. */
    void transposedProduct(int i, float[][] d, float[] y, int n) {
        sumRows(sortedValue, row, columnStart[i], columnStart[i + 1], d, y, n);
    }

    static void add(float a, float[] x, float[] y, int n) {
        for (int j = 0; j < n; j++) {
            y[j] += a * x[j];
        }
    }

    private static void add2(float a, float[] p, float b, float[] q, float[] y, int n) {
        for (int j = 0; j < n; j++) {
            y[j] = y[j] + a * p[j] + b * q[j];
        }
    }

    private static void add4(
            float a,
            float[] p,
            float b,
            float[] q,
            float c,
            float[] r,
            float d,
            float[] s,
            float[] y,
            int n) {
        for (int j = 0; j < n; j++) {
            y[j] = y[j] + a * p[j] + b * q[j] + c * r[j] + d * s[j];
        }
    }

    /** y[j] = Σₑ values[e] · x[indices[e]][j] over entries [from, to), added in that order. */
    private static void sumRows(
            float[] values, int[] indices, int from, int to, float[][] x, float[] y, int n) {
        Arrays.fill(y, 0, n, 0);
        int e = from;
        for (; e + 4 <= to; e += 4) {
            add4(
                    values[e],
                    x[indices[e]],
                    values[e + 1],
                    x[indices[e + 1]],
                    values[e + 2],
                    x[indices[e + 2]],
                    values[e + 3],
                    x[indices[e + 3]],
                    y,
                    n);
        }
        if (e + 2 <= to) {
            add2(values[e], x[indices[e]], values[e + 1], x[indices[e + 1]], y, n);
            e += 2;
        }
        if (e < to) {
            add(values[e], x[indices[e]], y, n);
        }
    }

    /** Rows of a matrix, each in an array of its own: as the loops want them. */
    static final class RowBuffers {
        private final float[][] rows;

        RowBuffers(int most) {
            rows = new float[most][0];
        }

        private float[] row(int i, int columns) {
            if (rows[i].length < columns) {
                rows[i] = new float[columns];
            }
            return rows[i];
        }

        /** Copies a matrix [count × columns]. */
        float[][] copy(float[] matrix, int at, int count, int columns) {
            for (int i = 0; i < count; i++) {
                System.arraycopy(matrix, at + i * columns, row(i, columns), 0, columns);
            }
            return rows;
        }

        /** Copies those rows of a matrix that the first {@code count} indices name. */
        float[][] copy(float[] matrix, int at, int[] indices, int count, int columns) {
            for (int e = 0; e < count; e++) {
                int i = indices[e];
                System.arraycopy(matrix, at + i * columns, row(i, columns), 0, columns);
            }
            return rows;
        }

        /** Copies the columns of a matrix [height × width]. */
        float[][] columns(float[] matrix, int at, int height, int width) {
            for (int j = 0; j < width; j++) {
                float[] row = row(j, height);
                for (int i = 0; i < height; i++) {
                    row[i] = matrix[at + i * width + j];
                }
            }
            return rows;
        }
    }

    /** A data set of bytes without its zeros: columns and values of the others, row after row. */
    record SparseRows(int[] start, char[] column, byte[] value) {
        /** Beyond this share of values that are not zero, the dense form is as good. */
        private static final double MOST_DENSITY = 0.5;

        private static final int MOST_COLUMNS = 1 << 16;

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

        /** Reads a word of each cache line of some rows, which so come side by side; their sum. */
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

        /** Appends a row's entries, scaled, at an index; returns the index behind them. */
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
}
