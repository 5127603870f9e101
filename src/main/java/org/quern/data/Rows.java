package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.lang.reflect.Array;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/** Makes a table of rows that a program has, one after the other. */
final class Rows {
    /** Characters of a text that a message shows. */
    private static final int LONGEST = 40;

    /** The methods that give a record's components, by name. */
    private static final ClassValue<Map<String, Method>> COMPONENTS =
            new ClassValue<>() {
                @Override
                protected Map<String, Method> computeValue(Class<?> type) {
                    Map<String, Method> accessors = new LinkedHashMap<>();
                    for (RecordComponent component : type.getRecordComponents()) {
                        Method accessor = component.getAccessor();
                        // the record itself need not be public; its package may be closed
                        String closed =
                                "%s cannot be read by reflection: open its package to Quern, or"
                                        + " give maps";
                        require(accessor.trySetAccessible(), closed, type.getName());
                        accessors.put(component.getName(), accessor);
                    }
                    return accessors;
                }
            };

    private final String name;
    private final int inputs;

    /** Inputs first, then targets. */
    private final List<TableColumn> columns = new ArrayList<>();

    /** Rows in float64, until it is known what to take from each number: {@link Column#offset}. */
    private List<double[]> first = new ArrayList<>();

    private final FloatRows values;
    private final FloatRows predicted;
    private int rows;

    private Rows(String name, Header header) {
        this.name = name;
        inputs = header.inputs().size();
        int targets = header.targets().size();
        require(inputs > 0, "%s: its header has no column that a model could learn from", name);
        boolean label = header.targets().stream().anyMatch(Column::isCategory);
        String several = "%s: a label is predicted alone, but there are %d columns to predict";
        require(!label || targets == 1, several, name, targets);
        header.inputs().forEach(one -> columns.add(TableColumn.of(0, columns.size(), one)));
        header.targets().forEach(one -> columns.add(TableColumn.of(0, columns.size(), one)));
        values = new FloatRows(inputs);
        predicted = new FloatRows(Math.max(1, targets));
    }

    /** See {@link Dataset#ofRows(String, Header, Iterable)}. */
    static Dataset read(String name, Header header, Iterable<?> rows) {
        Rows table = new Rows(name, header);
        for (Object row : rows) {
            table.add(row);
        }
        return table.dataset();
    }

    private void add(Object row) {
        IntFunction<Object> cells = cells(row);
        double[] numbers = new double[columns.size()];
        for (int c = 0; c < numbers.length; c++) {
            Object cell = cells.apply(c);
            numbers[c] = columns.get(c).isCategory() ? index(c, cell) : number(c, cell);
            if (c >= inputs && Double.isNaN(numbers[c])) {
                throw data("%s: %s is missing, which is to be predicted", at(), column(c));
            }
        }
        rows++;
        if (first == null) {
            keep(numbers);
            return;
        }
        first.add(numbers);
        boolean settled = true;
        for (int c = 0; c < numbers.length; c++) {
            TableColumn column = columns.get(c);
            column.narrow(numbers[c]);
            settled &=
                    column.isCategory()
                            || column.offset != 0
                            || Column.isSpread(column.least, column.most);
        }
        if (settled) {
            settle();
        }
    }

    /** Keeps the rows until now, less what is to be taken from their numbers. */
    private void settle() {
        columns.replaceAll(one -> one.offset == 0 ? one.again(one.offset()) : one);
        first.forEach(this::keep);
        first = null;
    }

    private void keep(double[] numbers) {
        for (int c = 0; c < numbers.length; c++) {
            float number = columns.get(c).narrow(numbers[c]);
            if (c < inputs) {
                values.set(c, number);
            } else {
                predicted.set(c - inputs, number);
            }
        }
        values.endRow();
        if (numbers.length > inputs) {
            predicted.endRow();
        }
    }

    /** What a row has in each column. */
    private IntFunction<Object> cells(Object row) {
        if (row instanceof Map<?, ?> map) {
            return c -> {
                Object value = map.get(key(c));
                if (value == null && !map.containsKey(key(c))) {
                    String text = "%s: there is no %s, only %s: give null for a gap";
                    throw data(text, at(), key(c), Columns.shown(texts(map.keySet())));
                }
                return value;
            };
        } else if (row instanceof Record) {
            Map<String, Method> components = COMPONENTS.get(row.getClass());
            return c -> {
                Method component = components.get(key(c));
                if (component == null) {
                    String type = row.getClass().getSimpleName();
                    String all = Columns.shown(texts(components.keySet()));
                    String text = "%s: %s has no component %s, only %s";
                    throw data(text, at(), type, key(c), all);
                }
                return call(component, row);
            };
        } else if (row instanceof List<?> list) {
            requireLength(list.size());
            return list::get;
        } else if (row != null && row.getClass().isArray()) {
            requireLength(Array.getLength(row));
            return c -> Array.get(row, c);
        }
        String is = row == null ? "null" : "a " + row.getClass().getSimpleName();
        throw data("%s is %s: give records, maps, arrays or lists", at(), is);
    }

    private String key(int c) {
        String key = columns.get(c).name;
        if (key.isEmpty()) {
            throw data("%s: column %d has no name: give arrays or lists", at(), c + 1);
        }
        return key;
    }

    private void requireLength(int length) {
        if (length != columns.size()) {
            String names = Columns.shown(columns.stream().map(one -> one.name).toList());
            String named = columns.get(0).name.isEmpty() ? "" : " (" + names + ")";
            String text = "%s: %d values for %d columns%s";
            throw data(text, at(), length, columns.size(), named);
        }
    }

    private Object call(Method accessor, Object row) {
        try {
            return accessor.invoke(row);
        } catch (InvocationTargetException e) {
            Throwable cause = e.getCause();
            throw data(cause, "%s: %s() failed: %s", at(), accessor.getName(), cause);
        } catch (IllegalAccessException e) {
            throw new AssertionError(e); // it is accessible
        }
    }

    private static List<String> texts(Iterable<?> all) {
        List<String> texts = new ArrayList<>();
        all.forEach(one -> texts.add(String.valueOf(one)));
        return texts;
    }

    private double number(int c, Object cell) {
        if (cell == null) {
            return Double.NaN;
        }
        if (cell instanceof Boolean is) {
            return is ? 1 : 0;
        }
        if (!(cell instanceof Number)) {
            throw data("%s: %s is %s, which is no number", at(), column(c), shown(cell));
        }
        double value = ((Number) cell).doubleValue();
        if (Float.isInfinite((float) value)) {
            String text = "%s: %s is %s: every value must be a finite float32 number";
            throw data(text, at(), column(c), cell);
        }
        return value;
    }

    private double index(int c, Object cell) {
        if (isGap(cell)) {
            return Double.NaN;
        }
        String text = text(cell);
        if (text == null) {
            String other = "%s: %s is %s, which is no text, enum, boolean or number";
            throw data(other, at(), column(c), shown(cell));
        }
        TableColumn column = columns.get(c);
        int seen = column.seen(text);
        if (seen >= 0) {
            return seen;
        }
        return c < inputs ? column.indexOfNumber(text) : column.indexOf(text, text);
    }

    /** What a class or a category is called: 3 where it is the number 3.0; else null. */
    static String text(Object cell) {
        if (cell instanceof Enum<?> constant) {
            return constant.name();
        }
        if (cell instanceof Number && !isGap(cell)) {
            return Decimal.canonical(cell.toString());
        }
        boolean text =
                cell instanceof CharSequence
                        || cell instanceof Character
                        || cell instanceof Boolean;
        return text ? cell.toString() : null;
    }

    private static boolean isGap(Object cell) {
        return cell == null || cell instanceof Number number && Double.isNaN(number.doubleValue());
    }

    private static String shown(Object cell) {
        String text = cell.toString().lines().findFirst().orElse("");
        text = text.length() > LONGEST ? text.substring(0, LONGEST) + "..." : text;
        boolean constant = cell instanceof Enum<?>; // whose own class may have no name
        Class<?> type = constant ? ((Enum<?>) cell).getDeclaringClass() : cell.getClass();
        return (cell instanceof CharSequence ? '"' + text + '"' : text)
                + " (%s)".formatted(type.getSimpleName());
    }

    private String at() {
        return "%s, row %d (from 0)".formatted(name, rows);
    }

    private String column(int c) {
        String of = columns.get(c).name;
        return of.isEmpty() ? "column " + (c + 1) : of;
    }

    private Dataset dataset() {
        require(rows > 0, "%s has no rows", name);
        if (first != null) {
            settle();
        }
        List<Column> found = columns.stream().map(TableColumn::column).toList();
        List<Column> targets = found.subList(inputs, found.size());
        Header header = new Header(found.subList(0, inputs), targets);
        Dataset set =
                Dataset.ofTable(
                        name, header, values.take(IntStream.range(0, inputs).toArray(), name));
        if (targets.isEmpty()) {
            return set;
        }
        int[] all = IntStream.range(0, targets.size()).toArray();
        float[] numbers = predicted.take(all, name);
        Column label = targets.get(0);
        if (!label.isCategory()) {
            return set.withTargets(numbers, targets.size());
        }
        int[] labels = new int[rows];
        for (int row = 0; row < rows; row++) {
            labels[row] = (int) numbers[row];
        }
        return Classes.label(set, labels, label.values());
    }
}
