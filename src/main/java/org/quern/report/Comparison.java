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
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.DoubleFunction;
import java.util.function.Function;

/**
 * Runs side by side: how each went, and which settings differ.
 *
 * @param names of the runs
 * @param results a row for each figure, a cell for each run
 * @param settings a row for each setting, those that differ first
 */
public record Comparison(List<String> names, List<Row> results, List<Row> settings) {
    private static final Set<String> NO_SETTINGS =
            Set.of(
                    "quern epochs test seconds timing end bestEpoch parameters resumedAfter"
                            .split(" "));

    /** Characters of a cell above which a setting is told below the table. */
    private static final int LONG = 20;

    /** Characters of a line; more runs go into a further table. */
    private static final int WIDEST = 100;

    /** A line of the comparison, and whether the runs do not all have the same there. */
    public record Row(String name, List<String> cells, boolean differs) {
        private boolean isLong() {
            return cells.stream().anyMatch(cell -> cell.length() > LONG);
        }
    }

    private record Runs(List<String> names, List<JsonObject> json) {}

    /**
     * Compares runs by what {@code run.json} of each says.
     *
     * @throws org.quern.QuernException if that is damaged
     */
    public static Comparison of(List<String> names, List<JsonObject> json) {
        Runs runs = new Runs(names, json);
        List<Row> results = new ArrayList<>();
        results.add(row("test accuracy", runs, Numbers::four, "test.accuracy"));
        results.add(row("baseline accuracy", runs, Numbers::four, "test.baselineAccuracy"));
        results.add(row("balanced accuracy", runs, Numbers::four, "test.balancedAccuracy"));
        results.add(row("macro-F1", runs, Numbers::four, "test.macroF1"));
        results.add(row("ROC AUC", runs, Numbers::four, "test.rocAuc"));
        results.add(row("PR AUC", runs, Numbers::four, "test.prAuc"));
        results.add(row("wrong", runs, Comparison::wrong));
        results.add(row("test R2", runs, Numbers::four, "test.r2"));
        results.add(row("RMSE", runs, Numbers::digits, "test.rmse"));
        results.add(row("baseline RMSE", runs, Numbers::digits, "test.baselineRmse"));
        results.add(row("MAE", runs, Numbers::digits, "test.mae"));
        results.add(row("test loss", runs, Numbers::four, "test.loss"));
        results.add(row("best epoch", runs, "%.0f", "bestEpoch"));
        results.add(row("epochs", runs, Comparison::epochs));
        results.add(row("last loss", runs, Numbers::four, "epochs.loss"));
        results.add(row("last validation loss", runs, Numbers::four, "epochs.validationLoss"));
        results.add(row("us a step", runs, "%.1f", "epochs.stepMicros"));
        results.add(row("seconds", runs, "%.2f", "seconds.total"));
        results.add(row("parameters", runs, "%,.0f", "parameters"));
        results.removeIf(row -> row.cells().stream().allMatch(Numbers.NONE::equals));
        Set<String> keys = new LinkedHashSet<>();
        json.forEach(run -> keys.addAll(run.keySet()));
        keys.removeAll(NO_SETTINGS);
        List<Row> settings = new ArrayList<>();
        for (String key : keys) {
            String words = key.replaceAll("([A-Z])", " $1").toLowerCase(Locale.ROOT);
            settings.add(row(words, runs, run -> setting(run.get(key))));
        }
        settings.sort((a, b) -> Boolean.compare(b.differs(), a.differs()));
        return new Comparison(List.copyOf(names), List.copyOf(results), List.copyOf(settings));
    }

    private static Row row(String name, Runs runs, String format, String path) {
        return row(name, runs, number -> format(format, number), path);
    }

    private static Row row(String name, Runs runs, DoubleFunction<String> format, String path) {
        return row(name, runs, run -> number(run, format, path));
    }

    private static Row row(String name, Runs runs, Function<JsonObject, String> of) {
        List<String> cells = new ArrayList<>();
        for (int i = 0; i < runs.json.size(); i++) {
            try {
                cells.add(of.apply(runs.json.get(i)));
            } catch (ClassCastException
                    | IllegalStateException
                    | NumberFormatException
                    | UnsupportedOperationException e) { // what Gson throws of another type
                String text = "%s: run.json is damaged: its %s is not what Quern writes";
                throw data(e, text, runs.names.get(i), name);
            }
        }
        return new Row(name, List.copyOf(cells), cells.stream().distinct().count() > 1);
    }

    private static String setting(JsonElement value) {
        if (value == null) {
            return Numbers.NONE;
        }
        return value.isJsonPrimitive() ? value.getAsString() : value.toString();
    }

    /** The number that a path leads to, in an array through its last element. */
    private static String number(JsonElement at, DoubleFunction<String> format, String path) {
        for (String name : path.split("\\.")) {
            if (at instanceof JsonArray all && !all.isEmpty()) {
                at = all.get(all.size() - 1);
            }
            at = at.isJsonObject() ? at.getAsJsonObject().get(name) : null;
            if (at == null || at.isJsonNull()) {
                return Numbers.NONE;
            }
        }
        return format.apply(at.getAsDouble());
    }

    private static String epochs(JsonObject run) {
        return run.getAsJsonArray("epochs").size()
                + " of "
                + number(run, asked -> format("%.0f", asked), "epochsAsked");
    }

    private static String wrong(JsonObject run) {
        JsonObject test = run.getAsJsonObject("test");
        if (test == null || !test.has("wrongPerClass")) {
            return Numbers.NONE;
        }
        List<JsonElement> perClass = test.getAsJsonArray("wrongPerClass").asList();
        return format("%,d", perClass.stream().mapToInt(JsonElement::getAsInt).sum());
    }

    /**
     * The table for a terminal: results, then the settings that differ; below it those whose texts
     * are too long for a column. More runs than fit side by side follow as further tables.
     */
    public String text() {
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
            while (to < names.size() && (to == from || width + 2 + cell(shown, to) <= WIDEST)) {
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
        if (settings.stream().noneMatch(Row::differs)) {
            lines.addAll(List.of("", "all settings are the same"));
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
