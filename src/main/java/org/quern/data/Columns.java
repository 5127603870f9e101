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
import java.util.Locale;
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

    /** From so many rows on, a column is strange if most of them are out of its range. */
    private static final int ENOUGH_ROWS = 10;

    private static final int ROWS_AT_ONCE = 64;

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

    /**
     * Of the numbers of a column, computed in float64.
     *
     * @hidden
     */
    public static final class Moments implements Serializable {
        private static final long serialVersionUID = 1;

        private long count;
        private double mean;
        private double deviation;
        private double min = Double.POSITIVE_INFINITY;
        private double max = Double.NEGATIVE_INFINITY;

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
        Dataset set = new Encoder(given(table, "table"), true, null).encode();
        return table.hasTargets() ? set.withTargets(targets(table, true), targets.size()) : set;
    }

    /**
     * Rows for a finished model, numbers and targets in the table's units.
     *
     * @param notes takes a line for each column that is not as in training: gaps where there were
     *     none, unknown values, numbers far from those known; may be null
     */
    public Dataset encoded(Dataset table, List<String> notes) {
        Dataset set = new Encoder(given(table, "table"), false, notes).encode();
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

    /** Makes floats of a table's rows, a column at a time. */
    private final class Encoder {
        private final Dataset table;
        private final List<String> notes;
        private final int rows;
        private final float[] values; // of the table
        private final int features;
        private final int width = width();
        private final float[] floats;

        /** What each float is lessened by and then multiplied by; null to leave it in its unit. */
        private final double[] means;

        private final double[] factors;

        Encoder(Dataset table, boolean standardized, List<String> notes) {
            this.table = table;
            this.notes = notes;
            rows = table.rows();
            values = table.values();
            features = table.features();
            floats = new float[Dataset.size(table.name(), rows, width)];
            means = standardized ? means() : null;
            factors = standardized ? factors() : null;
        }

        Dataset encode() {
            boolean asIs = notes == null && means == null && table.header() != null;
            float[] gaps = asIs ? gaps(table.header()) : null;
            if (gaps == null) {
                each(places(table));
            } else {
                System.arraycopy(values, 0, floats, 0, floats.length);
                fill(floats, gaps);
            }
            Dataset set = Dataset.ofValues(table.name(), new int[] {width}, floats);
            return table.hasLabels() ? set.withLabels(table.labels(), table.classes()) : set;
        }

        /** Some rows of all columns before the next rows: what is read and written stays near. */
        private void each(int[] places) {
            List<Taken> all = new ArrayList<>();
            int at = 0;
            for (int c = 0; c < inputs.size(); c++) {
                if (inputs.get(c).width() > 0 && places[c] >= 0) {
                    all.add(new Taken(c, places[c], at));
                }
                at += inputs.get(c).width();
            }
            for (int from = 0; from < rows; from += ROWS_AT_ONCE) {
                int end = Math.min(from + ROWS_AT_ONCE, rows);
                for (Taken column : all) {
                    column.encode(from, end);
                }
            }
            if (notes != null) {
                all.forEach(Taken::tell);
            }
        }

        /** A column of the table that an input takes, and what is not as it was in training. */
        private final class Taken {
            private final String name;
            private final Input input;
            private final Column column;
            private final int place; // in the table
            private final int at; // its first float in a row
            private final double shift;
            private final double mean;
            private final double factor;
            private final Map<String, Integer> index = new HashMap<>(); // of known values
            private final TreeSet<String> strangers = new TreeSet<>();
            private int strange;
            private int gaps;
            private int outside;
            private int far;

            Taken(int c, int place, int at) {
                this.place = place;
                this.at = at;
                name = name(c);
                input = inputs.get(c);
                column = table.header().inputs().get(place);
                String text = "%s: column %s holds %s, but the model was trained on %s";
                boolean fits = column.isCategory() == input.isCategory();
                String is = column.isCategory() ? "text" : "numbers";
                String was = column.isCategory() ? "numbers" : "text";
                require(fits, text, table.name(), name, is, was);
                shift = column.offset() - input.offset();
                mean = means == null ? 0 : means[at];
                factor = factors == null ? 1 : factors[at];
                if (input.isCategory()) {
                    input.values().forEach(value -> index.put(value, index.size()));
                }
            }

            void encode(int from, int end) {
                for (int row = from; row < end; row++) {
                    float value = values[row * features + place];
                    boolean gap = Float.isNaN(value);
                    int to = row * width + at;
                    if (!input.isCategory()) {
                        numeric(value, gap, to);
                    } else if (!gap) {
                        category(column.values().get((int) value), to);
                    }
                    if (gap) {
                        gaps++;
                        if (input.gaps()) {
                            floats[to + input.width() - 1] = 1;
                        }
                    }
                }
            }

            private void numeric(float number, boolean gap, int to) {
                double value = gap ? input.mean() - input.offset() : number + shift;
                floats[to] = (float) ((value - mean) * factor);
                if (notes != null && !gap) {
                    double is = value + input.offset();
                    double out = Math.max(input.min() - is, is - input.max());
                    outside += out > 0 ? 1 : 0;
                    far += out > input.max() - input.min() ? 1 : 0;
                }
            }

            private void category(String value, int to) {
                Integer known = index.get(value);
                if (known != null) {
                    floats[to + known] = 1;
                } else {
                    strange++;
                    strangers.add('"' + brief(value) + '"');
                }
            }

            private void tell() {
                boolean most = rows >= ENOUGH_ROWS && outside * 2 > rows;
                if (!input.isLeftOut() && (far > 0 || most)) {
                    String text = "%s: %,d of %,d rows %s %s to %s, all that training saw";
                    String where = most ? "lie outside" : "lie far outside";
                    String least = number(input.min());
                    String greatest = number(input.max());
                    note(text, name, most ? outside : far, rows, where, least, greatest);
                }
                if (strange > 0) {
                    String text = "%s: values in %,d of %,d rows that training did not know (%s)";
                    note(text, name, strange, rows, shown(List.copyOf(strangers)));
                }
                if (gaps > 0 && !input.gaps()) {
                    String taken = input.isCategory() ? "none of its values" : "its mean";
                    String some =
                            "%s: missing in %,d of %,d rows, but none in training: taken as %s";
                    note(some, name, gaps, rows, taken);
                }
            }

            private void note(String text, Object... values) {
                notes.add(String.format(Locale.ROOT, text, values));
            }
        }
    }

    /** Where each column is in a table: by name, or where one side has none, by position. */
    private int[] places(Dataset table) {
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
