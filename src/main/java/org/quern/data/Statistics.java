package org.quern.data;

import static org.quern.QuernException.given;

import java.util.Locale;

/**
 * What a data set looks like in numbers, on its raw values.
 *
 * @param rows number of rows
 * @param min least value
 * @param max largest value
 * @param mean of all values
 * @param deviation standard deviation of all values (divided by their number, not one less)
 * @param nonZero fraction of values that are not 0
 * @param perClass rows of each class; empty without labels
 */
public record Statistics(
        int rows,
        double min,
        double max,
        double mean,
        double deviation,
        double nonZero,
        int[] perClass) {

    /** A value of the data as text, in full if it is a whole number. */
    public static String number(double value) {
        return String.format(Locale.ROOT, value == Math.rint(value) ? "%.0f" : "%.4g", value);
    }

    /** The largest absolute value. */
    public double largest() {
        return Math.max(-min, max);
    }

    /** Looks at every value once. */
    public static Statistics of(Dataset set) {
        double min = Double.POSITIVE_INFINITY;
        double max = Double.NEGATIVE_INFINITY;
        double sum = 0;
        double squares = 0;
        long nonZero = 0;
        long count = (long) given(set, "rows").rows() * set.features();
        if (set.isPixels()) {
            byte[] pixels = set.pixels();
            int[] histogram = new int[256];
            for (int i = 0; i < pixels.length; i++) {
                if (pixels[i] != 0) { // most are: to count these one by one would take long
                    histogram[pixels[i] & 0xff]++;
                    nonZero++;
                }
            }
            histogram[0] = (int) (count - nonZero);
            for (int value = 0; value < histogram.length; value++) {
                if (histogram[value] > 0) {
                    min = Math.min(min, value);
                    max = value;
                    sum += (double) histogram[value] * value;
                    squares += (double) histogram[value] * value * value;
                }
            }
        } else {
            for (float value : set.values()) {
                if (Float.isNaN(value)) { // a gap of a table
                    count--;
                    continue;
                }
                min = Math.min(min, value);
                max = Math.max(max, value);
                sum += value;
                squares += (double) value * value;
                nonZero += value != 0 ? 1 : 0;
            }
        }
        double mean = sum / count;
        double deviation = Math.sqrt(Math.max(0, squares / count - mean * mean));
        double share = (double) nonZero / count;
        return new Statistics(set.rows(), min, max, mean, deviation, share, perClass(set));
    }

    /** Rows of each class; empty without labels. */
    public static int[] perClass(Dataset set) {
        int[] perClass = new int[given(set, "rows").classes().size()];
        for (int row = 0; set.hasLabels() && row < set.rows(); row++) {
            perClass[set.labels()[row]]++;
        }
        return perClass;
    }

    @Override
    public String toString() {
        String text = "%,d rows, %s to %s, mean %s, deviation %s";
        return String.format(
                Locale.ROOT, text, rows, number(min), number(max), number(mean), number(deviation));
    }
}
