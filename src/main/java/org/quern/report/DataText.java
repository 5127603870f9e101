package org.quern.report;

import static java.util.stream.Collectors.joining;
import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.data.Exploration;
import org.quern.data.Pictures;
import org.quern.data.Splits;
import org.quern.data.Statistics;

/**
 * What data looks like, for a terminal or a log.
 *
 * @hidden
 */
public final class DataText {
    private static final int BAR = 50;
    private static final int MOST_CLASSES = 30;
    private static final int MOST_PAIRS = 5;
    private static final int MOST_NAMED = 3;
    private static final int MOST_COLUMNS = 50;

    private DataText() {}

    public static String of(Dataset set) {
        if (!set.hasLabels()) {
            return values(set);
        }
        int[] perClass = Statistics.of(set).perClass();
        List<String> all =
                IntStream.range(0, perClass.length)
                        .limit(MOST_CLASSES)
                        .mapToObj(c -> named(set.classes().get(c), perClass[c]))
                        .toList();
        int more = perClass.length - all.size();
        String rest = more > 0 ? format(" and %,d more", more) : "";
        return values(set) + "; " + classes(set) + ": " + String.join(", ", all) + rest;
    }

    private static String named(String name, int rows) {
        return format("%s (%,d)", Columns.brief(name), rows);
    }

    public static String values(Dataset set) {
        if (set.header() != null) {
            Columns columns = Columns.fit(set, false, false);
            return rows(set) + " of " + columns(columns) + gaps(columns);
        }
        Statistics s = Statistics.of(set);
        String shape = shape(set.shape());
        String text = "%s of %s, values %s, mean %.4f, std dev %.4f, %.1f %% non-zero";
        double nonZero = 100 * s.nonZero();
        return format(text, rows(set), shape, range(s), s.mean(), s.deviation(), nonZero);
    }

    /** How many: {@code 60 rows}. */
    public static String rows(Dataset set) {
        return format(set.rows() == 1 ? "%,d row" : "%,d rows", set.rows());
    }

    /** Least and largest value: {@code 0 to 255}. */
    public static String range(Statistics statistics) {
        return Statistics.number(statistics.min()) + " to " + Statistics.number(statistics.max());
    }

    /** How a source was read, as the end of a line; empty where there is nothing to tell. */
    public static String reading(Splits splits) {
        return splits.reading().isEmpty() ? "" : "; " + splits.reading();
    }

    /** A table's columns, a line each; null of rows that are no table. */
    public static String columnByColumn(Dataset set) {
        if (set.header() == null) {
            return null;
        }
        Columns columns = Columns.fit(set, false, false);
        Table table = new Table("  ", -1, 4, 1, 1, 1, 1, -1);
        table.row("column", "missing", "min", "mean", "max", "std dev", "values");
        int width = set.features();
        for (int c = 0; c < Math.min(width, MOST_COLUMNS); c++) {
            Columns.Input input = columns.inputs().get(c);
            List<String> values = set.header().inputs().get(c).values();
            int[] counts = new int[values == null ? 1 : values.size()];
            int gaps = 0;
            for (float value : set.column(c)) {
                if (Float.isNaN(value)) {
                    gaps++;
                } else if (values != null) {
                    counts[(int) value]++;
                }
            }
            String missing = gaps == 0 ? "" : format("%,d", gaps);
            if (values == null) {
                DoubleStream of = DoubleStream.of(input.min(), input.mean(), input.max());
                List<String> cells = new ArrayList<>(List.of(missing));
                of.mapToObj(Statistics::number).forEach(cells::add);
                cells.addAll(List.of(Statistics.number(input.deviation()), ""));
                table.row(columns.name(c), cells);
            } else {
                String shown =
                        IntStream.range(0, counts.length)
                                .boxed()
                                .sorted(Comparator.comparingInt(i -> -counts[i]))
                                .limit(MOST_NAMED)
                                .map(
                                        i ->
                                                format(
                                                        "%s (%,d)",
                                                        Columns.brief(values.get(i)), counts[i]))
                                .collect(joining(", "));
                String all = format("%,d: %s", values.size(), shown);
                String more = values.size() > MOST_NAMED ? ", ..." : "";
                table.row(columns.name(c), missing, "", "", "", "", all + more);
            }
        }
        String more = format("%nand %,d more columns", width - MOST_COLUMNS);
        String text = table.lines().stream().map(String::stripTrailing).collect(joining("\n"));
        return width > MOST_COLUMNS ? text + more : text;
    }

    /** Kinds of a table's columns: {@code 9 columns: 8 numbers, ocean_proximity of 5}. */
    public static String columns(Columns columns) {
        List<String> categories = new ArrayList<>();
        int values = 0;
        int numbers = 0;
        for (int c = 0; c < columns.inputs().size(); c++) {
            Columns.Input one = columns.inputs().get(c);
            if (one.isLeftOut()) {
                continue;
            } else if (!one.isCategory()) {
                numbers++;
                continue;
            }
            categories.add(format("%s of %,d", columns.name(c), one.values().size()));
            values += one.values().size();
        }
        List<String> kinds = new ArrayList<>();
        if (numbers > 0) {
            kinds.add(format(numbers == 1 ? "%,d number" : "%,d numbers", numbers));
        }
        if (categories.size() > MOST_NAMED) {
            kinds.add(format("%,d categories of %,d values in all", categories.size(), values));
        } else {
            kinds.addAll(categories);
        }
        int used = numbers + categories.size();
        String all = format(used == 1 ? "%,d column" : "%,d columns", used);
        return kinds.isEmpty() ? all : all + ": " + String.join(", ", kinds);
    }

    /** Which of a table's columns have gaps in training, as the end of a line; or nothing. */
    public static String gaps(Columns columns) {
        List<Columns.Input> inputs = columns.inputs();
        List<String> names =
                IntStream.range(0, inputs.size())
                        .filter(c -> inputs.get(c).gaps() && !inputs.get(c).isLeftOut())
                        .mapToObj(columns::name)
                        .toList();
        return names.isEmpty() ? "" : "; missing values in " + Columns.shown(names);
    }

    /** What is tested on in cross-validation, and what is left out of it. */
    public static String folds(Splits splits, int folds) {
        int rows = splits.train().rows();
        String more = rows % folds == 0 ? "" : format(" or %,d", rows / folds + 1);
        String each = rows / folds == 1 && more.isEmpty() ? "row" : "rows";
        String text = "%,d of %,d%s %s, each tested by a network trained on the others";
        List<String> others = new ArrayList<>();
        for (Dataset set : Arrays.asList(splits.validation(), splits.test())) {
            if (set != null) {
                String what = set == splits.test() ? "test" : "validation";
                others.add(format("%,d %s rows", set.rows(), what));
            }
        }
        String out = others.isEmpty() ? "" : "; the data's %s are in no fold";
        return format(text + out, folds, rows / folds, more, each, String.join(" and ", others));
    }

    /** The classes of fewer rows: {@code 2 of class a, 1 of class b}; empty if there are none. */
    public static String fewerThan(int rows, Dataset set) {
        return rowsOfClasses(set, count -> count < rows);
    }

    /** Which classes' rows are repeated to have as many of each, and what that takes. */
    public static String balanced(Dataset train) {
        int[] perClass = Statistics.perClass(train);
        int most = IntStream.of(perClass).max().orElse(0);
        String repeated = rowsOfClasses(train, count -> count < most);
        if (repeated.isEmpty()) {
            return format("each class has %,d rows as it is", most);
        }
        long rows = IntStream.of(perClass).filter(count -> count > 0).count() * most;
        long bytes = (train.isPixels() ? 1L : Float.BYTES) * train.features() + Integer.BYTES;
        String text = "rows repeated until each class has %,d: %s; %,d to train on, %s more memory";
        return format(text, most, repeated, rows, Numbers.bytes((rows - train.rows()) * bytes));
    }

    private static String rowsOfClasses(Dataset set, IntPredicate which) {
        int[] perClass = Statistics.perClass(set);
        return Columns.shown(
                IntStream.range(0, perClass.length)
                        .filter(c -> perClass[c] > 0 && which.test(perClass[c]))
                        .mapToObj(c -> format("%,d of class %s", perClass[c], set.classes().get(c)))
                        .toList());
    }

    public static String classes(Dataset set) {
        int classes = set.classes().size();
        return format(classes == 1 ? "%,d class" : "%,d classes", classes);
    }

    /** Extents with crosses between: {@code 28 x 28}. */
    public static String shape(int[] shape) {
        String extents = IntStream.of(shape).mapToObj(Integer::toString).collect(joining(" x "));
        return shape.length > 1 ? extents : extents + (shape[0] == 1 ? " value" : " values");
    }

    public static String differing(List<String> names) {
        return names.isEmpty()
                ? "all four files are MNIST's"
                : "not the contents of MNIST: " + String.join(", ", names);
    }

    // ---- exploring

    /**
     * Counts of each class as bars, the examples, the mean image of each class, and rows that are
     * there twice.
     */
    public static String of(Exploration data, Look look) {
        Dataset train = data.splits().train();
        List<String> parts = new ArrayList<>();
        String numbers = numbers(data);
        if (numbers != null) {
            parts.add(Look.clean(numbers));
        } else if (train.hasLabels()) {
            parts.add(Look.clean(rowsOfClasses(data, look)));
        }
        Pictures pictures = Pictures.of(train);
        if (pictures != null) {
            PictureRows examples = new PictureRows(pictures, look);
            for (int row : data.examples()) {
                examples.add(pictures.pixels(row), train.label(row));
            }
            parts.addAll(List.of("examples (training rows drawn at random)", examples.text()));
            if (train.hasLabels() && numbers == null) {
                PictureRows means = new PictureRows(pictures, look);
                for (int c = 0; c < Math.min(train.classes().size(), MOST_CLASSES); c++) {
                    means.add(pictures.mean(data.rowsOf(c)), train.classes().get(c));
                }
                parts.addAll(List.of("the mean image of each class", means.text()));
            }
        }
        parts.add(Look.clean(String.join("\n", duplicates(data))));
        return String.join("\n\n", parts);
    }

    /** The line on labels that are rather numbers than classes; null without such. */
    public static String numbers(Exploration data) {
        Statistics numbers = data.numbers();
        if (numbers == null) {
            return null;
        }
        int classes = data.splits().train().classes().size();
        String different = classes == 0 ? "" : format("%,d different ones, ", classes);
        String cure = classes == 0 ? "" : "; train --loss mse predicts them";
        String text = "labels are numbers: %s%s, mean %s, std dev %s%s";
        String mean = Statistics.number(numbers.mean());
        String deviation = Statistics.number(numbers.deviation());
        return format(text, different, range(numbers), mean, deviation, cure);
    }

    private static String rowsOfClasses(Exploration data, Look look) {
        Dataset rows = data.splits().test(); // its classes are training's, and any more
        boolean test = rows != null && rows.hasLabels();
        List<String> names = (test ? rows : data.splits().train()).classes();
        int[] counts = Arrays.copyOf(data.train().perClass(), names.size());
        int most = Math.max(1, IntStream.of(counts).max().orElse(1));
        int name = names.stream().mapToInt(String::length).max().orElse(0);
        Table table = test ? new Table("  ", -name, 8, 7, -1) : new Table("  ", -name, 8, -1);
        int bar = Math.max(10, Math.min(BAR, look.width() - name - (test ? 21 : 12)));
        table.row("rows of each class" + (rows == null ? "" : " (training, then test)"));
        for (int c = 0; c < Math.min(names.size(), MOST_CLASSES); c++) {
            List<String> cells = new ArrayList<>(List.of(format("%,d", counts[c])));
            if (test) {
                cells.add(format("%,d", data.test().perClass()[c]));
            }
            cells.add("#".repeat(Math.round((float) bar * counts[c] / most)));
            table.row(names.get(c), cells);
        }
        if (names.size() > MOST_CLASSES) {
            table.row(format("and %,d more classes", names.size() - MOST_CLASSES));
        }
        return table.text();
    }

    public static List<String> duplicates(Exploration data) {
        int rows = data.train().rows();
        String twice = format("duplicates within training: %,d of %,d rows", data.repeated(), rows);
        List<Exploration.Duplicate> pairs = data.leaked();
        if (pairs == null) {
            return List.of(twice);
        }
        int found = pairs.size();
        String leaked = "duplicates of training rows in the test: %,d of %,d rows";
        leaked = format(leaked, found, data.test().rows());
        long others = pairs.stream().filter(pair -> !pair.sameLabel()).count();
        if (others > 0) {
            leaked += format(", %,d with another label", others);
        }
        for (Exploration.Duplicate pair : pairs.subList(0, Math.min(found, MOST_PAIRS))) {
            String gap = pair == pairs.get(0) ? ": " : ", ";
            leaked += gap + format("test %d = training %d", pair.second(), pair.first());
        }
        return List.of(twice, found > MOST_PAIRS ? leaked + ", ..." : leaked);
    }
}
