package org.quern.model;

import static org.quern.QuernException.given;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A model as the table that Keras' {@code summary()} prints: layer, output shape, parameters. */
public final class Summary {
    /** A layer, the shape of what it puts out, and its parameters; or the input. */
    public record Row(String layer, String shape, String parameters) {}

    private Summary() {}

    static String of(Model model) {
        List<Row> rows = new ArrayList<>(rows(model));
        rows.add(0, new Row("Layer", "Output shape", "Parameters"));
        rows.add(new Row("Total", "", count(model.parameters())));
        return table(rows);
    }

    public static List<Row> rows(Model model) {
        List<Row> rows = new ArrayList<>();
        String shape =
                given(model, "model").inputShape().toString().replace('[', '(').replace(']', ')');
        rows.add(new Row("input", shape, "0"));
        long width = model.inputSize();
        for (Layer layer : model.layers()) {
            long parameters = 0;
            if (layer instanceof Layer.Dense dense) {
                parameters = (width + 1) * dense.units();
                width = dense.units();
            }
            rows.add(new Row(layer.text(), "(" + width + ")", count(parameters)));
        }
        return rows;
    }

    private static String table(List<Row> rows) {
        int first = rows.stream().mapToInt(row -> row.layer.length()).max().orElse(0);
        int second = rows.stream().mapToInt(row -> row.shape.length()).max().orElse(0);
        int third = rows.stream().mapToInt(row -> row.parameters.length()).max().orElse(0);
        String format = "%-" + first + "s  %-" + second + "s  %" + third + "s";
        String rule = "-".repeat(first + second + third + 4);
        List<String> lines = new ArrayList<>();
        rows.forEach(row -> lines.add(format.formatted(row.layer, row.shape, row.parameters)));
        lines.add(1, rule);
        lines.add(lines.size() - 1, rule);
        return String.join("\n", lines);
    }

    private static String count(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }
}
