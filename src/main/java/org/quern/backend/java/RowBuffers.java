package org.quern.backend.java;

/** Rows of a matrix, each in an array of its own: as {@link Loops} want them. */
final class RowBuffers {
    private final float[][] rows;

    /**
     * @param most how many rows a matrix may have
     */
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

    /** Copies those rows of a matrix that {@code indices[0]} to {@code indices[count - 1]} name. */
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
