package org.quern.data;

import java.util.ArrayList;
import java.util.List;

/** Rows of floats whose number is not known before, kept in pieces: to grow copies nothing. */
final class FloatRows {
    /** Floats of a piece, about; small beside a table, and no humongous object of the heap. */
    private static final int PIECE = 1 << 15;

    /** Rows of the first piece: often there are few. */
    private static final int FEW = 16;

    private final int width;
    private final int largest;
    private final List<float[]> pieces = new ArrayList<>();
    private float[] piece;
    private int at;
    private int rows;

    /** {@code width}: floats of a row, at least 1. */
    FloatRows(int width) {
        this.width = width;
        largest = Math.max(1, PIECE / width) * width;
        piece = new float[Math.min(FEW * width, largest)];
    }

    void set(int column, float value) {
        piece[at + column] = value;
    }

    /** Ends a row, of which each column has been set. */
    void endRow() {
        rows++;
        at += width;
        if (at == piece.length) {
            pieces.add(piece);
            piece = new float[Math.min(2 * piece.length, largest)];
            at = 0;
        }
    }

    /**
     * All rows, one behind the other, of the columns given; these rows are gone then.
     *
     * @param name for a message: what they are of
     */
    float[] take(int[] columns, String name) {
        float[] all = new float[Dataset.size(name, rows, columns.length)];
        pieces.add(piece);
        int to = 0;
        for (int i = 0; i < pieces.size(); i++) {
            float[] from = pieces.set(i, null);
            for (int row = 0; row < from.length && to < all.length; row += width) {
                if (columns.length == width) { // then they are in order, too
                    System.arraycopy(from, row, all, to, width);
                    to += width;
                } else {
                    for (int column : columns) {
                        all[to++] = from[row + column];
                    }
                }
            }
        }
        return all;
    }
}
