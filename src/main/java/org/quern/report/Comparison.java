package org.quern.report;

import static org.quern.report.Numbers.format;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
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
                    "parameters");
    private static final String NOTHING = "-";

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
            settings.add(
                    row(key, runs, run -> run.has(key) ? run.get(key).getAsString() : NOTHING));
        }
        settings.sort((a, b) -> Boolean.compare(b.differs(), a.differs()));
        return new Comparison(List.copyOf(names), List.copyOf(results), List.copyOf(settings));
    }

    private static Row row(String name, List<JsonObject> runs, Function<JsonObject, String> of) {
        List<String> cells = runs.stream().map(of).toList();
        return new Row(name, cells, cells.stream().distinct().count() > 1);
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

    /** The table for a terminal: results, then the settings that differ. */
    public String text() {
        List<Row> shown = new ArrayList<>(results);
        List<Row> differing = settings.stream().filter(Row::differs).toList();
        shown.addAll(differing);
        int first = shown.stream().mapToInt(row -> row.name().length()).max().orElse(0);
        int[] widths = new int[names.size()];
        for (int i = 0; i < widths.length; i++) {
            int run = i;
            widths[i] =
                    Math.max(
                            names.get(i).length(),
                            shown.stream()
                                    .mapToInt(row -> row.cells().get(run).length())
                                    .max()
                                    .orElse(0));
        }
        List<String> lines = new ArrayList<>();
        lines.add(line("", names, first, widths));
        results.forEach(row -> lines.add(line(row.name(), row.cells(), first, widths)));
        lines.add("");
        lines.add(differing.isEmpty() ? "all settings are the same" : "settings that differ");
        differing.forEach(row -> lines.add(line(row.name(), row.cells(), first, widths)));
        return String.join("\n", lines);
    }

    private static String line(String name, List<String> cells, int first, int[] widths) {
        StringBuilder line = new StringBuilder(format("%-" + first + "s", name));
        for (int i = 0; i < widths.length; i++) {
            line.append(format("  %" + widths[i] + "s", cells.get(i)));
        }
        return line.toString();
    }
}
