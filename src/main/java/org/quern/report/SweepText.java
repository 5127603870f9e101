package org.quern.report;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.joining;
import static java.util.stream.Collectors.toList;
import static org.quern.report.Numbers.digits;
import static org.quern.report.Numbers.format;
import static org.quern.report.Numbers.four;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.quern.run.Setting;
import org.quern.run.Sweep;

/**
 * The results of a sweep as a table, as CSV, and as what JSON is made of.
 *
 * @hidden
 */
public final class SweepText {
    private static final String SEED = "seed";
    private static final ToDoubleFunction<Sweep.Result> ACCURACY =
            result -> result.validation().accuracy();
    private static final ToDoubleFunction<Sweep.Result> ERROR =
            result -> hasRmse(result) ? result.validation().rmse() : result.validation().loss();

    private SweepText() {}

    /** Trainings that differ in their seed and their fold alone, and what they did in the mean. */
    private record Group(List<Sweep.Result> results) {
        Map<String, String> varied() {
            Map<String, String> varied = new LinkedHashMap<>(results.get(0).member().varied());
            varied.remove(SEED);
            return varied;
        }

        double mean(ToDoubleFunction<Sweep.Result> of) {
            return results.stream().mapToDouble(of).average().orElse(Double.NaN);
        }

        /** Standard deviation, divided by their number, as in scikit-learn's GridSearchCV. */
        double deviation(ToDoubleFunction<Sweep.Result> of) {
            double mean = mean(of);
            return Math.sqrt(mean(result -> Math.pow(of.applyAsDouble(result) - mean, 2)));
        }

        double accuracy() {
            return mean(ACCURACY);
        }

        double error() {
            return mean(ERROR);
        }

        List<String> accuracies() {
            DoubleSummaryStatistics all =
                    results.stream().mapToDouble(ACCURACY).summaryStatistics();
            return List.of(
                    Integer.toString(results.size()),
                    number(accuracy()),
                    number(deviation(ACCURACY)),
                    number(all.getMin()),
                    number(all.getMax()));
        }

        /**
         * What folds come to: {@code accuracy 0.9600 ± 0.0249 (baseline: 0.5000), loss 0.1200 ±
         * 0.0100: mean and deviation of 5 folds}.
         */
        String spread() {
            Sweep.Result one = results.get(0);
            String accuracy = four(accuracy()) + " ± " + four(deviation(ACCURACY));
            String error = errorText(one, error()) + " ± " + errorText(one, deviation(ERROR));
            double baseline = mean(result -> result.validation().baseline());
            int folds = folds(one);
            String runs = results.size() == folds ? "folds" : format("runs in %,d folds", folds);
            return told(hasRmse(one), accuracy, error, errorText(one, baseline))
                    + format(": mean and standard deviation of %,d %s", results.size(), runs);
        }
    }

    /** By validation accuracy, equal ones by validation loss, the best first; failed ones last. */
    private static List<Group> ranked(List<Sweep.Result> results) {
        Comparator<Group> best = Comparator.comparingDouble(group -> -group.accuracy()); // NaN last
        return grouped(results, result -> new Group(List.of(result)).varied()).stream()
                .sorted(best.thenComparingDouble(Group::error))
                .toList();
    }

    /** Results with the same key, in their order. */
    private static List<Group> grouped(List<Sweep.Result> results, Function<Sweep.Result, ?> key) {
        return results.stream()
                .collect(groupingBy(key, LinkedHashMap::new, toList()))
                .values()
                .stream()
                .map(Group::new)
                .toList();
    }

    private static int folds(Sweep.Result result) {
        return result.member().settings().get(Setting.FOLDS);
    }

    /** A line for each combination of settings but the seed, best mean accuracy first. */
    public static String table(List<Sweep.Result> results) {
        List<Group> groups = ranked(results);
        List<String> head = new ArrayList<>(groups.get(0).varied().keySet());
        boolean several = groups.stream().anyMatch(group -> group.results().size() > 1);
        String score = "val " + score(results.get(0));
        List<String> spread = List.of("runs", "val mean", "std dev", "val min", "val max");
        head.addAll(several ? spread : List.of(score));
        head.addAll(List.of("val " + errorName(results.get(0)), "seconds"));
        Table table = new Table("  ", 1).row(head.toArray(String[]::new));
        for (Group group : groups) {
            List<String> row = new ArrayList<>(group.varied().values());
            row.addAll(several ? group.accuracies() : List.of(number(group.accuracy())));
            double error = group.error();
            row.add(Double.isNaN(error) ? number(error) : errorText(results.get(0), error));
            row.add(format("%.2f", group.mean(Sweep.Result::seconds)));
            table.row(row.toArray(String[]::new));
        }
        return table.text();
    }

    /** What the columns of the table mean. */
    public static String columns(List<Sweep.Result> results) {
        Sweep.Result one = results.get(0);
        String loss = "val " + errorName(one);
        String rows = folds(one) > 0 ? "the rows of each fold" : "the validation rows";
        boolean several = ranked(results).stream().anyMatch(group -> group.results().size() > 1);
        return several
                ? format(
                        "val mean, std dev, val min and val max: %s on %s, over the runs of each"
                                + " line; %s and seconds: their means; best first",
                        score(one), rows, loss)
                : format("val %s and %s: on %s; best first", score(one), loss, rows);
    }

    /**
     * The settings that did best by validation, and what they do on the test rows, which had no say
     * in it; with folds, which leave no test rows, what they did on these. Null if all trainings
     * failed.
     */
    public static String winner(List<Sweep.Result> results) {
        Group best = ranked(results).get(0);
        if (Double.isNaN(best.accuracy())) {
            return null;
        }
        if (folds(results.get(0)) > 0) {
            return settings(best.varied()) + "val " + best.spread();
        }
        int runs = best.results().size();
        double accuracy = best.mean(result -> result.test().accuracy());
        double loss = best.mean(result -> result.test().loss());
        double rmse = best.mean(result -> result.test().rmse());
        double baseline = best.mean(result -> result.test().baseline());
        String test =
                Double.isNaN(rmse)
                        ? told(false, four(accuracy), four(loss), four(baseline))
                        : told(true, four(accuracy), digits(rmse), digits(baseline));
        String mean = runs == 1 ? "" : format(", the mean of %,d runs", runs);
        return settings(best.varied()) + "test " + test + mean;
    }

    private static String told(boolean numbers, String score, String error, String baseline) {
        return numbers
                ? format("R2 %s, RMSE %s (the mean: %s)", score, error, baseline)
                : format("accuracy %s (baseline: %s), loss %s", score, baseline, error);
    }

    /** What the trainings of one combination did on their folds, in a line. */
    public static String folds(List<Sweep.Result> results) {
        return "test " + new Group(results).spread();
    }

    /** The mean of their accuracies, or of R². */
    public static double accuracy(List<Sweep.Result> results) {
        return new Group(results).accuracy();
    }

    /** How well one of them did on its fold, in a line. */
    public static String fold(Sweep.Result result) {
        return "fold %d/%d  ".formatted(result.member().fold(), folds(result))
                + told("test ", result);
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
        Map<String, String> varied = new LinkedHashMap<>(result.member().varied());
        if (result.member().fold() > 0) {
            varied.put("fold", Integer.toString(result.member().fold()));
        }
        return settings(varied) + told("val ", result);
    }

    private static String told(String of, Sweep.Result result) {
        if (result.failure() != null) {
            return result.failure();
        }
        String score = score(result) + " " + four(result.validation().accuracy());
        String error = errorName(result) + " " + errorText(result, ERROR.applyAsDouble(result));
        return of + score + ", " + of + error + format(", %.2f s", result.seconds());
    }

    /** What tells how well it went: R² where numbers are predicted, which has no accuracy. */
    private static String score(Sweep.Result result) {
        return result.member().settings().loss().takesLogits() ? "accuracy" : "R2";
    }

    /** Whether it was measured in the unit of the numbers that it predicts: folds are. */
    private static boolean hasRmse(Sweep.Result result) {
        return folds(result) > 0 && !result.member().settings().loss().takesLogits();
    }

    private static String errorName(Sweep.Result result) {
        return hasRmse(result) ? "RMSE" : "loss";
    }

    private static String errorText(Sweep.Result result, double value) {
        return hasRmse(result) ? digits(value) : four(value);
    }

    /**
     * A map for each result, or with folds for each combination, numbers in full; the test rows' of
     * the best alone.
     */
    public static List<Map<String, Object>> records(List<Sweep.Result> results) {
        List<Sweep.Result> best = results.isEmpty() ? List.of() : ranked(results).get(0).results();
        List<Map<String, Object>> records = new ArrayList<>();
        for (Group group : grouped(results, result -> result.member().number())) {
            Sweep.Result result = group.results().get(0);
            Map<String, Object> record = new LinkedHashMap<>();
            record.put("number", result.member().number());
            record.putAll(result.member().varied());
            if (folds(result) > 0) {
                folds(record, group);
            } else {
                Sweep.Score test = best.contains(result) ? result.test() : null;
                record.put("validation_" + score(result), result.validation().accuracy());
                record.put("validation_loss", result.validation().loss());
                record.put("test_" + score(result), test == null ? null : test.accuracy());
                // in a regression the loss may be of standardized numbers, or of these
                boolean numbers = !result.member().settings().loss().takesLogits();
                Double error = test == null ? null : numbers ? (Double) test.rmse() : test.loss();
                record.put(numbers ? "test_rmse" : "test_loss", error);
                record.put("epochs", result.epochs().size());
                record.put("seconds", result.seconds());
                record.put("failure", result.failure());
            }
            records.add(record);
        }
        return records;
    }

    /** The numbers of the combination that did best, one for each seed; none if all failed. */
    public static List<Integer> best(List<Sweep.Result> results) {
        Group best = ranked(results).get(0);
        return Double.isNaN(best.accuracy())
                ? List.of()
                : best.results().stream().map(one -> one.member().number()).distinct().toList();
    }

    private static void folds(Map<String, Object> record, Group group) {
        String score = "validation_" + score(group.results().get(0));
        record.put("folds", group.results().size());
        record.put(score, group.accuracy());
        record.put(score + "_deviation", group.deviation(ACCURACY));
        String error = "validation_" + errorName(group.results().get(0)).toLowerCase(Locale.ROOT);
        record.put(error, group.error());
        record.put(error + "_deviation", group.deviation(ERROR));
        record.put("epochs", group.mean(one -> one.epochs().size()));
        record.put("seconds", group.mean(Sweep.Result::seconds));
        Stream<String> failures = group.results().stream().map(Sweep.Result::failure);
        record.put("failure", failures.filter(Objects::nonNull).findFirst().orElse(null));
    }

    /** A line of names, then a line a result, numbers in full. */
    public static String csv(List<Sweep.Result> results) {
        List<Map<String, Object>> records = records(results);
        Set<String> names = new LinkedHashSet<>(); // those of an error are not of all
        records.forEach(record -> names.addAll(record.keySet()));
        StringBuilder csv = new StringBuilder();
        if (!names.isEmpty()) {
            csv.append(String.join(",", names)).append('\n');
        }
        for (Map<String, Object> record : records) {
            csv.append(names.stream().map(record::get).map(SweepText::field).collect(joining(",")));
            csv.append('\n');
        }
        return csv.toString();
    }

    private static String field(Object value) {
        String text = value == null ? "" : value.toString();
        return text.matches("[^\",\r\n]*") ? text : '"' + text.replace("\"", "\"\"") + '"';
    }
}
