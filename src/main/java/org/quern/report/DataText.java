package org.quern.report;

import static org.quern.report.Numbers.format;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.quern.data.Dataset;
import org.quern.data.Statistics;

/** What a data set looks like, in words. */
public final class DataText {
    private DataText() {}

    /** {@link #values}, and rows of each class. */
    public static String of(Dataset set) {
        if (!set.hasLabels()) {
            return values(set);
        }
        int[] perClass = Statistics.of(set).perClass();
        return values(set)
                + format("; %d classes: ", set.classes().size())
                + IntStream.range(0, set.classes().size())
                        .mapToObj(c -> format("%s (%,d)", set.classes().get(c), perClass[c]))
                        .collect(Collectors.joining(", "));
    }

    /** Rows, shape, range, mean and deviation of the raw values. */
    public static String values(Dataset set) {
        Statistics s = Statistics.of(set);
        return format(
                "%,d rows of %s, %s to %s, mean %.4f, deviation %.4f, %.1f %% not 0",
                s.rows(),
                shape(set.shape()),
                number(s.min()),
                number(s.max()),
                s.mean(),
                s.deviation(),
                100 * s.nonZero());
    }

    /** Extents with crosses between: {@code 28 x 28}. */
    public static String shape(int[] shape) {
        return shape.length == 1
                ? shape[0] + " values"
                : IntStream.of(shape)
                        .mapToObj(Integer::toString)
                        .collect(Collectors.joining(" x "));
    }

    /** Whether files are the original ones. */
    public static String differing(List<String> names) {
        return names.isEmpty()
                ? "all four files are the original ones"
                : "not the original contents: " + String.join(", ", names);
    }

    /** A value of the data, in full if it is a whole number. */
    public static String number(double value) {
        return value == Math.rint(value) ? format("%.0f", value) : format("%.4g", value);
    }
}
