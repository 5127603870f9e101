package org.quern.run;

import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.data.Dataset;
import org.quern.plan.Loss;

/**
 * What the rows of a class count for in training, by its name: as they are, balanced by {@link
 * Dataset#balancedWeights}, or as given, the other classes 1.
 */
record ClassWeights(String text, Map<String, Double> given) {
    static final String NONE = "none";
    private static final String BALANCED = "balanced";

    /** Reads {@code none}, {@code balanced} or {@code cat=2,dog=0.5}. */
    static ClassWeights parse(String text) {
        Map<String, Double> given = new LinkedHashMap<>();
        if (!text.equals(NONE) && !text.equals(BALANCED)) {
            for (String one : text.split(",", -1)) {
                int sign = one.lastIndexOf('=');
                try {
                    double weight = Double.parseDouble(one.substring(sign + 1));
                    if (sign > 0 && given.put(one.substring(0, sign).strip(), weight) == null) {
                        continue;
                    }
                } catch (NumberFormatException e) {
                    // refused below
                }
                throw usage(
                        "class-weights \"%s\": \"%s\" is not understood: give balanced, or weights"
                                + " of different classes such as cat=2,dog=0.5",
                        text, one);
            }
            Loss.crossEntropy(List.copyOf(given.values()));
        }
        return new ClassWeights(text, given);
    }

    /** Softmax cross-entropy with the weights of a training set's classes. */
    Loss of(Dataset train) {
        if (text.equals(NONE)) {
            return Loss.CROSS_ENTROPY;
        }
        if (text.equals(BALANCED)) {
            return Loss.crossEntropy(train.balancedWeights());
        }
        List<Double> weights = new ArrayList<>(Collections.nCopies(train.classes().size(), 1.0));
        given.forEach(
                (name, weight) -> {
                    int index = train.classes().indexOf(name);
                    if (index < 0) {
                        String classes = String.join(", ", train.classes());
                        String unknown = "class-weights: %s has no class \"%s\": it has %s";
                        throw usage(unknown, train.name(), name, classes);
                    }
                    weights.set(index, weight);
                });
        return Loss.crossEntropy(weights);
    }
}
