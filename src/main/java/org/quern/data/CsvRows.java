package org.quern.data;

import static org.quern.QuernException.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The rows of a CSV file while they are read: each field goes where its column says. */
final class CsvRows extends CsvText.Records {
    /** More different numbers than this are no classes, if nobody says so. */
    private static final int MOST_CLASSES = 1 << 16;

    /** No mark: that of the first number that has one will be the file's. */
    private static final char ANY = '\uffff';

    private final Csv csv;
    private final int columns;
    private final double[] gaps;

    /** Of each column of the file the input and the target that it is, or null. */
    private final TableColumn[] inputs;

    private final TableColumn[] targets;
    private final int labelColumn;
    private final boolean mayBeNumbers;
    private final boolean keepsEmpty;

    final FloatRows values;
    final FloatRows numbers;

    private final Map<String, Integer> labelOf = new HashMap<>();

    /** The different labels, in order of first appearance. */
    final List<String> labelTexts = new ArrayList<>();

    private int[] classOf = new int[1 << 10];
    private boolean hasText;

    /** Whether a label has a decimal point in a file of decimal commas. */
    boolean hasOtherMarks;

    /** Whether all labels are numbers, and so many that reading has ended. */
    boolean tooMany;

    private char point;
    private boolean skips;
    private RuntimeException wrong;
    private boolean isEmpty = true;

    /** Lines of separators alone, which are left out. */
    int empty;

    private String lacks;

    /** Where the first of them is, and what it has in place of a label. */
    String firstUnlabelled;

    /** Rows that have no label. */
    int unlabelled;

    int rows;

    /**
     * Rows to be read.
     *
     * @param classes whether the first label's column holds the class
     * @param mayBeNumbers whether reading is to end where that turns out to hold numbers
     * @param keepsEmpty whether lines of separators alone are rows, too
     */
    CsvRows(
            Csv csv,
            List<TableColumn> inputs,
            List<TableColumn> targets,
            boolean classes,
            boolean mayBeNumbers,
            boolean keepsEmpty) {
        this.csv = csv;
        columns = csv.columns;
        gaps = csv.format.gaps();
        this.mayBeNumbers = mayBeNumbers;
        this.keepsEmpty = keepsEmpty;
        labelColumn = classes ? csv.labels[0] : -1;
        skips = csv.head.isHeader();
        point = csv.head.separator() == ';' ? ANY : '.';
        this.inputs = byColumn(inputs);
        this.targets = byColumn(targets);
        values = new FloatRows(inputs.size());
        numbers = new FloatRows(Math.max(1, targets.size()));
    }

    private TableColumn[] byColumn(List<TableColumn> list) {
        TableColumn[] all = new TableColumn[columns];
        list.forEach(column -> all[column.index] = column);
        return all;
    }

    /** Whether numbers have a decimal comma. */
    boolean hasDecimalCommas() {
        return point == ',';
    }

    /** Whether all labels are numbers. */
    boolean hasNumbersForLabels() {
        return !hasText && unlabelled == 0;
    }

    /** The rows with their labels as classes; of one that has none, the class "". */
    Dataset label(Dataset set) {
        List<String> texts = new ArrayList<>(labelTexts);
        int[] indices = Arrays.copyOf(classOf, rows);
        if (unlabelled > 0) {
            Arrays.setAll(indices, row -> indices[row] < 0 ? texts.size() : indices[row]);
            texts.add("");
        }
        return Classes.label(set, indices, texts);
    }

    @Override
    void field(int index, char[] text, int from, int length) {
        if (skips || index >= columns) {
            return;
        }
        isEmpty &= length == 0;
        TableColumn input = inputs[index];
        if (input != null) {
            values.set(input.place, value(input, text, from, length));
        }
        TableColumn target = targets[index];
        if (target != null) {
            float number = value(target, text, from, length);
            if (Float.isNaN(number)) {
                lacksLabel(index, new String(text, from, length));
            }
            numbers.set(target.place, number);
        }
        if (index == labelColumn) {
            label(new String(text, from, length));
        }
    }

    @Override
    boolean end(int fields) {
        if (fields != columns) {
            String text = "%s:%d has %d field%s, but the first line has %d";
            throw data(text, csv.file, line(), fields, fields == 1 ? "" : "s", columns);
        } else if (wrong != null) {
            throw wrong;
        } else if (isEmpty && !keepsEmpty) {
            empty += skips ? 0 : 1;
        } else if (!skips) {
            rows++;
            values.endRow();
            numbers.endRow();
            unlabelled += lacks == null ? 0 : 1;
            firstUnlabelled = firstUnlabelled == null ? lacks : firstUnlabelled;
        }
        skips = false;
        isEmpty = true;
        lacks = null;
        return !tooMany;
    }

    /** The value of a number, the index of a category's text, or NaN for a gap. */
    private float value(TableColumn column, char[] text, int from, int length) {
        if (column.isCategory()) {
            return category(column, new String(text, from, length));
        }
        double number = number(text, from, length);
        if (Double.isNaN(number)) {
            return other(column, new String(text, from, length));
        }
        for (double gap : gaps) {
            if (number == gap) {
                column.hasGaps = true;
                return Float.NaN;
            }
        }
        if (column.code == null && Decimal.isCode(text, from, length)) {
            column.code = new String(text, from, length);
        }
        float narrow = column.narrow(number);
        if (Float.isInfinite(narrow)) {
            refuse(column, new String(text, from, length), "too large for float32");
        }
        return narrow;
    }

    private double number(char[] text, int from, int length) {
        double number = Decimal.parse(text, from, length, point);
        return Double.isNaN(number) && point == ANY ? firstMarked(text, from, length) : number;
    }

    /** The value of the first number with a fraction, whose mark is then the file's. */
    private double firstMarked(char[] text, int from, int length) {
        for (char mark : new char[] {'.', ','}) {
            double number = Decimal.parse(text, from, length, mark);
            if (!Double.isNaN(number)) {
                point = mark;
                return number;
            }
        }
        return Double.NaN;
    }

    private float category(TableColumn column, String text) {
        int seen = column.seen(text);
        if (seen < 0 && csv.format.isGap(text)) {
            column.hasGaps = true;
            return Float.NaN;
        }
        return seen < 0 ? column.indexOfNumber(text) : seen;
    }

    /** The value of what is no number in a column of numbers, or in one that has no value yet. */
    private float other(TableColumn column, String text) {
        boolean isDressed = Decimal.isDressed(text);
        if (csv.format.isGap(text)) {
            column.hasGaps = true;
        } else if (column.isOpen() && !isDressed) {
            column.becomeCategory();
            return category(column, text);
        } else if (isDressed) {
            refuse(
                    column,
                    text,
                    "not a plain number such as " + (hasDecimalCommas() ? "1000,5" : "1000.5"));
        } else {
            refuse(column, text, "not a number");
        }
        return Float.NaN;
    }

    /** Refuses the record for a field, unless it has another number of fields, too. */
    private void refuse(TableColumn column, String text, String why) {
        if (wrong != null) {
            return;
        }
        String called = csv.head.isHeader() ? column.name : "#" + column.index;
        boolean isTarget = targets[column.index] == column;
        List<String> cures = new ArrayList<>();
        if (!isTarget && text.indexOf(',') < 0) {
            cures.add("--missing \"%s\" to count it as a gap".formatted(text));
        }
        if (csv.format.known() == null) { // else a model has settled what columns are
            String category =
                    "--category \"%s\" to take the column as categories".formatted(called);
            cures.add(isTarget ? "--loss cross-entropy to take labels as classes" : category);
        }
        String where = column.index + 1 + (csv.head.isHeader() ? " (" + column.name + ")" : "");
        String message = "%s:%d column %s is \"%s\", %s: correct it%s";
        String cure = cures.isEmpty() ? "" : ", or give " + String.join(", or ", cures);
        wrong = data(message, csv.file, line(), where, text, why, cure);
    }

    private void label(String label) {
        Integer known = labelOf.get(label);
        if (known == null) {
            known = csv.format.isGap(label) ? -1 : labelIndex(label);
            labelOf.put(label, known);
        }
        if (known < 0) {
            lacksLabel(labelColumn, label);
        }
        if (rows == classOf.length) {
            classOf = Arrays.copyOf(classOf, 2 * rows);
        }
        classOf[rows] = known;
    }

    private int labelIndex(String label) {
        boolean isNumber = !Double.isNaN(number(label.toCharArray(), 0, label.length()));
        String text = isNumber ? label.replace(',', '.') : label;
        hasOtherMarks |= !isNumber && Decimal.isNumber(label);
        Integer index = labelOf.get(text);
        if (index == null) {
            index = labelTexts.size();
            labelTexts.add(text);
            labelOf.put(text, index);
            hasText |= !Decimal.isNumber(text);
            tooMany = mayBeNumbers && !hasText && labelTexts.size() > MOST_CLASSES;
        }
        return index;
    }

    private void lacksLabel(int column, String text) {
        String what = "%s:%d has no label (column %d is \"%s\")";
        lacks = what.formatted(csv.file, line(), column + 1, text);
    }
}
