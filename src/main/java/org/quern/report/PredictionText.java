package org.quern.report;

import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** What a model says of an example. */
public final class PredictionText {
    private static final int BAR = 40;

    private final List<String> classes;
    private final boolean probabilities;

    /**
     * For a model.
     *
     * @param classes names of its outputs, one for each
     * @param probabilities whether its outputs are class probabilities, else numbers
     */
    public PredictionText(List<String> classes, boolean probabilities) {
        this.classes = List.copyOf(classes);
        this.probabilities = probabilities;
    }

    /**
     * One example in full: each class with its probability as a number and a bar, the most probable
     * first; or each output on a line. At most {@code most} of them.
     */
    public String full(float[] outputs, int most) {
        List<String> lines = new ArrayList<>();
        int width =
                IntStream.range(0, outputs.length)
                        .map(i -> classes.get(i).length())
                        .max()
                        .orElse(0);
        for (int i : order(outputs)) {
            if (lines.size() == most) {
                break;
            }
            String line = format("%-" + width + "s  ", classes.get(i));
            lines.add(
                    probabilities
                            ? (line
                                            + format("%.4f  ", outputs[i])
                                            + "#".repeat(Math.round(outputs[i] * BAR)))
                                    .stripTrailing()
                            : line + outputs[i]);
        }
        return String.join("\n", lines);
    }

    /** One example in a line: the most probable class, or all outputs. */
    public String brief(float[] outputs) {
        if (!probabilities) {
            return Arrays.toString(outputs);
        }
        int best = order(outputs)[0];
        return format("%s (%.4f)", classes.get(best), outputs[best]);
    }

    private int[] order(float[] outputs) {
        IntStream all = IntStream.range(0, outputs.length);
        return probabilities
                ? all.boxed()
                        .sorted(Comparator.comparingDouble(i -> -outputs[i]))
                        .mapToInt(Integer::intValue)
                        .toArray()
                : all.toArray();
    }
}
