package org.quern.report;

import static java.util.stream.Collectors.joining;
import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.data.Dataset;
import org.quern.data.Statistics;
import org.quern.plan.Loss;

/**
 * What a model says of an example.
 *
 * @param names of its outputs, one for each
 * @param loss what it was trained by: tells class probabilities from numbers
 * @hidden
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
    public String full(float[] outputs, float[] logits, Look look) {
        Table table = new Table("  ", -1);
        int name = names.stream().mapToInt(String::length).max().orElse(0);
        int bar = Math.max(10, Math.min(BAR, look.width() - name - (logits == null ? 10 : 21)));
        for (int i : shown(outputs)) {
            List<String> cells = new ArrayList<>();
            boolean number = !loss.takesLogits();
            cells.add(number ? Numbers.plain(outputs[i]) : format("%.4f", outputs[i]));
            if (logits != null && !number) {
                cells.add(format("%9.4f", logits[i]));
            }
            if (!number) {
                cells.add("#".repeat(Math.round(outputs[i] * bar)));
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

    /** One example in a line: the most probable class, what is more probable than not, or all. */
    public String brief(float[] outputs) {
        if (loss.classifies()) {
            int best = byProbability(outputs).get(0);
            return format("%s (%.4f)", names.get(best), outputs[best]);
        }
        IntStream all = IntStream.range(0, outputs.length);
        if (!loss.isBinary()) {
            return all.mapToObj(i -> named(i) + Numbers.plain(outputs[i])).collect(joining(", "));
        }
        String likely =
                all.filter(i -> outputs[i] > 0.5)
                        .mapToObj(i -> format("%s (%.4f)", names.get(i), outputs[i]))
                        .collect(joining(", "));
        return likely.isEmpty() ? "none" : likely;
    }

    private String named(int output) {
        String name = names.get(output);
        return name.equals(Integer.toString(output)) ? "" : name + " ";
    }

    /** The numbers that a row was to be predicted as. */
    public String targets(Dataset rows, int row) {
        int width = rows.targetWidth();
        return IntStream.range(row * width, (row + 1) * width)
                .mapToObj(i -> Statistics.number(rows.targets()[i]))
                .collect(joining(", "));
    }

    /** What a file of predictions says of each row: names of the columns. */
    public List<String> columns() {
        if (loss.classifies()) {
            Stream<String> each = names.stream().map(name -> "p_" + name);
            return Stream.concat(Stream.of("prediction"), each).toList();
        }
        List<String> one = List.of("prediction");
        List<String> each = names.stream().map(name -> "prediction_" + name).toList();
        List<String> columns = new ArrayList<>(names.size() == 1 ? one : each);
        if (loss.isBinary()) {
            names.forEach(name -> columns.add("p_" + name));
        }
        return columns;
    }

    /** The fields of these columns. */
    public List<String> cells(float[] outputs) {
        List<String> cells = new ArrayList<>();
        if (loss.classifies()) {
            cells.add(names.get(byProbability(outputs).get(0)));
        } else if (loss.isBinary()) {
            for (float output : outputs) {
                cells.add(output > 0.5 ? "1" : "0");
            }
        }
        for (float output : outputs) {
            cells.add(Numbers.plain(output));
        }
        return cells;
    }
}
