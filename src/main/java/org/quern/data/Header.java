package org.quern.data;

import static java.util.stream.Collectors.joining;
import static org.quern.QuernException.copied;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;

import java.io.Serializable;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;

/**
 * What the columns of a table are. Of rows that a program has, it says how {@link
 * Dataset#ofRows(String, Header, Iterable)} is to take them:
 *
 * <pre>{@code
 * Header.columns().number("income", "age").category("ocean").target("price")
 * Header.of(House.class).target("price") // a record's components, by their types
 * }</pre>
 *
 * @param inputs those that a model sees, in their order
 * @param targets those that it is to predict: the label of a class, or numbers
 */
public record Header(List<Column> inputs, List<Column> targets) implements Serializable {
    public Header {
        inputs = copied(inputs, "inputs");
        targets = copied(targets, "targets");
    }

    /** No columns yet. */
    public static Header columns() {
        return new Header(List.of(), List.of());
    }

    /**
     * The components of a record as inputs: numbers of any kind as numbers; text, enums and
     * booleans as categories.
     *
     * @throws org.quern.QuernException if one is none of these, such as a date
     */
    public static Header of(Class<? extends Record> type) {
        Header header = columns();
        for (RecordComponent component : given(type, "type").getRecordComponents()) {
            String name = component.getName();
            Class<?> of = component.getType();
            boolean category =
                    Stream.of(CharSequence.class, Character.class, Boolean.class, Enum.class)
                            .anyMatch(text -> text.isAssignableFrom(of));
            category |= of == boolean.class || of == char.class;
            boolean number = Number.class.isAssignableFrom(of) || of.isPrimitive();
            String other =
                    "%s: component %s is of type %s, which is no number, text, enum or boolean:"
                            + " name the columns by Header.columns() instead";
            expect(category || number, other, type.getSimpleName(), name, of.getSimpleName());
            header = category ? header.category(name) : header.number(name);
        }
        return header;
    }

    /** With columns of numbers for inputs: new ones, or those that are called so. */
    public Header number(String... names) {
        return with(names, false, false);
    }

    /** With categories for inputs: texts, enums, booleans, or numbers that are names. */
    public Header category(String... names) {
        return with(names, true, false);
    }

    /** With numbers to predict. */
    public Header target(String... names) {
        return with(names, false, true);
    }

    /** With a class to predict: a text, an enum, a boolean, or a number that is a name. */
    public Header label(String name) {
        return with(new String[] {name}, true, true);
    }

    /** Without columns, such as a row's id, that tell nothing of what is to be predicted. */
    public Header without(String... names) {
        List<Column> newInputs = new ArrayList<>(inputs);
        List<Column> newTargets = new ArrayList<>(targets);
        for (String name : given(names, "names")) {
            boolean is = newInputs.removeIf(column -> column.name().equals(name));
            is |= newTargets.removeIf(column -> column.name().equals(name));
            expect(is, "there is no column %s to leave out", name);
        }
        return new Header(newInputs, newTargets);
    }

    private Header with(String[] names, boolean category, boolean target) {
        List<Column> newInputs = new ArrayList<>(inputs);
        List<Column> newTargets = new ArrayList<>(targets);
        for (String name : given(names, "names")) {
            expect(!given(name, "a column's name").isEmpty(), "a column has no name");
            boolean once = Collections.frequency(Arrays.asList(names), name) == 1;
            expect(once, "column %s is given twice", name);
            List<Column> to = target ? newTargets : newInputs;
            List<Column> from = target ? newInputs : newTargets;
            from.removeIf(column -> column.name().equals(name));
            Column is = category ? Column.category(name) : Column.numbers(name);
            List<String> there = to.stream().map(Column::name).toList();
            if (there.contains(name)) {
                to.set(there.indexOf(name), is);
            } else {
                to.add(is);
            }
        }
        return new Header(newInputs, newTargets);
    }

    /** Numbers without names. */
    static Header unnamed(int inputs, int targets) {
        Column unnamed = Column.numbers("");
        return new Header(
                Collections.nCopies(inputs, unnamed), Collections.nCopies(targets, unnamed));
    }

    /** The names of the columns to predict, separated by commas; empty if they have none. */
    String targetNames() {
        boolean named = targets.stream().noneMatch(column -> column.name().isEmpty());
        return named ? targets.stream().map(Column::name).collect(joining(",")) : "";
    }

    /** Whether its columns have names. */
    public boolean isNamed() {
        return inputs.stream().anyMatch(column -> !column.name().isEmpty());
    }
}
