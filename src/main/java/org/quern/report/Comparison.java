package org.quern.report;

import static org.quern.report.Numbers.format;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
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
                    "quern",
                    "epochs",
                    "test",
                    "seconds",
                    "timing",
                    "end",
                    "bestEpoch",
                    "parameters",
                    "resumedAfter");
    private static final String NOTHING = "-";

    /** Characters of a cell above which a setting is told below the table. */
    private static final int LONG = 20;

    /** Characters of a line; more runs go into a further table. */
    private static final int WIDEST = 100;

    /**
     * A line of the comparison.
     *
     * @param differs whether the runs do not all have the same
     */
    public record Row(String name, List<String> cells, boolean differs) {}

    /**
     * Compares runs.
     *
     * @param runs what {@code run.json} of each says
     */
    public static Comparison of(List<String> names, List<JsonObject> runs) {
        List<Row> results = new ArrayList<>();
        results.add(row("test accuracy", runs, run -> number(run, "%.4f", "test", "accuracy")));
        results.add(row("wrong", runs, run -> wrong(run)));
        results.add(row("test R2", runs, run -> number(run, "%.4f", "test", "r2")));
        results.add(row("test loss", runs, run -> number(run, "%.4f", "test", "loss")));
        results.add(row("best epoch", runs, run -> number(run, "%.0f", "bestEpoch")));
        results.add(
                row(
                        "epochs",
                        runs,
                        run -> epochs(run).size() + " of " + number(run, "%.0f", "epochsAsked")));
        results.add(row("last loss", runs, run -> last(run, "%.4f", "loss")));
        results.add(row("last validation loss", runs, run -> last(run, "%.4f", "validationLoss")));
        results.add(row("us a step", runs, run -> last(run, "%.1f", "stepMicros")));
        results.add(row("seconds", runs, run -> number(run, "%.2f", "seconds", "total")));
        results.add(row("parameters", runs, run -> number(run, "%,.0f", "parameters")));
        results.removeIf(row -> row.cells().stream().allMatch(NOTHING::equals));
        Set<String> keys = new LinkedHashSet<>();
        runs.forEach(run -> keys.addAll(run.keySet()));
        keys.removeAll(NO_SETTINGS);
        List<Row> settings = new ArrayList<>();
        for (String key : keys) {
            settings.add(row(spaced(key), runs, run -> setting(run.get(key))));
        }
        settings.sort((a, b) -> Boolean.compare(b.differs(), a.differs()));
        return new Comparison(List.copyOf(names), List.copyOf(results), List.copyOf(settings));
    }

    private static Row row(String name, List<JsonObject> runs, Function<JsonObject, String> of) {
        List<String> cells = runs.stream().map(of).toList();
        return new Row(name, cells, cells.stream().distinct().count() > 1);
    }

    /** {@code learningRate} as words. */
    private static String spaced(String key) {
        return key.replaceAll("([A-Z])", " $1").toLowerCase(Locale.ROOT);
    }

    private static String setting(JsonElement value) {
        if (value == null) {
            return NOTHING;
        }
        return value.isJsonPrimitive() ? value.getAsString() : value.toString();
    }

    private static String number(JsonElement at, String format, String... path) {
        for (String name : path) {
            at = at.isJsonObject() ? at.getAsJsonObject().get(name) : null;
            if (at == null || at.isJsonNull()) {
                return NOTHING;
            }
        }
        return format(format, at.getAsDouble());
    }

    private static JsonArray epochs(JsonObject run) {
        return run.getAsJsonArray("epochs");
    }

    private static String last(JsonObject run, String format, String name) {
        JsonArray epochs = epochs(run);
        return epochs.isEmpty() ? NOTHING : number(epochs.get(epochs.size() - 1), format, name);
    }

    private static String wrong(JsonObject run) {
        JsonObject test = run.getAsJsonObject("test");
        if (test == null || !test.has("wrongPerClass")) {
            return NOTHING;
        }
        int wrong = 0;
        for (JsonElement of : test.getAsJsonArray("wrongPerClass")) {
            wrong += of.getAsInt();
        }
        return format("%,d", wrong);
    }

    /**
     * The table for a terminal: results, then the settings that differ; below it those whose texts
     * are too long for a column. More runs than fit side by side follow as further tables.
     */
    public String text() {
        List<Row> differing = settings.stream().filter(Row::differs).toList();
        List<Row> brief = differing.stream().filter(row -> !isLong(row)).toList();
        List<Row> shown = new ArrayList<>(results);
        shown.addAll(brief);
        int first = shown.stream().mapToInt(row -> row.name().length()).max().orElse(0);
        List<String> lines = new ArrayList<>();
        for (int from = 0; from < names.size(); ) {
            int to = from;
            int width = first;
            List<Integer> widths = new ArrayList<>();
            while (to < names.size() && (to == from || width + 2 + cell(shown, to) <= WIDEST)) {
                widths.add(cell(shown, to));
                width += 2 + cell(shown, to++);
            }
            if (from > 0) {
                lines.add("");
            }
            table(lines, brief, from, first, widths);
            from = to;
        }
        if (differing.isEmpty()) {
            lines.add("");
            lines.add("all settings are the same");
        }
        int name = names.stream().mapToInt(String::length).max().orElse(0);
        for (Row row : differing) {
            if (isLong(row)) {
                lines.add("");
                lines.add(row.name() + " differs");
                for (int i = 0; i < names.size(); i++) {
                    lines.add(format("%-" + name + "s  ", names.get(i)) + row.cells().get(i));
                }
            }
        }
        return String.join("\n", lines);
    }

    private static boolean isLong(Row row) {
        return row.cells().stream().anyMatch(cell -> cell.length() > LONG);
    }

    private int cell(List<Row> rows, int run) {
        return Math.max(
                names.get(run).length(),
                rows.stream().mapToInt(row -> row.cells().get(run).length()).max().orElse(0));
    }

    private void table(
            List<String> lines, List<Row> brief, int from, int first, List<Integer> widths) {
        lines.add(line("", names, from, first, widths));
        results.forEach(row -> lines.add(line(row.name(), row.cells(), from, first, widths)));
        if (!brief.isEmpty()) {
            lines.add("");
            lines.add("settings that differ");
            brief.forEach(row -> lines.add(line(row.name(), row.cells(), from, first, widths)));
        }
    }

    private static String line(
            String name, List<String> cells, int from, int first, List<Integer> widths) {
        StringBuilder line = new StringBuilder(format("%-" + first + "s", name));
        for (int i = 0; i < widths.size(); i++) {
            line.append(format("  %" + widths.get(i) + "s", cells.get(from + i)));
        }
        return line.toString();
    }
}
