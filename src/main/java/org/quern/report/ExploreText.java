package org.quern.report;

import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
            parts.add(
                    "examples (training rows drawn at random)\n\n"
                            + examples(data, pictures, colour));
            if (classes) {
                parts.add("the mean image of each class\n\n" + means(data, pictures, colour));
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
        List<String> names =
                (rows == null || !rows.hasLabels() ? data.splits().train() : rows).classes();
        int[] counts = Arrays.copyOf(data.train().perClass(), names.size());
        int most = Math.max(1, IntStream.of(counts).max().orElse(1));
        int name = names.stream().mapToInt(String::length).max().orElse(0);
        boolean test = rows != null && rows.hasLabels();
        int[] widths = test ? new int[] {-name, 8, 7, -1} : new int[] {-name, 8, -1};
        Table table = new Table("  ", widths);
        table.row("rows of each class" + (rows == null ? "" : " (training, then test)"));
        for (int c = 0; c < Math.min(names.size(), MOST_CLASSES); c++) {
            String count = format("%,d", counts[c]);
            String bar = "#".repeat(Math.round((float) BAR * counts[c] / most));
            if (test) {
                table.row(names.get(c), count, format("%,d", data.test().perClass()[c]), bar);
            } else {
                table.row(names.get(c), count, bar);
            }
        }
        if (names.size() > MOST_CLASSES) {
            table.row(format("and %,d more classes", names.size() - MOST_CLASSES));
        }
        return table.text();
    }

    private static String examples(Exploration data, Pictures pictures, boolean colour) {
        PictureRows rows = new PictureRows(pictures, colour);
        for (int row : data.examples()) {
            rows.add(pictures.pixels(row), data.label(row));
        }
        return rows.text();
    }

    private static String means(Exploration data, Pictures pictures, boolean colour) {
        PictureRows rows = new PictureRows(pictures, colour);
        List<String> names = data.splits().train().classes();
        for (int c = 0; c < Math.min(names.size(), MOST_CLASSES); c++) {
            rows.add(pictures.mean(data.rowsOf(c)), names.get(c));
        }
        return rows.text();
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
        lines.add(
                format(
                                "in training and test: %,d of %,d test rows",
                                pairs.size(), data.test().rows())
                        + (others == 0 ? "" : format(", %,d with another label", others))
                        + (pairs.isEmpty() ? "" : ": " + named(pairs)));
        return lines;
    }

    private static String named(List<Exploration.Duplicate> pairs) {
        List<String> names =
                pairs.stream()
                        .limit(MOST_PAIRS)
                        .map(pair -> format("test %d = training %d", pair.second(), pair.first()))
                        .toList();
        return String.join(", ", names) + (pairs.size() > MOST_PAIRS ? ", ..." : "");
    }
}
