package org.quern.data;

import java.util.List;

/**
 * What the columns of a table are.
 *
 * @param inputs those that a model sees, in their order
 * @param targets those that it is to predict: the label of a class, or numbers
 */
public record Header(List<Column> inputs, List<Column> targets) {
    public Header {
        inputs = List.copyOf(inputs);
        targets = List.copyOf(targets);
    }

    /** Whether its columns have names. */
    public boolean isNamed() {
        return inputs.stream().anyMatch(column -> !column.name().isEmpty());
    }
}
