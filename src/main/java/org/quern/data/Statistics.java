package org.quern.data;

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
        long count = (long) set.rows() * set.features();
        for (int i = 0; i < count; i++) {
            double value = set.isPixels() ? set.pixels()[i] & 0xff : set.values()[i];
            min = Math.min(min, value);
            max = Math.max(max, value);
            sum += value;
            squares += value * value;
            nonZero += value != 0 ? 1 : 0;
        }
        double mean = sum / count;
        int[] perClass = new int[set.classes().size()];
        for (int row = 0; set.hasLabels() && row < set.rows(); row++) {
            perClass[set.labels()[row]]++;
        }
        double deviation = Math.sqrt(Math.max(0, squares / count - mean * mean));
        double share = (double) nonZero / count;
        return new Statistics(set.rows(), min, max, mean, deviation, share, perClass);
    }
}
