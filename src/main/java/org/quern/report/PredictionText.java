package org.quern.report;

import static org.quern.report.Numbers.format;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What a model says of an example.
 *
 * @param classes names of its outputs, one for each
 * @param probabilities whether its outputs are class probabilities, else numbers
 */
public record PredictionText(List<String> classes, boolean probabilities) {
    private static final int BAR = 40;

    /**
     * One example in full: each class with its probability as a number and a bar, the most probable
     * first; or each output on a line. At most {@code most} of them.
     */
    public String full(float[] outputs, int most) {
        Table table = new Table("  ", -1);
        for (int i : order(outputs).subList(0, Math.min(most, outputs.length))) {
            if (probabilities) {
                String bar = "#".repeat(Math.round(outputs[i] * BAR));
                table.row(classes.get(i), format("%.4f", outputs[i]), bar);
            } else {
                table.row(classes.get(i), Float.toString(outputs[i]));
            }
        }
        return table.lines().stream().map(String::stripTrailing).collect(Collectors.joining("\n"));
    }

    /** One example in a line: the most probable class, or all outputs. */
    public String brief(float[] outputs) {
        if (!probabilities) {
            return Arrays.toString(outputs);
        }
        int best = order(outputs).get(0);
        return format("%s (%.4f)", classes.get(best), outputs[best]);
    }

    private List<Integer> order(float[] outputs) {
        Comparator<Integer> best = Comparator.comparingDouble(i -> probabilities ? -outputs[i] : 0);
        return IntStream.range(0, outputs.length).boxed().sorted(best).toList();
    }
}
