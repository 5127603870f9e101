package org.quern.report;

import static java.util.stream.Collectors.joining;
import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.quern.data.Dataset;
import org.quern.data.Exploration;
import org.quern.data.Pictures;
import org.quern.data.Splits;
import org.quern.data.Statistics;

/** What data looks like, for a terminal of 80 columns or a log. */
public final class DataText {
    private static final int BAR = 50;
    private static final int MOST_CLASSES = 30;
    private static final int MOST_PAIRS = 5;

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
                        .collect(joining(", "));
        return values(set) + "; " + classes(set) + ": " + rows;
    }

    /** Rows, shape, range, mean and deviation of the raw values. */
    public static String values(Dataset set) {
        Statistics s = Statistics.of(set);
        return format(
                "%,d rows of %s, values %s, mean %.4f, deviation %.4f, %.1f %% not 0",
                s.rows(), shape(set.shape()), range(s), s.mean(), s.deviation(), 100 * s.nonZero());
    }

    /** Least and largest value: {@code 0 to 255}. */
    public static String range(Statistics statistics) {
        return number(statistics.min()) + " to " + number(statistics.max());
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
                : IntStream.of(shape).mapToObj(Integer::toString).collect(joining(" x "));
    }

    /** Whether files are the original ones. */
    public static String differing(List<String> names) {
        return names.isEmpty()
                ? "all four files are the original ones"
                : "not the original contents: " + String.join(", ", names);
    }

    /** A value of the data, in full if it is a whole number. */
    public static String number(double value) {
        return format(value == Math.rint(value) ? "%.0f" : "%.4g", value);
    }

    // ---- exploring

    /**
     * Counts of each class as bars, the examples, the mean image of each class, and rows that are
     * there twice.
     *
     * @param colour whether a terminal will show it, with colours
     */
    public static String of(Exploration data, boolean colour) {
        Dataset train = data.splits().train();
        List<String> parts = new ArrayList<>();
        String numbers = numbers(data);
        if (train.hasLabels()) {
            parts.add(numbers != null ? numbers : rowsOfClasses(data));
        }
        Pictures pictures = Pictures.of(train);
        if (pictures == null) {
            parts.add("rows are no images: there are no pictures to show");
        } else {
            PictureRows examples = new PictureRows(pictures, colour);
            for (int row : data.examples()) {
                examples.add(pictures.pixels(row), data.label(row));
            }
            parts.addAll(List.of("examples (training rows drawn at random)", examples.text()));
            if (train.hasLabels() && numbers == null) {
                PictureRows means = new PictureRows(pictures, colour);
                for (int c = 0; c < Math.min(train.classes().size(), MOST_CLASSES); c++) {
                    means.add(pictures.mean(data.rowsOf(c)), train.classes().get(c));
                }
                parts.addAll(List.of("the mean image of each class", means.text()));
            }
        }
        parts.add(String.join("\n", duplicates(data)));
        return String.join("\n\n", parts);
    }

    /** The line on labels that are rather numbers than classes; null without such. */
    public static String numbers(Exploration data) {
        Statistics numbers = data.numbers();
        if (numbers == null) {
            return null;
        }
        int different = data.splits().train().classes().size();
        return format(
                "labels are numbers: %,d different ones, %s, mean %.4f, deviation %.4f; train"
                        + " --loss mse predicts them",
                different, range(numbers), numbers.mean(), numbers.deviation());
    }

    private static String rowsOfClasses(Exploration data) {
        Dataset rows = data.splits().test(); // its classes are training's, and any more
        boolean test = rows != null && rows.hasLabels();
        List<String> names = (test ? rows : data.splits().train()).classes();
        int[] counts = Arrays.copyOf(data.train().perClass(), names.size());
        int most = Math.max(1, IntStream.of(counts).max().orElse(1));
        int name = names.stream().mapToInt(String::length).max().orElse(0);
        Table table = test ? new Table("  ", -name, 8, 7, -1) : new Table("  ", -name, 8, -1);
        table.row("rows of each class" + (rows == null ? "" : " (training, then test)"));
        for (int c = 0; c < Math.min(names.size(), MOST_CLASSES); c++) {
            List<String> cells = new ArrayList<>(List.of(format("%,d", counts[c])));
            if (test) {
                cells.add(format("%,d", data.test().perClass()[c]));
            }
            cells.add("#".repeat(Math.round((float) BAR * counts[c] / most)));
            table.row(names.get(c), cells);
        }
        if (names.size() > MOST_CLASSES) {
            table.row(format("and %,d more classes", names.size() - MOST_CLASSES));
        }
        return table.text();
    }

    /** The lines on rows that are there twice. */
    public static List<String> duplicates(Exploration data) {
        String twice =
                format("twice in training: %,d of %,d rows", data.repeated(), data.train().rows());
        List<Exploration.Duplicate> pairs = data.leaked();
        if (pairs == null) {
            return List.of(twice);
        }
        long others = pairs.stream().filter(pair -> !pair.sameLabel()).count();
        String named =
                pairs.stream()
                        .limit(MOST_PAIRS)
                        .map(pair -> format("test %d = training %d", pair.second(), pair.first()))
                        .collect(joining(", "));
        String leaked =
                format(
                        "in training and test: %,d of %,d test rows",
                        pairs.size(), data.test().rows());
        return List.of(
                twice,
                leaked
                        + (others == 0 ? "" : format(", %,d with another label", others))
                        + (pairs.isEmpty() ? "" : ": " + named)
                        + (pairs.size() > MOST_PAIRS ? ", ..." : ""));
    }
}
