package org.quern.report;

import static java.util.stream.Collectors.joining;
import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.data.Dataset;
import org.quern.plan.Loss;

/**
 * What a model says of an example.
 *
 * @param names of its outputs, one for each
 * @param loss what it was trained by: tells class probabilities from numbers
 */
public record PredictionText(List<String> names, Loss loss) {
    private static final int BAR = 40;

    /** So many classes are shown in their order; of more, the most probable ones. */
    private static final int IN_ORDER = 26;

    private static final int MOST_PROBABLE = 10;

    /**
     * One example in full: each class with its probability as a number and a bar; or each output on
     * a line.
     *
     * @param logits what the last layer gave, to be shown too; null for not
     */
    public String full(float[] outputs, float[] logits) {
        Table table = new Table("  ", -1);
        for (int i : shown(outputs)) {
            List<String> cells = new ArrayList<>();
            cells.add(loss.classifies() ? format("%.4f", outputs[i]) : Float.toString(outputs[i]));
            if (logits != null && loss.classifies()) {
                cells.add(format("%9.4f", logits[i]));
            }
            if (loss.classifies()) {
                cells.add("#".repeat(Math.round(outputs[i] * BAR)));
            }
            table.row(names.get(i), cells);
        }
        Stream<String> lines = table.lines().stream().map(String::stripTrailing);
        int more = outputs.length - shown(outputs).size();
        String rest = format("%nand %,d less probable classes", more);
        return lines.collect(joining("\n")) + (more > 0 ? rest : "");
    }

    private List<Integer> shown(float[] outputs) {
        Stream<Integer> all = IntStream.range(0, outputs.length).boxed();
        return outputs.length <= IN_ORDER
                ? all.toList()
                : byProbability(outputs).subList(0, MOST_PROBABLE);
    }

    private static List<Integer> byProbability(float[] outputs) {
        return IntStream.range(0, outputs.length)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -outputs[i]))
                .toList();
    }

    /** One example in a line: the most probable class, or all outputs. */
    public String brief(float[] outputs) {
        if (loss.classifies()) {
            int best = byProbability(outputs).get(0);
            return format("%s (%.4f)", names.get(best), outputs[best]);
        }
        return IntStream.range(0, outputs.length)
                .mapToObj(i -> named(i) + outputs[i])
                .collect(joining(", "));
    }

    private String named(int output) {
        String name = names.get(output);
        return name.equals(Integer.toString(output)) ? "" : name + " ";
    }

    /** The numbers that a row was to be predicted as. */
    public String targets(Dataset rows, int row) {
        int width = rows.targetWidth();
        return IntStream.range(row * width, (row + 1) * width)
                .mapToObj(i -> Float.toString(rows.targets()[i]))
                .collect(joining(", "));
    }

    /** What a file of predictions says of each row: names of the columns. */
    public List<String> columns() {
        if (loss.classifies()) {
            Stream<String> each = names.stream().map(name -> "p_" + name);
            return Stream.concat(Stream.of("prediction"), each).toList();
        }
        return names.size() == 1
                ? List.of("prediction")
                : names.stream().map(name -> "prediction_" + name).toList();
    }

    /** The fields of these columns. */
    public List<String> cells(float[] outputs) {
        List<String> cells = new ArrayList<>();
        if (loss.classifies()) {
            cells.add(names.get(byProbability(outputs).get(0)));
        }
        for (float output : outputs) {
            cells.add(Float.toString(output));
        }
        return cells;
    }
}
