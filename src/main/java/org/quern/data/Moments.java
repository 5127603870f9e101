package org.quern.data;

import java.io.Serializable;

/**
 * Count, mean, deviation and range of the numbers of a column, computed in float64.
 *
 * @hidden
 */
public final class Moments implements Serializable {
    private static final long serialVersionUID = 1;

    long count;
    double mean;
    double deviation;
    double min = Double.POSITIVE_INFINITY;
    double max = Double.NEGATIVE_INFINITY;

    /** Of every {@code width}th value from {@code first} on; NaN is a gap. */
    public Moments(float[] values, int first, int width, double offset) {
        double near = 0; // some value: sums of distances from it keep their digits
        double sum = 0;
        double squares = 0;
        for (int at = first; at < values.length; at += width) {
            float value = values[at];
            if (!Float.isNaN(value)) {
                near = count == 0 ? value : near;
                double distance = value - near;
                sum += distance;
                squares += distance * distance;
                min = value < min ? value : min;
                max = value > max ? value : max;
                count++;
            }
        }
        if (count == 0) {
            min = 0;
            max = 0;
        }
        // what rounding leaves of a constant is no deviation
        double shift = count == 0 ? 0 : sum / count;
        double variance = Math.max(0, squares / count - shift * shift);
        deviation = min == max ? 0 : Math.sqrt(variance);
        mean = offset + (min == max ? min : near + shift);
        min += offset;
        max += offset;
    }

    /** Those of these numbers and others, of which there may be none. */
    public Moments plus(Moments other) {
        if (count == 0 || other.count == 0) {
            return count == 0 ? other : this;
        }
        double apart = other.mean - mean;
        double share = (double) other.count / (count + other.count);
        double own = deviation * deviation;
        double variance = own + share * (other.deviation * other.deviation - own);
        deviation = Math.sqrt(variance + share * (1 - share) * apart * apart);
        mean += share * apart;
        min = Math.min(min, other.min);
        max = Math.max(max, other.max);
        count += other.count;
        return this;
    }

    public double min() {
        return min;
    }

    public double max() {
        return max;
    }
}
