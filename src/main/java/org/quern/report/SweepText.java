package org.quern.report;

import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.train.Sweep;

/** The results of a sweep as a table, as CSV, and as what JSON is made of. */
public final class SweepText {
    private static final String SEED = "seed";

    private SweepText() {}

    /**
     * A line for each combination of settings but the seed, best mean accuracy first.
     *
     * @param results at least one
     */
    public static String table(List<Sweep.Result> results) {
        Map<Map<String, String>, List<Sweep.Result>> groups = new LinkedHashMap<>();
        for (Sweep.Result result : results) {
            Map<String, String> key = new LinkedHashMap<>(result.member().varied());
            key.remove(SEED);
            groups.computeIfAbsent(key, k -> new ArrayList<>()).add(result);
        }
        List<Line> lines = new ArrayList<>();
        groups.forEach((varied, of) -> lines.add(line(varied, of)));
        lines.sort((a, b) -> Double.compare(sortable(b.mean), sortable(a.mean)));
        List<List<String>> cells = new ArrayList<>();
        List<String> head = new ArrayList<>(groups.keySet().iterator().next().keySet());
        boolean several = lines.stream().anyMatch(line -> line.results > 1);
        head.addAll(
                several
                        ? List.of("runs", "mean", "least", "most", "loss", "seconds")
                        : List.of(score(results.get(0)), "loss", "seconds"));
        cells.add(head);
        for (Line line : lines) {
            List<String> row = new ArrayList<>(line.varied.values());
            if (several) {
                row.add(Integer.toString(line.results));
            }
            row.add(number(line.mean));
            if (several) {
                row.add(number(line.least));
                row.add(number(line.most));
            }
            row.add(number(line.loss));
            row.add(format("%.2f", line.seconds));
            cells.add(row);
        }
        return aligned(cells);
    }

    private record Line(
            Map<String, String> varied,
            int results,
            double mean,
            double least,
            double most,
            double loss,
            double seconds) {}

    private static Line line(Map<String, String> varied, List<Sweep.Result> of) {
        return new Line(
                varied,
                of.size(),
                of.stream().mapToDouble(Sweep.Result::accuracy).average().orElse(Double.NaN),
                of.stream().mapToDouble(Sweep.Result::accuracy).min().orElse(Double.NaN),
                of.stream().mapToDouble(Sweep.Result::accuracy).max().orElse(Double.NaN),
                of.stream().mapToDouble(Sweep.Result::loss).average().orElse(Double.NaN),
                of.stream().mapToDouble(Sweep.Result::seconds).average().orElse(Double.NaN));
    }

    private static double sortable(double accuracy) {
        return Double.isNaN(accuracy) ? Double.NEGATIVE_INFINITY : accuracy;
    }

    private static String number(double value) {
        return Double.isNaN(value) ? "diverged" : format("%.4f", value);
    }

    private static String aligned(List<List<String>> cells) {
        int[] widths = new int[cells.get(0).size()];
        for (List<String> row : cells) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        }
        List<String> lines = new ArrayList<>();
        for (List<String> row : cells) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                line.append(format("%" + widths[i] + "s", row.get(i))).append("  ");
            }
            lines.add(line.toString().stripTrailing());
        }
        return String.join("\n", lines);
    }

    /** One result in a line: what was varied, and how it went. */
    public static String brief(Sweep.Result result) {
        List<String> parts = new ArrayList<>();
        result.member().varied().forEach((name, value) -> parts.add(name + " " + value));
        return (parts.isEmpty() ? "" : String.join(", ", parts) + ": ")
                + (result.failure() == null
                        ? format(
                                "%s %.4f, loss %.4f, %.2f s",
                                score(result), result.accuracy(), result.loss(), result.seconds())
                        : result.failure());
    }

    /** What tells how well it went: R² where numbers are predicted, which has no accuracy. */
    private static String score(Sweep.Result result) {
        return result.member().settings().text("loss").equals("mse") ? "R2" : "accuracy";
    }

    /** A map for each result, numbers in full. */
    public static List<Map<String, Object>> records(List<Sweep.Result> results) {
        List<Map<String, Object>> records = new ArrayList<>();
        for (Sweep.Result result : results) {
            Map<String, Object> record = new LinkedHashMap<>();
            record.put("number", result.member().number());
            record.putAll(result.member().varied());
            record.put(score(result), result.accuracy());
            record.put("loss", result.loss());
            record.put("epochs", result.epochs());
            record.put("seconds", result.seconds());
            record.put("failure", result.failure());
            records.add(record);
        }
        return records;
    }

    /** A line of names, then a line a result, numbers in full. */
    public static String csv(List<Sweep.Result> results) {
        StringBuilder csv = new StringBuilder();
        for (Map<String, Object> record : records(results)) {
            if (csv.isEmpty()) {
                csv.append(String.join(",", record.keySet())).append('\n');
            }
            csv.append(String.join(",", record.values().stream().map(SweepText::field).toList()));
            csv.append('\n');
        }
        return csv.toString();
    }

    private static String field(Object value) {
        String text = value == null ? "" : value.toString();
        return text.matches("[^\",\r\n]*") ? text : '"' + text.replace("\"", "\"\"") + '"';
    }
}
