package org.quern.run;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What a model says of a row.
 *
 * @param names of the outputs: the classes, or the columns that are predicted
 * @param values the probability of each class, or the numbers, in the target's units
 * @param classifies whether these are probabilities
 * @param notes a line for each column in which this row, or the rows that were asked for with it,
 *     are not like those of training: gaps, unknown categories, numbers far outside
 */
public record Prediction(
        List<String> names, float[] values, boolean classifies, List<String> notes) {

    /**
     * The most probable class.
     *
     * @throws org.quern.QuernException if the model predicts numbers
     */
    public String label() {
        expect(classifies, "the model predicts numbers, not a class: ask for number()");
        int best = 0;
        for (int i = 1; i < values.length; i++) {
            best = values[i] > values[best] ? i : best;
        }
        return names.get(best);
    }

    /**
     * The number that is predicted.
     *
     * @throws org.quern.QuernException if the model predicts a class, or several numbers
     */
    public float number() {
        expect(!classifies, "the model predicts a class, not a number: ask for label()");
        String several = "the model predicts %d numbers: ask for value(name)";
        expect(values.length == 1, several, values.length);
        return values[0];
    }

    /** The probability of a class, or the number of a target, by its name. */
    public float value(String name) {
        int place = names.indexOf(given(name, "name"));
        String all = String.join(", ", names);
        expect(place >= 0, "the model has no output %s: it has %s", name, all);
        return values[place];
    }

    /** One line: the class and its probability, or each output by its name. */
    @Override
    public String toString() {
        if (classifies) {
            return String.format(Locale.ROOT, "%s (%.4f)", label(), value(label()));
        }
        return IntStream.range(0, values.length)
                .mapToObj(i -> names.get(i) + " " + values[i])
                .collect(Collectors.joining(", "));
    }
}
