package org.quern.backend.java;

import java.util.Arrays;

/**
 * The values of a batch that are not zero, row by row and, sorted, column by column. The first
 * layer's products are sums over them: a zero times a finite weight adds nothing, and a weight that
 * is not finite is found when the epoch ends.
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

    /** Takes the entries of a dense matrix. */
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

    /**
     * Multiplies each entry by its place in a dense matrix of factors, for dropout on the input.
     */
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
        Loops.sumRows(value, column, rowStart[b], rowStart[b + 1], w, y, n);
    }

    /** y[j] = Σ_b X[b,i] · d[b][j]; the entries must be sorted. */
    void transposedProduct(int i, float[][] d, float[] y, int n) {
        Loops.sumRows(sortedValue, row, columnStart[i], columnStart[i + 1], d, y, n);
    }
}
