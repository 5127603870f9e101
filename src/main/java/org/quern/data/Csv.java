package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.require;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.data.CsvHead.Kind;
import org.quern.data.TableFormat.Labels;

/**
 * A table of separated values, one row an example: what is to be predicted in one column or
 * several, numbers and categories in the others.
 *
 * <p>The label column is the one that is asked for, else the first of {@link CsvHead#LABEL_NAMES}
 * that the header has, else the only one of a train.csv that its test.csv lacks; it is never
 * guessed otherwise. {@linkplain TableFormat#known Known} columns are found by name where both
 * sides have names, else by their order.
 *
 * <p>The file is read once, after a look at its first lines; again only if it turns out that its
 * numbers need an {@linkplain Column#offset offset}, or that its labels are numbers.
 */
final class Csv {
    private static final List<String> ENDS = List.of(".csv", ".tsv", ".csv.gz", ".tsv.gz");

    /** A column by number: "#0" is always one, "0" only where no column is called so. */
    private static final Pattern INDEX = Pattern.compile("#?(\\d{1,8})");

    private static final int NAMES_SHOWN = 20;
    private static final String NARROW =
            "%s has 1 column; it needs a label and at least one value, separated by commas,"
                    + " semicolons or tabs (or as --separator says)";

    private final CsvText text;
    final Path file;
    final TableFormat format;
    final CsvHead head;
    private final List<String> names;
    private final Map<String, Integer> columnOf = new HashMap<>();
    final int columns;

    /** How many columns a table without labels has; 0 if it needs labels. */
    private final int unlabelled;

    /** The table that it goes with, whose label is in the same column without a header, or null. */
    private final Csv like;

    /** The columns that hold the labels; empty without. */
    final int[] labels;

    private final List<String> notes = new ArrayList<>();
    private boolean decimalCommas;

    /** Whether labels that might have been classes are numbers. */
    private boolean areNumbers;

    /** Whether rows are pixels, and so no table. */
    private boolean isPicture;

    private Header header;

    private Csv(Path file, TableFormat format, int unlabelled, Csv like) {
        this.file = file;
        this.format = format;
        this.unlabelled = unlabelled;
        this.like = like;
        text = CsvText.of(file);
        head = CsvHead.of(text, format);
        columns = head.columns();
        int most = head.rows().stream().mapToInt(List::size).max().orElse(1);
        String above = "%s: the first line has 1 field, but others have %d: remove what is above";
        require(columns > 1 || most == 1, above + " the table", file, most);
        names = IntStream.range(0, head.isHeader() ? columns : 0).mapToObj(this::named).toList();
        refuseEqualNames();
        labels = labels();
    }

    /** Whether a path is such a file, or a folder with a train.csv. */
    static boolean isOne(Path path) {
        return isFile(path) || in(path, "train") != null;
    }

    static boolean isFile(Path path) {
        // what tables are called, too; but a train.txt in a folder is rather a list of its files
        return Stream.concat(ENDS.stream(), Stream.of(".txt", ".data"))
                .anyMatch(end -> DataReader.isCalled(path, end));
    }

    private static Path in(Path folder, String name) {
        Stream<Path> files = ENDS.stream().map(end -> folder.resolve(name + end));
        return files.filter(Files::isRegularFile).findFirst().orElse(null);
    }

    /** Reads a file, or a folder's train.csv and, if there and labelled, test.csv. */
    static Splits read(Path path, TableFormat format) {
        boolean folder = Files.isDirectory(path);
        Path trainFile = folder ? in(path, "train") : path;
        Path testFile = folder ? in(path, "test") : null;
        String label = testFile == null ? format.label() : label(trainFile, testFile, format);
        Csv train = new Csv(trainFile, format.withLabel(label), 0, null);
        Dataset rows = train.rows(false);
        if (testFile == null) {
            return train.splits(path, rows, null, "");
        }
        String name = testFile.getFileName().toString();
        Labels kind = rows.hasTargets() ? Labels.NUMBERS : Labels.CLASSES;
        TableFormat alike = format.withLabel(train.labelOption()).withLabels(kind);
        Csv test = new Csv(testFile, alike.withKnown(train.header), rows.features(), train);
        if (test.labels.length == 0) {
            String cure = "; %s has no label: quern predict RUN %s --out submission.csv";
            return train.splits(path, rows, null, cure.formatted(name, testFile));
        }
        Dataset tested = test.rows(false);
        boolean same = test.reading().equals(train.reading());
        String reading = same ? "" : "; " + name + ": " + test.reading();
        return train.splits(path, rows, tested, reading);
    }

    /** The label asked for; else, if none is called as one, the only column that test.csv lacks. */
    private static String label(Path trainFile, Path testFile, TableFormat format) {
        if (format.label() != null || format.known() != null) {
            return format.label();
        }
        CsvHead train = CsvHead.of(CsvText.of(trainFile), format);
        CsvHead test = CsvHead.of(CsvText.of(testFile), format);
        boolean named = train.isHeader() && test.isHeader();
        List<String> left = new ArrayList<>(train.first());
        boolean found = left.stream().anyMatch(CsvHead::isLabelName);
        left.removeAll(test.first());
        left.remove("");
        return named && !found && left.size() == 1 ? left.get(0) : null;
    }

    /** Reads rows that may be without labels: then there are so many columns, if none is known. */
    static Splits rows(Path file, TableFormat format, int features) {
        Header known = format.known();
        int unlabelled = known == null ? features : known.inputs().size();
        Csv csv = new Csv(file, format, unlabelled, null);
        return csv.splits(file, csv.rows(true), null, "");
    }

    private Splits splits(Path path, Dataset train, Dataset test, String ofTest) {
        return new Splits(
                train, null, test, path.toString(), labelOption(), reading() + ofTest, null);
    }

    // ---- columns

    private String named(int column) {
        String name = head.first().get(column);
        return name.isEmpty() ? "column " + (column + 1) : name;
    }

    private void refuseEqualNames() {
        for (int i = 0; i < names.size(); i++) {
            Integer same = columnOf.put(names.get(i), i);
            if (same != null) {
                String text = "%s: columns %d and %d are both called \"%s\": rename one";
                throw data(text, file, same + 1, i + 1, names.get(i));
            }
        }
    }

    private boolean isByName() {
        return format.known() != null && format.known().isNamed() && head.isHeader();
    }

    private int[] labels() {
        String asked = format.label();
        List<String> wanted = asked == null ? knownLabels() : List.of(asked);
        if (asked != null && !columnOf.containsKey(asked)) {
            wanted = TableFormat.list(asked);
        }
        expect(asked == null || !wanted.isEmpty(), "label \"%s\": name a column", asked);
        int[] found =
                wanted.isEmpty() ? bestName() : wanted.stream().mapToInt(this::column).toArray();
        if (wanted.isEmpty() && found.length > 0 && columns == unlabelled) {
            notes.add("all columns are taken as inputs, " + names.get(found[0]) + " too");
            return new int[0];
        }
        int missing = Arrays.stream(found).boxed().toList().indexOf(-1);
        if (found.length > 0 && missing < 0) {
            if (asked != null) {
                lookAt(found, wanted);
            }
            return Arrays.stream(found).distinct().toArray();
        } else if (unlabelled > 0 && (isByName() || columns == unlabelled)) {
            return new int[0];
        } else if (like != null && !head.isHeader() && columns == like.columns) {
            return like.labels;
        }
        throw noLabel(asked == null ? null : wanted.get(missing));
    }

    /** Looks at labels that were asked for, which a model may take or call otherwise. */
    private void lookAt(int[] found, List<String> wanted) {
        for (int i = 0; head.isHeader() && i < found.length; i++) {
            if (Character.isDigit(wanted.get(i).charAt(0))
                    && !columnOf.containsKey(wanted.get(i))) {
                notes.add("--label %s counts from 0".formatted(wanted.get(i)));
            }
        }
        if (!isByName()) {
            return;
        }
        List<String> inputs = format.known().inputs().stream().map(Column::name).toList();
        List<String> called = Arrays.stream(found).mapToObj(names::get).toList();
        List<String> known = knownLabels();
        for (String name : called) {
            String text = "--label %s: the model takes this column, and predicts %s";
            expect(!inputs.contains(name), text, name, listed(known));
        }
        if (!known.isEmpty() && !known.equals(called)) {
            notes.add("the model calls it " + listed(known));
        }
    }

    private List<String> knownLabels() {
        List<Column> targets = format.known() == null ? List.of() : format.known().targets();
        return targets.stream().map(Column::name).filter(name -> !name.isEmpty()).toList();
    }

    private int[] bestName() {
        return CsvHead.LABEL_NAMES.stream()
                .flatMap(best -> names.stream().filter(best::equalsIgnoreCase))
                .mapToInt(names::indexOf)
                .limit(1)
                .toArray();
    }

    /** The column of a name or an index; −1 if there is none. */
    private int column(String called) {
        int column = columnOf.getOrDefault(called, -1);
        Matcher index = INDEX.matcher(called);
        if (column < 0 && columns != unlabelled && index.matches()) {
            column = Integer.parseInt(index.group(1));
        }
        return column < columns ? column : -1;
    }

    private RuntimeException noLabel(String asked) {
        require(columns > 1, NARROW, file);
        int more = format.known() == null ? unlabelled : 0;
        String other =
                "%s has %,d columns, but the model takes %,d inputs and, optionally, a label";
        require(more == 0 || asked != null || columns == more + 1, other, file, columns, more);
        if (head.isHeader()) {
            String all = listed(names);
            return asked == null
                    ? data("%s: which column holds the labels? Name it by --label: %s", file, all)
                    : data("%s has no column \"%s\" for the labels: it has %s", file, asked, all);
        }
        String lacks = "header: say which column holds the labels,";
        if (asked != null) {
            lacks = "column \"" + asked + "\" for the labels, for it has no header: give";
        }
        String text = "%s has no %s --label 0 (the first) to --label %d (the last)%s";
        boolean may = head.isNumbered() || head.first().stream().noneMatch(head::isNumber);
        String names = may ? "; if line 1 holds names, give --header yes" : "";
        return data(text, file, lacks, columns - 1, names);
    }

    private static String listed(List<String> names) {
        return Columns.shown(names, NAMES_SHOWN);
    }

    private boolean isLabel(int column) {
        return Arrays.stream(labels).anyMatch(label -> label == column);
    }

    /** The columns that are inputs, in their order among these. */
    private int[] inputs() {
        if (isByName()) {
            return inputsByName();
        }
        int[] all = IntStream.range(0, columns).filter(i -> !isLabel(i)).toArray();
        boolean isIndex =
                head.isHeader()
                        && head.first().get(0).isEmpty()
                        && head.numbersRows(0)
                        && all.length > 1
                        && all[0] == 0
                        && format.categories().stream().noneMatch(one -> column(one) == 0);
        if (isIndex) {
            notes.add("column 1 has no name and numbers the rows: left out");
            all = Arrays.copyOfRange(all, 1, all.length);
        }
        String text = "%s has %d columns beside the label, but training had %d";
        int known = format.known() == null ? all.length : format.known().inputs().size();
        require(all.length == known, text, file, all.length, known);
        if (format.known() != null && format.known().isNamed()) {
            notes.add("the columns are taken in training's order");
        }
        return all;
    }

    private int[] inputsByName() {
        List<String> wanted = format.known().inputs().stream().map(Column::name).toList();
        List<String> missing = wanted.stream().filter(name -> !columnOf.containsKey(name)).toList();
        boolean isRow = format.header() == null && missing.size() == wanted.size();
        String maybe = isRow ? " (if line 1 is no header, give --header no)" : "";
        String lacks = "%s lacks columns that training had: %s; it has %s%s";
        require(missing.isEmpty(), lacks, file, listed(missing), listed(names), maybe);
        Set<String> others = new LinkedHashSet<>(names);
        wanted.forEach(others::remove);
        Arrays.stream(labels).mapToObj(names::get).forEach(others::remove);
        knownLabels().forEach(others::remove);
        if (!others.isEmpty()) {
            notes.add("other columns, left out: " + listed(List.copyOf(others)));
        }
        return wanted.stream().mapToInt(columnOf::get).toArray();
    }

    // ---- what is said of it

    private String reading() {
        List<String> parts = new ArrayList<>();
        String told = head.isHeader() ? "line 1 is a header" : "no header";
        if (!head.isHeader() && format.header() == null && head.isNumbered()) {
            told = "line 1 is a row (0, 1, 2 ...: if these are names, give --header yes)";
        }
        parts.add(told);
        if (head.separator() != ',') {
            String between =
                    switch (head.separator()) {
                        case ';' -> "semicolons";
                        case '\t' -> "tabs";
                        default -> '"' + String.valueOf(head.separator()) + '"';
                    };
            String commas = decimalCommas ? ", with decimal commas" : "";
            parts.add("separated by " + between + commas);
        }
        if (labels.length > 0) {
            String all =
                    Arrays.stream(labels).mapToObj(this::shown).collect(Collectors.joining(", "));
            String numbers = areNumbers ? ": numbers to predict" : "";
            parts.add((labels.length == 1 ? "label " : "labels ") + all + numbers);
        }
        parts.addAll(notes);
        return String.join("; ", parts);
    }

    private String shown(int column) {
        return head.isHeader()
                ? "\"%s\" (column %d)".formatted(names.get(column), column + 1)
                : "column " + (column + 1);
    }

    /** The labels' columns, as {@link TableFormat#label} takes them; null for none. */
    private String labelOption() {
        boolean byIndex =
                !head.isHeader()
                        || Arrays.stream(labels)
                                .anyMatch(i -> labels.length > 1 && names.get(i).contains(","));
        return labels.length == 0
                ? null
                : Arrays.stream(labels)
                        .mapToObj(i -> byIndex ? "#" + i : names.get(i))
                        .collect(Collectors.joining(","));
    }

    // ---- rows

    /** Reads all rows; whether they may be without labels. */
    private Dataset rows(boolean mayLackLabels) {
        int[] from = inputs();
        require(from.length > 0, NARROW, file);
        Header known = format.known();
        Labels kind = labelsAre();
        List<TableColumn> inputs = columns(from);
        List<TableColumn> targets = kind == Labels.NUMBERS ? targets() : List.of();
        CsvRows rows = read(inputs, targets, kind, mayLackLabels);
        if (rows.tooMany) {
            kind = Labels.NUMBERS;
            areNumbers = true;
            inputs = inputs.stream().map(column -> column.again(0)).toList();
            targets = targets();
            rows = read(inputs, targets, kind, mayLackLabels);
        }
        require(rows.rows > 0, "%s has a header but no rows", file);
        isPicture = like != null ? like.isPicture : known == null && isPicture(inputs);
        if (!isPicture && (known == null && needOffset(inputs) || needOffset(targets))) {
            inputs =
                    inputs.stream()
                            .map(c -> c.again(known == null ? c.offset() : c.offset))
                            .toList();
            targets = targets.stream().map(column -> column.again(column.offset())).toList();
            rows = read(inputs, targets, kind, mayLackLabels);
        }
        decimalCommas = rows.hasDecimalCommas();
        if (rows.empty > 0) {
            String some = rows.empty == 1 ? "1 row is" : rows.empty + " rows are";
            notes.add(some + " empty: left out");
        }
        if (rows.unlabelled > 0) {
            refuseOrNote(rows, mayLackLabels);
        }
        return set(rows, inputs, targets, kind);
    }

    private static boolean needOffset(List<TableColumn> columns) {
        return columns.stream().anyMatch(column -> column.offset() != 0);
    }

    private List<TableColumn> targets() {
        return IntStream.range(0, labels.length)
                .mapToObj(i -> TableColumn.of(labels[i], i, name(labels[i]), Kind.NUMBERS))
                .toList();
    }

    private List<TableColumn> columns(int[] from) {
        Header known = format.known();
        List<Integer> categories = categories();
        List<TableColumn> all = new ArrayList<>();
        for (int i = 0; i < from.length; i++) {
            int index = from[i];
            Kind kind = categories.contains(index) ? Kind.CATEGORY : head.kind(index, format);
            all.add(
                    known != null
                            ? TableColumn.of(index, i, known.inputs().get(i))
                            : TableColumn.of(index, i, name(index), kind));
        }
        return all;
    }

    private String name(int column) {
        return head.isHeader() ? names.get(column) : "";
    }

    private List<Integer> categories() {
        List<Integer> found = new ArrayList<>();
        for (String one : format.known() != null ? List.<String>of() : format.categories()) {
            found.add(column(one));
            String lacks = "category %s: %s has no such column";
            expect(found.get(found.size() - 1) >= 0, lacks, one, file);
        }
        return found;
    }

    private CsvRows read(
            List<TableColumn> inputs, List<TableColumn> targets, Labels kind, boolean keepsEmpty) {
        boolean classes = targets.isEmpty() && labels.length > 0;
        CsvRows rows = new CsvRows(this, inputs, targets, classes, kind == Labels.AUTO, keepsEmpty);
        text.read(head.separator(), rows);
        return rows;
    }

    /** What labels are, as far as it is known before they are read. */
    private Labels labelsAre() {
        Labels kind = format.labels();
        String several = "label %s: several labels are numbers to predict: give --loss mse";
        expect(labels.length < 2 || kind != Labels.CLASSES, several, labelOption());
        return labels.length > 1 ? Labels.NUMBERS : kind;
    }

    /** Whether columns are as many as MNIST's pixels, and hold numbers from 0 to 255 alone. */
    private static boolean isPicture(List<TableColumn> columns) {
        return Dataset.shapeOf(columns.size()).length > 1
                && columns.stream().allMatch(TableColumn::isPixel);
    }

    private void refuseOrNote(CsvRows rows, boolean mayLackLabels) {
        int none = rows.unlabelled;
        String more = "; %,d rows have none: fill them in, or remove the rows";
        String mend = none == 1 ? ": fill it in, or remove the row" : more;
        require(mayLackLabels, "%s" + mend, rows.firstUnlabelled, none);
        notes.add(String.format(Locale.ROOT, "%,d of %,d rows have no label", none, rows.rows));
    }

    private Dataset set(
            CsvRows rows, List<TableColumn> inputs, List<TableColumn> targets, Labels kind) {
        List<TableColumn> kept = inputs.stream().filter(column -> !isLeftOut(column)).toList();
        require(!kept.isEmpty(), NARROW, file);
        if (format.known() == null) {
            noteCodes(kept);
        }
        int[] places = kept.stream().mapToInt(column -> column.place).toArray();
        float[] values = rows.values.take(places, file.toString());
        List<Column> columns = kept.stream().map(TableColumn::column).toList();
        if (!targets.isEmpty()) {
            boolean complete = rows.unlabelled == 0;
            header = new Header(columns, targets.stream().map(TableColumn::column).toList());
            int[] all = IntStream.range(0, targets.size()).toArray();
            Dataset set = table(complete ? header : new Header(columns, List.of()), values);
            float[] numbers = complete ? rows.numbers.take(all, file.toString()) : null;
            return complete ? set.withTargets(numbers, all.length) : set;
        } else if (labels.length == 0) {
            header = new Header(columns, List.of());
            return table(header, values);
        }
        String name = name(labels[0]);
        header = new Header(columns, List.of(new Column(name, rows.labelTexts, 0)));
        Dataset set = rows.label(table(header, values));
        List<String> classes = set.classes();
        boolean fraction = classes.stream().anyMatch(one -> one.indexOf('.') >= 0);
        boolean may = kind == Labels.AUTO && rows.hasNumbersForLabels();
        if (may && (fraction || Exploration.isManyClasses(set))) {
            areNumbers = true;
            if (rows.hasOtherMarks) { // refuses them
                read(inputs.stream().map(one -> one.again(0)).toList(), targets(), kind, false);
            }
            return withNumbers(columns, name, set);
        }
        return set;
    }

    private void noteCodes(List<TableColumn> inputs) {
        List<TableColumn> some = inputs.stream().filter(column -> column.code != null).toList();
        if (!some.isEmpty()) {
            String all = listed(some.stream().map(column -> shown(column.index)).toList());
            String text =
                    "leading zeros (%s) are dropped from %s: --category keeps those of a column";
            notes.add(text.formatted(some.get(0).code, all));
        }
    }

    /** The same with the numbers that its classes are called by as targets. */
    private Dataset withNumbers(List<Column> columns, String name, Dataset set) {
        double[] numbers = set.classes().stream().mapToDouble(Decimal::parse).toArray();
        double offset = Column.offset(numbers[0], numbers[numbers.length - 1]); // in order
        header = new Header(columns, List.of(new Column(name, null, offset)));
        float[] targets = new float[set.rows()];
        for (int row = 0; row < targets.length; row++) {
            targets[row] = (float) (numbers[set.labels()[row]] - offset);
        }
        return table(header, set.values()).withTargets(targets, 1);
    }

    private boolean isLeftOut(TableColumn column) {
        boolean is = format.known() == null && head.isHeader() && column.isEmpty();
        if (is) {
            boolean unnamed = head.first().get(column.index).isEmpty();
            String what = unnamed ? "no name and no values" : "no values";
            notes.add("%s has %s: left out".formatted(names.get(column.index), what));
        }
        return is;
    }

    private Dataset table(Header columns, float[] values) {
        String name = file.getFileName().toString();
        return isPicture
                ? Dataset.ofImagesOrValues(name, Dataset.shapeOf(columns.inputs().size()), values)
                : Dataset.ofTable(name, columns, values);
    }
}
