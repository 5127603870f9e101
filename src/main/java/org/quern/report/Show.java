package org.quern.report;

import static org.quern.QuernException.copied;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;

import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.data.Dataset;
import org.quern.data.Pictures;
import org.quern.report.page.Page;
import org.quern.report.page.Svg;
import org.quern.train.ConfusionMatrix;
import org.quern.train.EpochResult;
import org.quern.train.History;

/**
 * Data and results as pictures, for a notebook or a file: images, and charts as the text of an SVG
 * file. No window is opened, so they can be made where there is no screen. What is null, empty or
 * out of range is a usage error ({@link org.quern.QuernException}).
 */
public final class Show {
    /** Pixels that {@link #pictures} enlarges to, and how many times at most. */
    private static final int WIDTH = 640;

    private static final int LARGEST = 8;
    private static final long MOST_PIXELS = 100_000_000;
    private static final int MOST_CLASSES = 200;

    private Show() {}

    /**
     * Rows of a data set side by side, in grey. Each pixel becomes a square of 1 to 8 pixels, as
     * large as fits into a width of 640.
     *
     * @param set pictures: rows of shape {height, width}
     * @param columns pictures of a line, at least 1
     * @param rows which ones, counted from 0
     */
    public static BufferedImage pictures(Dataset set, int columns, int... rows) {
        Pictures pictures = checked(set, columns, rows);
        long wide = Math.min(columns, rows.length) * (pictures.width() + 1L);
        long high = (rows.length - 1L) / columns * pictures.height() + pictures.height();
        int scale = (int) Math.max(1, Math.min(LARGEST, WIDTH / wide));
        String tooMany = "%,d pictures of %d x %d are too many for one image: give fewer rows";
        boolean fits = wide * high * scale * scale <= MOST_PIXELS;
        expect(fits, tooMany, rows.length, pictures.width(), pictures.height());
        return pictures.sheet(
                IntStream.of(rows).mapToObj(pictures::pixels).toList(), columns, scale);
    }

    /**
     * The same with a caption below each picture, as SVG.
     *
     * @param caption of a row: {@code set::label}, for instance
     */
    public static String captioned(
            Dataset set, int columns, int[] rows, IntFunction<String> caption) {
        Pictures pictures = checked(set, columns, rows);
        given(caption, "caption");
        List<String> addresses = new ArrayList<>();
        List<String> captions = new ArrayList<>();
        for (int row : rows) {
            addresses.add(Page.address(pictures, pictures.pixels(row)));
            captions.add(given(caption.apply(row), "the caption of row " + row));
        }
        return Svg.images(set.name(), addresses, captions, columns);
    }

    private static Pictures checked(Dataset set, int columns, int[] rows) {
        Pictures pictures = Pictures.of(given(set, "data set"));
        expect(pictures != null, "%s has no pictures, but rows of numbers", set.name());
        expect(columns >= 1, "columns %d: give at least 1", columns);
        expect(given(rows, "rows").length > 0, "there are no rows to show: give at least one");
        for (int row : rows) {
            boolean there = row >= 0 && row < set.rows();
            expect(there, "row %,d: %s has rows 0 to %,d", row, set.name(), set.rows() - 1);
        }
        return pictures;
    }

    /**
     * Loss and accuracy after each epoch, of training and validation, as SVG. In regression, where
     * there is no accuracy, R² of the validation rows.
     */
    public static String curves(History history) {
        List<EpochResult> epochs = given(history, "history").epochs();
        expect(!epochs.isEmpty(), "there are no curves: no epoch was finished");
        boolean classifies = history.classifies();
        List<Svg.Measure> measures = new ArrayList<>();
        measures.add(measure("loss", epochs, EpochResult::loss, EpochResult::validationLoss));
        Function<EpochResult, Double> accuracy = classifies ? EpochResult::accuracy : epoch -> null;
        Svg.Measure score =
                measure(
                        classifies ? "accuracy" : "R2",
                        epochs,
                        accuracy,
                        EpochResult::validationAccuracy);
        if (classifies || score.values().size() > 1) {
            measures.add(score);
        }
        return Svg.curves("Training", measures);
    }

    private static Svg.Measure measure(
            String name,
            List<EpochResult> epochs,
            Function<EpochResult, Double> training,
            Function<EpochResult, Double> validation) {
        Map<String, List<Double>> values = new LinkedHashMap<>();
        values.put("training", epochs.stream().map(training).toList());
        List<Double> validated = epochs.stream().map(validation).toList();
        if (validated.stream().anyMatch(value -> value != null)) {
            values.put("validation", validated);
        }
        for (List<Double> curve : values.values()) {
            for (int i = 0; i < curve.size(); i++) {
                boolean finite = curve.get(i) == null || Double.isFinite(curve.get(i));
                String message = "epoch %d has a %s of %s, which cannot be drawn";
                expect(finite, message, epochs.get(i).epoch(), name, curve.get(i));
            }
        }
        return new Svg.Measure(name, values);
    }

    /**
     * Which classes are taken for which, as SVG: a row for each true class, a column for each
     * predicted one. With more than 20 classes, colours without numbers; at most 200.
     */
    public static String confusion(ConfusionMatrix matrix) {
        List<String> classes = given(matrix, "confusion matrix").classes();
        int size = classes.size();
        String message = "a confusion matrix of %d classes cannot be drawn: 1 to %d can";
        expect(size >= 1 && size <= MOST_CLASSES, message, size, MOST_CLASSES);
        int[][] counts = given(matrix.counts(), "counts");
        boolean square = Stream.of(counts).allMatch(row -> row != null && row.length == size);
        expect(square && counts.length == size, "the counts are not %d times %1$d numbers", size);
        return Svg.confusion("Confusion matrix", classes, counts);
    }

    /**
     * A bar for each name, with its count, as SVG.
     *
     * @param what is counted
     */
    public static String bars(String what, List<String> names, int[] counts) {
        double[] values = IntStream.of(given(counts, "counts")).asDoubleStream().toArray();
        return bars(what, names, values, "%,.0f");
    }

    /**
     * A bar for each name, with its value to four decimals, as SVG.
     *
     * @param what the values are
     * @param values none below 0; the longest bar is that of the largest, or of 1 if all are less
     */
    public static String bars(String what, List<String> names, double[] values) {
        return bars(what, names, values, "%.4f");
    }

    private static String bars(String what, List<String> names, double[] values, String format) {
        int named = copied(names, "names").size();
        int length = given(values, "values").length;
        expect(named == length, "%d names for %d values: give one for each", named, length);
        expect(
                DoubleStream.of(values).allMatch(v -> v >= 0 && v <= Double.MAX_VALUE),
                "bars need finite numbers that are not below 0");
        return Svg.bars(what, names, Map.of(given(what, "what"), values), format);
    }
}
