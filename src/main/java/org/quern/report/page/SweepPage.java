package org.quern.report.page;

import static java.util.stream.Collectors.groupingBy;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.report.SweepText;
import org.quern.run.Sweep;
import org.quern.train.EpochResult;

/** The page of a sweep: its trainings as a table, their curves, and each setting's effect. */
public final class SweepPage {
    /** Rows of the table, curves, and epochs of each, so that the page stays small. */
    private static final int MOST_ROWS = 2000;

    private static final int MOST_CURVES = 100;
    private static final int MOST_POINTS = 100;

    private SweepPage() {}

    /** The figures of an epoch that curves are drawn of; null where there are none. */
    private record Epoch(
            int epoch, float loss, float accuracy, Float validationLoss, Float validationAccuracy) {
        static Epoch of(EpochResult of) {
            boolean validated = of.validationLoss() != null;
            return new Epoch(
                    of.epoch(),
                    (float) of.loss(),
                    (float) of.accuracy(),
                    validated ? of.validationLoss().floatValue() : null,
                    validated ? of.validationAccuracy().floatValue() : null);
        }
    }

    private static List<Epoch> epochs(Sweep.Result of) {
        return Page.some(of.epochs(), MOST_POINTS).stream().map(Epoch::of).toList();
    }

    private record Curve(int number, int fold, List<Epoch> epochs) {}

    /**
     * Makes the page.
     *
     * @param results at least one
     * @param about when, where and by which command the sweep was made, by the names of {@code
     *     run.json}
     */
    public static String html(List<Sweep.Result> results, Map<String, Object> about) {
        List<Map<String, Object>> runs = new ArrayList<>(SweepText.records(results));
        List<String> scores =
                runs.get(0).keySet().stream()
                        .filter(name -> name.startsWith("validation_"))
                        .filter(name -> !name.endsWith("_deviation"))
                        .toList();
        Comparator<Map<String, Object>> best =
                Comparator.comparingDouble(run -> -(double) run.get(scores.get(0))); // NaN last
        runs.sort(best.thenComparingDouble(run -> (double) run.get(scores.get(1))));
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("about", about);
        data.put("settings", results.get(0).member().varied().keySet());
        data.put("classifies", results.get(0).member().settings().loss().takesLogits());
        data.put("scores", scores);
        data.put("best", SweepText.best(results));
        data.put("winner", SweepText.winner(results));
        data.put("all", runs.size());
        data.put("done", results.size());
        data.put("runs", runs.subList(0, Math.min(MOST_ROWS, runs.size())));
        data.put("curves", curves(results, runs));
        return Page.html("Sweep", data, true, "sweep.js");
    }

    /** The curves of the best runs, those of all folds. */
    private static List<Curve> curves(List<Sweep.Result> results, List<Map<String, Object>> runs) {
        Map<Object, List<Sweep.Result>> byNumber =
                results.stream().collect(groupingBy(result -> result.member().number()));
        return runs.stream()
                .flatMap(run -> byNumber.get(run.get("number")).stream())
                .limit(MOST_CURVES)
                .map(one -> new Curve(one.member().number(), one.member().fold(), epochs(one)))
                .toList();
    }
}
