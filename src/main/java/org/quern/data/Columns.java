package org.quern.data;

import static java.util.stream.Collectors.joining;
import static org.quern.QuernException.copied;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;
import static org.quern.QuernException.usage;
import static org.quern.data.Statistics.number;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What a model knows of the columns of its table: of numbers their mean and deviation, of
 * categories their values; and of numbers that it predicts theirs. Fitted on the training rows
 * alone.
 *
 * <p>A row becomes floats in the order of the columns: a number becomes one, a category one for
 * each of its values, 1 for the value that the row has and 0 for all others; where training had
 * gaps, one float more says whether there is a gap (1) or not (0). In a gap, a number is the mean,
 * and all values of a category are 0.
 *
 * <p>A network learns from {@linkplain #standardized standardized} rows. Its layers then take up
 * the means and deviations ({@link org.quern.plan.Folding}), so that who uses it gives {@linkplain
 * #encoded encoded} rows, in the units of the table, and gets predictions in the units of the
 * targets.
 *
 * @param inputs what is known of each column, in the order of the training table
 * @param targets what is known of what is predicted: of classes the name of the label's column
 * @param standardize whether training sees numbers with mean 0 and deviation 1, else as they are
 */
public record Columns(List<Input> inputs, List<Target> targets, boolean standardize)
        implements Serializable {
    /** A category of more values than these is left out; so is one of which most rows differ. */
    static final int MOST_VALUES = 256;

    private static final int NAMES_SHOWN = 5;
    private static final int MOST_SHOWN = 40;

    /**
     * A column.
     *
     * @param name empty if the table has no header
     * @param values null for numbers; else the values of the category, sorted; none, if there were
     *     too many
     * @param offset see {@link Column#offset}
     * @param mean of the training rows that have one
     * @param deviation standard deviation of these (divided by their number, not one less, as
     *     scikit-learn's StandardScaler does); 0 for a constant, which counts for nothing
     * @param min least of them
     * @param max largest of them
     * @param gaps whether training rows had gaps
     */
    public record Input(
            String name,
            List<String> values,
            double offset,
            double mean,
            double deviation,
            double min,
            double max,
            boolean gaps)
            implements Serializable {

        /** Refuses what no table has: it may come from a file. */
        public Input {
            given(name, "name");
            values = values == null ? null : copied(values, "values");
            requireFinite(deviation >= 0, offset, mean, deviation, min, max);
        }

        public boolean isCategory() {
            return values != null;
        }

        /** Whether it counts for nothing. */
        public boolean isLeftOut() {
            int different = isCategory() ? values.size() : deviation == 0 ? 1 : 2;
            return different == 0 || different == 1 && !gaps;
        }

        /** Floats of a row. */
        int width() {
            if (isCategory() && isLeftOut()) {
                return 0;
            }
            return (isCategory() ? values.size() : 1) + (gaps ? 1 : 0);
        }
    }

    /** A column to predict; of numbers, their mean and deviation, or 0 and 1 for numbers as is. */
    public record Target(String name, double mean, double deviation) implements Serializable {
        public Target {
            given(name, "name");
            requireFinite(deviation > 0, mean, deviation);
        }
    }

    private static void requireFinite(boolean isDeviation, double... numbers) {
        if (!isDeviation || !Arrays.stream(numbers).allMatch(Double::isFinite)) {
            throw usage("a column of %s", Arrays.toString(numbers));
        }
    }

    public Columns {
        inputs = copied(inputs, "inputs");
        targets = copied(targets, "targets");
    }

    /** Weights are divided by deviations, and have to stay finite in float32. */
    private static final double LEAST_DEVIATION = 1e-35;

    /** Floats in a deviation of a label, or scores are those of rounding. */
    private static final double TOLD_APART = 100;

    /**
     * Looks at the training rows of a table.
     *
     * @param standardize whether numbers are to have mean 0 and deviation 1 in training
     * @param targets whether the targets are, too
     */
    public static Columns fit(Dataset table, boolean standardize, boolean targets) {
        expect(given(table, "table").header() != null, "%s is not a table", table.name());
        List<Column> columns = table.header().inputs();
        List<Input> inputs = new ArrayList<>();
        for (int c = 0; c < columns.size(); c++) {
            Column one = columns.get(c);
            double offset = one.offset();
            inputs.add(
                    one.isCategory()
                            ? category(table, c)
                            : numbers(
                                    one,
                                    new Moments(table.values(), c, table.features(), offset),
                                    table.rows()));
        }
        List<Column> named = table.header().targets();
        List<Moments> predicted = new ArrayList<>();
        for (int t = 0; table.hasTargets() && t < table.targetWidth(); t++) {
            double offset = t < named.size() ? named.get(t).offset() : 0;
            predicted.add(new Moments(table.targets(), t, table.targetWidth(), offset));
        }
        return fit(table.name(), named, inputs, predicted, standardize, targets);
    }

    /**
     * The same of the rows of a table of numbers that are in several places.
     *
     * @param inputs of all rows
     * @param targets of all rows; none if classes are predicted
     * @hidden
     */
    public static Columns fit(
            String name,
            Header header,
            long rows,
            List<Moments> inputs,
            List<Moments> targets,
            boolean standardize,
            boolean standardizeTargets) {
        List<Input> numbers =
                IntStream.range(0, inputs.size())
                        .mapToObj(c -> numbers(header.inputs().get(c), inputs.get(c), rows))
                        .toList();
        return fit(name, header.targets(), numbers, targets, standardize, standardizeTargets);
    }

    private static Columns fit(
            String table,
            List<Column> named,
            List<Input> inputs,
            List<Moments> predicted,
            boolean standardize,
            boolean standardizeTargets) {
        for (int c = 0; c < inputs.size(); c++) {
            Input input = inputs.get(c);
            boolean tiny = input.deviation() > 0 && input.deviation() < LEAST_DEVIATION;
            String text =
                    "%s: the numbers of column %d (%s) differ by too little (%s) to be standardized:"
                            + " multiply them, or give --standardize off";
            String deviation = number(input.deviation());
            require(!tiny || !standardize, text, table, c + 1, input.name(), deviation);
        }
        List<Target> targets = new ArrayList<>();
        for (int t = 0; t < Math.max(named.size(), predicted.size()); t++) {
            String name = t < named.size() ? named.get(t).name() : "";
            Moments of = t < predicted.size() ? predicted.get(t) : null;
            if (of != null) {
                requireTold(table, name, of);
            }
            if (of != null && standardizeTargets) {
                // a constant is learned as the mean
                targets.add(new Target(name, of.mean, of.deviation > 0 ? of.deviation : 1));
            } else {
                targets.add(new Target(name, 0, 1));
            }
        }
        return new Columns(inputs, targets, standardize);
    }

    /** Refuses labels whose differences are lost in an answer, which is a float. */
    private static void requireTold(String table, String label, Moments of) {
        String lost = lost("predictions", of.min, of.max, of.mean, of.deviation);
        require(lost == null, "%s: label \"%s\" is %s", table, label, lost);
    }

    /** What numbers are that float32 hardly tells apart, and what to do about it; else null. */
    private static String lost(String what, double min, double max, double mean, double deviation) {
        float apart = Math.ulp((float) Math.max(-min, max));
        if (deviation == 0 || apart <= deviation / TOLD_APART) {
            return null;
        }
        String text =
                "about %s and differs by about %s, but %s of that size are %s apart (float32):"
                        + " subtract a number such as %s from it";
        double round = Column.offset(min, max);
        return text.formatted(
                number(Math.rint(mean)),
                number(deviation),
                what,
                number(apart),
                number(round == 0 ? mean : round));
    }

    /** A line for each column whose differences are lost in float32. */
    public List<String> lost() {
        List<String> lines = new ArrayList<>();
        for (int c = 0; c < inputs.size(); c++) {
            Input one = inputs.get(c);
            boolean counts = !one.isCategory() && one.offset() == 0;
            String lost =
                    counts
                            ? lost("numbers", one.min(), one.max(), one.mean(), one.deviation())
                            : null;
            if (lost != null) {
                String called = one.name().isEmpty() ? Integer.toString(c + 1) : one.name();
                lines.add("column %s is %s".formatted(called, lost));
            }
        }
        return lines;
    }

    private static Input numbers(Column column, Moments of, long rows) {
        return new Input(
                column.name(),
                null,
                column.offset(),
                of.mean,
                of.deviation,
                of.min,
                of.max,
                of.count < rows);
    }

    private static Input category(Dataset table, int c) {
        Column column = table.header().inputs().get(c);
        boolean[] seen = new boolean[column.values().size()];
        boolean gaps = false;
        for (float value : table.column(c)) {
            if (Float.isNaN(value)) {
                gaps = true;
            } else {
                seen[(int) value] = true;
            }
        }
        TreeSet<String> values = new TreeSet<>();
        IntStream.range(0, seen.length)
                .filter(i -> seen[i])
                .forEach(i -> values.add(column.values().get(i)));
        boolean many =
                values.size() > MOST_VALUES || Exploration.isMany(values.size(), table.rows());
        List<String> known = many ? List.of() : List.copyOf(values);
        return new Input(column.name(), known, 0, 0, 1, 0, 0, gaps);
    }

    /** Floats of a row as a model takes it. */
    public int width() {
        return inputs.stream().mapToInt(Input::width).sum();
    }

    /** What to look for in another table: the columns that count, as they are known. */
    public Header header() {
        boolean named = inputs.stream().anyMatch(input -> !input.name().isEmpty());
        Stream<Column> known =
                inputs.stream()
                        .filter(input -> !named || !input.isLeftOut())
                        .map(one -> new Column(one.name(), one.values(), one.offset()));
        Stream<Column> predicted = targets.stream().map(one -> Column.numbers(one.name()));
        return new Header(known.toList(), predicted.toList());
    }

    /**
     * What each float of a row is: {@code age}, {@code age missing (age is then 29.7)}, {@code
     * town=Rome}, {@code time - 1600000000}.
     */
    public List<String> names() {
        List<String> names = new ArrayList<>();
        for (int c = 0; c < inputs.size(); c++) {
            Input input = inputs.get(c);
            String name = name(c);
            if (!input.isCategory()) {
                String less = input.offset() == 0 ? "" : " - " + number(input.offset());
                names.add(name + less);
            } else if (input.width() > 0) {
                input.values().forEach(value -> names.add(name + "=" + value));
            }
            if (input.width() > 0 && input.gaps()) {
                String taken = Float.toString((float) (input.mean() - input.offset()));
                String fill = input.isCategory() ? "" : " (" + name + " is then " + taken + ")";
                names.add(name + " missing" + fill);
            }
        }
        return names;
    }

    /** What to call a column, by its place: its name, or else its number. */
    public String name(int c) {
        expect(c >= 0 && c < inputs.size(), "column %d of %d", c, inputs.size());
        return inputs.get(c).name().isEmpty() ? "column " + (c + 1) : inputs.get(c).name();
    }

    /** What is taken from each float of an encoded row to standardize it. */
    public double[] means() {
        return each(input -> standardize ? input.mean() - input.offset() : 0, 0);
    }

    /** What the rest is then multiplied by: 1 / deviation, 0 for a constant. */
    public double[] factors() {
        return each(
                input -> input.deviation() == 0 ? 0 : standardize ? 1 / input.deviation() : 1, 1);
    }

    private double[] each(ToDoubleFunction<Input> number, double other) {
        double[] all = new double[width()];
        Arrays.fill(all, other);
        int at = 0;
        for (Input input : inputs) {
            if (!input.isCategory()) {
                all[at] = number.applyAsDouble(input);
            }
            at += input.width();
        }
        return all;
    }

    /** Rows for training: numbers and targets less their means, divided by their deviations. */
    public Dataset standardized(Dataset table) {
        Dataset set = new ColumnEncoder(this, given(table, "table"), true, null).encode();
        return table.hasTargets() ? set.withTargets(targets(table, true), targets.size()) : set;
    }

    /**
     * Rows for a finished model, numbers and targets in the table's units.
     *
     * @param notes takes a line for each column that is not as in training: gaps where there were
     *     none, unknown values, numbers far from those known; may be null
     */
    public Dataset encoded(Dataset table, List<String> notes) {
        Dataset set = new ColumnEncoder(this, given(table, "table"), false, notes).encode();
        if (!table.hasTargets()) {
            return set;
        }
        float[] numbers = targets(table, false);
        List<String> names = targets.stream().map(Target::name).toList();
        return names.contains("")
                ? set.withTargets(numbers, names.size())
                : set.withTargets(numbers, names);
    }

    /**
     * What stands for a gap in each column of tables with a header, if that is all that {@link
     * #encoded} has to do: their numbers are those that a model takes. Else null.
     */
    public float[] gaps(Header header) {
        boolean named = given(header, "header").isNamed() && header().isNamed();
        List<Column> columns = header.inputs();
        float[] gaps = new float[inputs.size()];
        boolean plain = columns.size() == gaps.length;
        for (int c = 0; plain && c < gaps.length; c++) {
            Input input = inputs.get(c);
            Column column = columns.get(c);
            boolean numbers = !input.isCategory() && !column.isCategory() && !input.gaps();
            boolean here = !named || column.name().equals(input.name());
            plain = numbers && here && column.offset() == input.offset();
            gaps[c] = (float) (input.mean() - input.offset());
        }
        return plain ? gaps : null;
    }

    /** Fills the gaps of rows by {@link #gaps}; -0 becomes 0, as in any sum. */
    public static void fill(float[] rows, float[] gaps) {
        int width = Math.max(1, given(gaps, "gaps").length);
        boolean whole = given(rows, "rows").length % width == 0;
        expect(whole, "%d numbers are no rows of %d", rows.length, width);
        for (int from = 0; from < rows.length; from += width) {
            for (int c = 0; c < gaps.length; c++) {
                float number = rows[from + c];
                rows[from + c] = Float.isNaN(number) ? gaps[c] : number + 0f;
            }
        }
    }

    private float[] targets(Dataset table, boolean standardized) {
        float[] all = table.targets();
        int width = table.targetWidth();
        String other = "%s has %d targets a row, but the model predicts %d";
        require(width == targets.size(), other, table.name(), width, targets.size());
        float[] converted = new float[all.length];
        for (int i = 0; i < all.length; i++) {
            double value = all[i] + table.header().targets().get(i % width).offset();
            Target of = targets.get(i % width);
            converted[i] = (float) (standardized ? (value - of.mean()) / of.deviation() : value);
        }
        return converted;
    }

    /** Where each column is in a table: by name, or where one side has none, by position. */
    int[] places(Dataset table) {
        Header header = table.header();
        require(header != null, "%s is not a table", table.name());
        List<Column> columns = header.inputs();
        boolean named = header.isNamed() && header().isNamed();
        int[] places = new int[inputs.size()];
        List<String> missing = new ArrayList<>();
        if (!named) {
            String other =
                    "%s has %d columns, but the model takes %d, and there are no names to tell";
            boolean fits = columns.size() == inputs.size();
            require(fits, other, table.name(), columns.size(), inputs.size());
            return IntStream.range(0, places.length).toArray();
        }
        Map<String, Integer> place = new HashMap<>();
        for (int i = 0; i < columns.size(); i++) {
            place.put(columns.get(i).name(), i);
        }
        for (int c = 0; c < places.length; c++) {
            places[c] = place.getOrDefault(inputs.get(c).name(), -1);
            if (places[c] < 0 && !inputs.get(c).isLeftOut()) {
                missing.add(inputs.get(c).name());
            }
        }
        String lacks = "%s has no column %s, which the model was trained on";
        require(missing.isEmpty(), lacks, table.name(), shown(missing));
        return places;
    }

    /** The columns that count for nothing, and why; empty if all count. */
    public String leftOut() {
        List<String> constant = new ArrayList<>();
        List<String> many = new ArrayList<>();
        for (int c = 0; c < inputs.size(); c++) {
            if (inputs.get(c).isLeftOut()) {
                boolean tooMany = inputs.get(c).isCategory() && inputs.get(c).values().isEmpty();
                (tooMany ? many : constant).add(name(c));
            }
        }
        return Stream.of(
                        told(constant, "the same in all training rows"),
                        told(many, "text with too many different values"))
                .filter(text -> !text.isEmpty())
                .collect(joining("; "));
    }

    private static String told(List<String> names, String why) {
        return names.isEmpty() ? "" : "%s (%s)".formatted(shown(names), why);
    }

    /** A text of a table in one line; of a long one, the beginning. */
    public static String brief(String text) {
        String line = given(text, "text").replaceAll("\\R", " ");
        return line.length() > MOST_SHOWN ? line.substring(0, MOST_SHOWN) + "..." : line;
    }

    /** Names in a row; of many, the first few. */
    public static String shown(List<String> names) {
        return shown(names, NAMES_SHOWN);
    }

    /**
     * Names in a row, so many at most.
     *
     * @hidden
     */
    public static String shown(List<String> names, int most) {
        String all =
                given(names, "names").stream()
                        .limit(most)
                        .map(Columns::brief)
                        .collect(joining(", "));
        int more = names.size() - most;
        return more > 0 ? all + " and %d more".formatted(more) : all;
    }
}
