package org.quern.report;

import static org.quern.report.Numbers.format;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.quern.data.Dataset;
import org.quern.data.Splits;
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
        String rows =
                IntStream.range(0, perClass.length)
                        .mapToObj(c -> format("%s (%,d)", set.classes().get(c), perClass[c]))
                        .collect(Collectors.joining(", "));
        return values(set) + "; " + classes(set) + ": " + rows;
    }

    /** Rows, shape, range, mean and deviation of the raw values. */
    public static String values(Dataset set) {
        Statistics s = Statistics.of(set);
        return format(
                "%,d rows of %s, %s, mean %.4f, deviation %.4f, %.1f %% not 0",
                s.rows(), shape(set.shape()), range(s), s.mean(), s.deviation(), 100 * s.nonZero());
    }

    /** Least and largest value: {@code values 0 to 255}. */
    public static String range(Statistics statistics) {
        return "values " + number(statistics.min()) + " to " + number(statistics.max());
    }

    /** How a source was read, as the end of a line; empty where there is nothing to tell. */
    public static String reading(Splits splits) {
        return splits.reading().isEmpty() ? "" : "; " + splits.reading();
    }

    /** How many classes there are. */
    public static String classes(Dataset set) {
        int classes = set.classes().size();
        return format(classes == 1 ? "%,d class" : "%,d classes", classes);
    }

    /** Extents with crosses between: {@code 28 x 28}. */
    public static String shape(int[] shape) {
        return shape.length == 1
                ? shape[0] + (shape[0] == 1 ? " value" : " values")
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
