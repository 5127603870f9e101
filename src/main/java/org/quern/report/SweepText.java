package org.quern.report;

import static org.quern.report.Numbers.digits;
import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import org.quern.run.Sweep;

/** The results of a sweep as a table, as CSV, and as what JSON is made of. */
public final class SweepText {
    private static final String SEED = "seed";

    private SweepText() {}

    /** Trainings that differ in their seed alone, and what they did in the mean. */
    private record Group(Map<String, String> varied, List<Sweep.Result> results) {
        double mean(ToDoubleFunction<Sweep.Result> of) {
            return results.stream().mapToDouble(of).average().orElse(Double.NaN);
        }

        double accuracy() {
            return mean(result -> result.validation().accuracy());
        }

        double loss() {
            return mean(result -> result.validation().loss());
        }

        List<String> accuracies() {
            DoubleStream each = results.stream().mapToDouble(run -> run.validation().accuracy());
            DoubleSummaryStatistics all = each.summaryStatistics();
            String runs = Integer.toString(results.size());
            return List.of(runs, number(accuracy()), number(all.getMin()), number(all.getMax()));
        }
    }

    /** By validation accuracy, equal ones by validation loss, the best first; failed ones last. */
    private static List<Group> ranked(List<Sweep.Result> results) {
        Map<Map<String, String>, List<Sweep.Result>> groups = new LinkedHashMap<>();
        for (Sweep.Result result : results) {
            Map<String, String> key = new LinkedHashMap<>(result.member().varied());
            key.remove(SEED);
            groups.computeIfAbsent(key, k -> new ArrayList<>()).add(result);
        }
        Comparator<Group> best = Comparator.comparingDouble(group -> -group.accuracy()); // NaN last
        return groups.entrySet().stream()
                .map(group -> new Group(group.getKey(), group.getValue()))
                .sorted(best.thenComparingDouble(Group::loss))
                .toList();
    }

    /** A line for each combination of settings but the seed, best mean accuracy first. */
    public static String table(List<Sweep.Result> results) {
        List<Group> groups = ranked(results);
        List<String> head = new ArrayList<>(groups.get(0).varied().keySet());
        boolean several = groups.stream().anyMatch(group -> group.results().size() > 1);
        String score = "val " + score(results.get(0));
        head.addAll(several ? List.of("runs", "val mean", "least", "most") : List.of(score));
        head.addAll(List.of("val loss", "seconds"));
        Table table = new Table("  ", 1).row(head.toArray(String[]::new));
        for (Group group : groups) {
            List<String> row = new ArrayList<>(group.varied().values());
            row.addAll(several ? group.accuracies() : List.of(number(group.accuracy())));
            row.add(number(group.loss()));
            row.add(format("%.2f", group.mean(Sweep.Result::seconds)));
            table.row(row.toArray(String[]::new));
        }
        return table.text();
    }

    /**
     * The settings that did best by validation, and what they do on the test rows, which had no say
     * in it; null if all trainings failed.
     */
    public static String winner(List<Sweep.Result> results) {
        Group best = ranked(results).get(0);
        if (Double.isNaN(best.accuracy())) {
            return null;
        }
        int runs = best.results().size();
        double accuracy = best.mean(result -> result.test().accuracy());
        double loss = best.mean(result -> result.test().loss());
        double rmse = best.mean(result -> result.test().rmse());
        double baseline = best.mean(result -> result.test().baseline());
        String test =
                Double.isNaN(rmse)
                        ? format(
                                "test accuracy %.4f (baseline: %.4f), loss %.4f",
                                accuracy, baseline, loss)
                        : format(
                                "test R2 %.4f, RMSE %s (the mean: %s)",
                                accuracy, digits(rmse), digits(baseline));
        String mean = runs == 1 ? "" : format(", the mean of %,d runs", runs);
        return settings(best.varied()) + test + mean;
    }

    /** What was varied, as the beginning of a line. */
    private static String settings(Map<String, String> varied) {
        List<String> texts = new ArrayList<>();
        varied.forEach((name, value) -> texts.add(name + " " + value));
        return texts.isEmpty() ? "" : String.join(", ", texts) + ": ";
    }

    private static String number(double value) {
        return Double.isNaN(value) ? "diverged" : format("%.4f", value);
    }

    /** One result in a line: what was varied, and how it went. */
    public static String brief(Sweep.Result result) {
        String how = result.failure();
        if (how == null) {
            double accuracy = result.validation().accuracy();
            double loss = result.validation().loss();
            String text = "val %s %.4f, val loss %.4f, %.2f s";
            how = format(text, score(result), accuracy, loss, result.seconds());
        }
        return settings(result.member().varied()) + how;
    }

    /** What tells how well it went: R² where numbers are predicted, which has no accuracy. */
    private static String score(Sweep.Result result) {
        return result.member().settings().loss().takesLogits() ? "accuracy" : "R2";
    }

    /** A map for each result, numbers in full; the test rows' of the best alone. */
    public static List<Map<String, Object>> records(List<Sweep.Result> results) {
        List<Sweep.Result> best = results.isEmpty() ? List.of() : ranked(results).get(0).results();
        List<Map<String, Object>> records = new ArrayList<>();
        for (Sweep.Result result : results) {
            Map<String, Object> record = new LinkedHashMap<>();
            record.put("number", result.member().number());
            record.putAll(result.member().varied());
            Sweep.Score test = best.contains(result) ? result.test() : null;
            record.put("validation_" + score(result), result.validation().accuracy());
            record.put("validation_loss", result.validation().loss());
            record.put("test_" + score(result), test == null ? null : test.accuracy());
            record.put("test_loss", test == null ? null : test.loss());
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
