package org.quern.report;

import static java.util.stream.Collectors.partitioningBy;
import static org.quern.QuernException.data;
import static org.quern.report.Numbers.format;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.DoubleFunction;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/**
 * Runs side by side: how each went, and which settings differ.
 *
 * @param names of the runs
 * @param results a row for each figure, a cell for each run
 * @param settings a row for each setting, those that differ first
 * @param alike whether all are of the same data, so that one score may be better than another
 * @param columns a line on columns of tables, if they differ; else null
 * @hidden
 */
public record Comparison(
        List<String> names, List<Row> results, List<Row> settings, boolean alike, String columns) {
    /** Characters of a cell above which a setting is told below the table. */
    private static final int LONG = 20;

    /**
     * A line of the comparison.
     *
     * @param differs whether the runs do not all have the same there
     * @param best which runs have the best of different figures; empty where none is better
     * @param difference of two runs, the second less the first; null if there is none to tell
     */
    public record Row(
            String name,
            List<String> cells,
            boolean differs,
            List<Integer> best,
            String difference) {
        private boolean isLong() {
            return cells.stream().anyMatch(cell -> cell.length() > LONG);
        }
    }

    private record Runs(List<String> names, List<JsonObject> json) {
        /** What each of them gives under a name. */
        <T> List<T> map(String name, Function<JsonObject, T> of) {
            List<T> all = new ArrayList<>();
            for (int i = 0; i < json.size(); i++) {
                try {
                    all.add(of.apply(json.get(i)));
                } catch (ClassCastException
                        | IllegalStateException
                        | NumberFormatException
                        | UnsupportedOperationException e) { // what Gson throws of another type
                    String text = "%s: run.json is damaged: its %s is not what Quern writes";
                    throw data(e, text, names.get(i), name);
                }
            }
            return all;
        }
    }

    /**
     * Compares runs by what {@code run.json} of each says.
     *
     * @throws org.quern.QuernException if that is damaged
     */
    public static Comparison of(List<String> names, List<JsonObject> json) {
        Runs runs = new Runs(names, json);
        boolean known = json.stream().allMatch(run -> run.has("testLabels")); // not of old runs
        String tested = known ? "testLabels" : "testRows";
        boolean alike = json.stream().map(run -> dataOf(run, tested)).distinct().count() < 2;
        int more = alike ? 1 : 0; // is better
        int less = -more;
        List<Row> results = new ArrayList<>();
        results.add(row("validation accuracy", runs, more, Numbers::four, "validation.accuracy"));
        results.add(row("validation R2", runs, more, Numbers::four, "validation.r2"));
        results.add(row("test accuracy", runs, more, Numbers::four, "test.accuracy"));
        results.add(row("baseline accuracy", runs, 0, Numbers::four, "test.baselineAccuracy"));
        results.add(row("balanced accuracy", runs, more, Numbers::four, "test.balancedAccuracy"));
        results.add(row("macro-F1", runs, more, Numbers::four, "test.macroF1"));
        results.add(row("ROC AUC", runs, more, Numbers::four, "test.rocAuc"));
        results.add(row("PR AUC", runs, more, Numbers::four, "test.prAuc"));
        results.add(row("wrong", runs, less, Comparison::whole, Comparison::wrong));
        results.add(row("test R2", runs, more, Numbers::four, "test.r2"));
        results.add(row("RMSE", runs, less, Numbers::digits, "test.rmse"));
        results.add(row("baseline RMSE", runs, 0, Numbers::digits, "test.baselineRmse"));
        results.add(row("MAE", runs, less, Numbers::digits, "test.mae"));
        results.add(row("test loss", runs, less, Numbers::four, "test.loss"));
        results.add(row("best epoch", runs, 0, Comparison::whole, "bestEpoch"));
        results.add(row("epochs", runs.map("epochs", Comparison::epochs)));
        results.add(row("last loss", runs, 0, Numbers::four, "epochs.loss"));
        results.add(
                row("last validation loss", runs, less, Numbers::four, "epochs.validationLoss"));
        results.add(row("us a step", runs, -1, x -> format("%.1f", x), "epochs.stepMicros"));
        results.add(row("seconds", runs, -1, x -> format("%.2f", x), "seconds.total"));
        results.add(row("parameters", runs, 0, Comparison::whole, "parameters"));
        results.removeIf(row -> row.cells().stream().allMatch(Numbers.NONE::equals));
        List<Map<String, String>> words = json.stream().map(RunWords::of).toList();
        Set<String> keys = new LinkedHashSet<>();
        words.forEach(run -> keys.addAll(run.keySet()));
        List<Row> settings = new ArrayList<>();
        for (String key : keys) {
            List<String> cells =
                    words.stream().map(run -> run.getOrDefault(key, Numbers.NONE)).toList();
            settings.add(row(key, cells));
        }
        settings.sort((a, b) -> Boolean.compare(b.differs(), a.differs()));
        String columns = null;
        for (Row row : List.copyOf(settings)) {
            if (row.name().equals("columns")) { // JSON, for programs
                settings.remove(row);
                String other =
                        "columns differ: other ones, or other statistics of the training rows";
                columns = row.differs() ? other : null;
            }
        }
        return new Comparison(
                List.copyOf(names), List.copyOf(results), List.copyOf(settings), alike, columns);
    }

    /** What tells data apart, wherever it is: its name, what is predicted, and the test rows. */
    private static List<String> dataOf(JsonObject run, String tested) {
        List<String> all = new ArrayList<>();
        String path = run.has("data") ? run.get("data").toString() : "";
        all.add(path.replaceFirst(".*[/\\\\]", ""));
        all.add(run.has(tested) ? run.get(tested).toString() : "");
        if (run.get("columns") instanceof JsonObject columns
                && columns.get("targets") instanceof JsonArray targets) {
            for (JsonElement one : targets) {
                all.add(one instanceof JsonObject target ? "" + target.get("name") : "");
            }
        }
        return all;
    }

    /** A figure of each run; {@code sign} is 1 if more is better, -1 if less is, 0 if neither. */
    private static Row row(
            String name,
            Runs runs,
            int sign,
            DoubleFunction<String> format,
            ToDoubleFunction<JsonObject> of) {
        List<Double> all = runs.map(name, of::applyAsDouble);
        double[] numbers = all.stream().mapToDouble(number -> number).toArray();
        List<String> cells = new ArrayList<>();
        double most = Double.NEGATIVE_INFINITY;
        for (double number : numbers) {
            cells.add(Double.isNaN(number) ? Numbers.NONE : format.apply(number));
            most = Double.isNaN(number) ? most : Math.max(most, sign * number);
        }
        Row row = row(name, cells);
        List<Integer> best = new ArrayList<>();
        for (int i = 0; sign != 0 && row.differs() && i < numbers.length; i++) {
            if (sign * numbers[i] == most) {
                best.add(i);
            }
        }
        String difference = null;
        if (numbers.length == 2 && row.differs() && !cells.contains(Numbers.NONE)) {
            double more = numbers[1] - numbers[0];
            difference = (more < 0 ? "−" : "+") + format.apply(Math.abs(more));
        }
        return new Row(name, cells, row.differs(), best, difference);
    }

    private static Row row(
            String name, Runs runs, int sign, DoubleFunction<String> format, String path) {
        return row(name, runs, sign, format, run -> number(run, path));
    }

    private static String whole(double number) {
        return format("%,.0f", number);
    }

    private static Row row(String name, List<String> cells) {
        return new Row(name, cells, cells.stream().distinct().count() > 1, List.of(), null);
    }

    /** The number that a path leads to, in an array through its last element; NaN if none. */
    private static double number(JsonElement at, String path) {
        for (String name : path.split("\\.")) {
            if (at instanceof JsonArray all && !all.isEmpty()) {
                at = all.get(all.size() - 1);
            }
            at = at.isJsonObject() ? at.getAsJsonObject().get(name) : null;
            if (at == null || at.isJsonNull()) {
                return Double.NaN;
            }
        }
        return at.getAsDouble();
    }

    private static String epochs(JsonObject run) {
        double asked = number(run, "epochsAsked");
        String of = Double.isNaN(asked) ? Numbers.NONE : whole(asked);
        return run.getAsJsonArray("epochs").size() + " of " + of;
    }

    private static double wrong(JsonObject run) {
        JsonObject test = run.getAsJsonObject("test");
        if (test == null || !test.has("wrongPerClass")) {
            return Double.NaN;
        }
        List<JsonElement> perClass = test.getAsJsonArray("wrongPerClass").asList();
        return perClass.stream().mapToInt(JsonElement::getAsInt).sum();
    }

    /**
     * The table for a terminal: results, then the settings that differ; below it those whose texts
     * are too long for a column. More runs than fit side by side follow as further tables.
     *
     * @param widest characters of a line
     */
    public String text(int widest) {
        Map<Boolean, List<Row>> differing =
                settings.stream().filter(Row::differs).collect(partitioningBy(Row::isLong));
        List<Row> brief = differing.get(false);
        List<Row> shown = new ArrayList<>(results);
        shown.addAll(brief);
        int first = shown.stream().mapToInt(row -> row.name().length()).max().orElse(0);
        List<String> lines = new ArrayList<>();
        for (int from = 0; from < names.size(); ) {
            int to = from;
            int width = first;
            while (to < names.size() && (to == from || width + 2 + cell(shown, to) <= widest)) {
                width += 2 + cell(shown, to++);
            }
            if (from > 0) {
                lines.add("");
            }
            Table table = new Table("  ", -1, 1).row("", names.subList(from, to));
            for (Row row : shown) {
                if (!brief.isEmpty() && row == brief.get(0)) {
                    table.row("").row("settings that differ");
                }
                table.row(row.name(), row.cells().subList(from, to));
            }
            lines.addAll(table.lines());
            from = to;
        }
        if (columns == null && settings.stream().noneMatch(Row::differs)) {
            lines.addAll(List.of("", "all settings are the same"));
        }
        if (columns != null) {
            lines.addAll(List.of("", columns));
        }
        for (Row row : differing.get(true)) {
            Table table = new Table("  ", -1).row("").row(row.name() + " differs");
            for (int i = 0; i < names.size(); i++) {
                table.row(names.get(i), row.cells().get(i));
            }
            lines.addAll(table.lines());
        }
        return String.join("\n", lines);
    }

    private int cell(List<Row> rows, int run) {
        int longest = rows.stream().mapToInt(row -> row.cells().get(run).length()).max().orElse(0);
        return Math.max(names.get(run).length(), longest);
    }
}
