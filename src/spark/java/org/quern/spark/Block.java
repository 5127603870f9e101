package org.quern.spark;

import java.io.Serializable;
import java.util.Arrays;

/** Some rows of a DataFrame as a trainer takes them: what is cached, and sent to who trains. */
final class Block implements Serializable {
    private static final long serialVersionUID = 1;

    /** Numbers of a block: at most 4 MB of floats. */
    private static final int SIZE = 1 << 20;

    final int partition;
    final int number; // in its partition
    final int width;
    int rows;
    byte[] pixels; // either these
    float[] values; // or these; neither in a summary
    double[] labels;
    boolean bytes; // whether they are pixels
    double most = -1; // of the labels
    String wrong; // the first thing that is; null if nothing is

    Block(int partition, int number, int width) {
        this.partition = partition;
        this.number = number;
        this.width = width;
        int most = Math.max(1, SIZE / Math.max(1, width));
        values = new float[most * width];
        labels = new double[most];
    }

    private Block(Block of) {
        partition = of.partition;
        number = of.number;
        width = of.width;
        rows = of.rows;
        most = of.most;
        bytes = of.bytes;
        wrong = of.wrong;
    }

    boolean isFull() {
        return rows == labels.length;
    }

    /** All but the rows, for the driver. */
    Block summary() {
        return new Block(this);
    }

    /** Takes no more rows; whole numbers from 0 to 255 become bytes if that is wanted. */
    Block finished(boolean asBytes) {
        labels = Arrays.copyOf(labels, rows);
        values = Arrays.copyOf(values, rows * width);
        for (double label : labels) {
            most = Math.max(most, label);
        }
        if (asBytes && arePixels(values)) {
            pixels = new byte[values.length];
            for (int i = 0; i < pixels.length; i++) {
                pixels[i] = (byte) (int) values[i];
            }
            values = null;
            bytes = true;
        }
        return this;
    }

    private static boolean arePixels(float[] values) {
        for (float value : values) {
            if (!(value >= 0 && value <= 255 && value == (int) value)) {
                return false;
            }
        }
        return true;
    }

    /** Some of the rows, by their numbers. */
    Block some(int... chosen) {
        Block some = new Block(this);
        some.rows = chosen.length;
        some.labels = new double[some.rows];
        some.pixels = pixels == null ? null : new byte[some.rows * width];
        some.values = values == null ? null : new float[some.rows * width];
        Object from = pixels == null ? values : pixels;
        Object to = pixels == null ? some.values : some.pixels;
        for (int i = 0; i < some.rows; i++) {
            some.labels[i] = labels[chosen[i]];
            System.arraycopy(from, chosen[i] * width, to, i * width, width);
        }
        return some;
    }
}
