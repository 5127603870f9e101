package org.quern.report;

import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.quern.data.Dataset;
import org.quern.data.Exploration;
import org.quern.data.Pictures;
import org.quern.data.Statistics;

/** What data looks like, for a terminal of 80 columns or a log. */
public final class ExploreText {
    private static final int BAR = 50;
    private static final int MOST_CLASSES = 30;
    private static final int MOST_PAIRS = 5;

    private ExploreText() {}

    /**
     * Counts of each class as bars, the examples, the mean image of each class, and rows that are
     * there twice.
     *
     * @param colour whether a terminal will show it, with colours
     */
    public static String of(Exploration data, boolean colour) {
        List<String> parts = new ArrayList<>();
        String numbers = numbers(data);
        boolean classes = data.splits().train().hasLabels() && numbers == null;
        if (numbers != null) {
            parts.add(numbers);
        }
        if (classes) {
            parts.add(classes(data));
        }
        Pictures pictures = Pictures.of(data.splits().train());
        if (pictures == null) {
            parts.add("rows are no images: there are no pictures to show");
        } else {
            PictureRows examples = new PictureRows(pictures, colour);
            for (int row : data.examples()) {
                examples.add(pictures.pixels(row), data.label(row));
            }
            parts.add("examples (training rows drawn at random)");
            parts.add(examples.text());
            if (classes) {
                PictureRows means = new PictureRows(pictures, colour);
                List<String> names = data.splits().train().classes();
                for (int c = 0; c < Math.min(names.size(), MOST_CLASSES); c++) {
                    means.add(pictures.mean(data.rowsOf(c)), names.get(c));
                }
                parts.add("the mean image of each class");
                parts.add(means.text());
            }
        }
        parts.add(String.join("\n", duplicates(data)));
        return String.join("\n\n", parts);
    }

    /** The line on labels that are rather numbers than classes; null without such. */
    public static String numbers(Exploration data) {
        Statistics numbers = data.numbers();
        return numbers == null
                ? null
                : format(
                        "labels are numbers: %,d different ones, %s to %s, mean %.4f, deviation"
                                + " %.4f; train --loss mse predicts them",
                        data.splits().train().classes().size(),
                        DataText.number(numbers.min()),
                        DataText.number(numbers.max()),
                        numbers.mean(),
                        numbers.deviation());
    }

    private static String classes(Exploration data) {
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
        List<String> lines = new ArrayList<>();
        lines.add(
                format("twice in training: %,d of %,d rows", data.repeated(), data.train().rows()));
        if (data.leaked() == null) {
            return lines;
        }
        List<Exploration.Duplicate> pairs = data.leaked();
        long others = pairs.stream().filter(pair -> !pair.sameLabel()).count();
        String line =
                format(
                        "in training and test: %,d of %,d test rows",
                        pairs.size(), data.test().rows());
        if (others > 0) {
            line += format(", %,d with another label", others);
        }
        String named =
                pairs.stream()
                        .limit(MOST_PAIRS)
                        .map(pair -> format("test %d = training %d", pair.second(), pair.first()))
                        .collect(Collectors.joining(", "));
        lines.add(
                line
                        + (pairs.isEmpty() ? "" : ": " + named)
                        + (pairs.size() > MOST_PAIRS ? ", ..." : ""));
        return lines;
    }
}
