package org.quern.train;

import static org.quern.QuernException.given;

import java.util.Arrays;
import java.util.Locale;
import java.util.function.IntPredicate;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/**
 * How well a score tells rows of one class from the rest: the counts that its ROC and
 * precision-recall curves are made of. Entry i of both arrays is of the rows that score at least
 * the i-th highest value, so that rows with equal scores count as one.
 *
 * @param positive name of the class whose rows are to score high
 * @param truePositives how many of them are rows of the class; the last entry counts all
 * @param falsePositives how many of them are not; the last entry counts all
 */
public record Ranking(String positive, int[] truePositives, int[] falsePositives) {

    /** Ranks so many rows by their scores, by which of them are of the class. */
    static Ranking of(String positive, int rows, IntPredicate is, IntToDoubleFunction score) {
        return of(
                positive,
                IntStream.range(0, rows).filter(is).mapToDouble(score).toArray(),
                IntStream.range(0, rows).filter(is.negate()).mapToDouble(score).toArray());
    }

    /** Ranks rows by their scores, whatever their order; at least one row in all. */
    public static Ranking of(String positive, double[] ofPositives, double[] ofNegatives) {
        double[] is = sorted(ofPositives);
        double[] isNot = sorted(ofNegatives);
        int[] truePositives = new int[is.length + isNot.length];
        int[] falsePositives = new int[truePositives.length];
        int count = 0;
        int p = is.length;
        int n = isNot.length;
        while (p > 0 || n > 0) {
            boolean byNegative = p == 0 || n > 0 && isNot[n - 1] > is[p - 1];
            double threshold = byNegative ? isNot[n - 1] : is[p - 1];
            p = below(threshold, is, p);
            n = below(threshold, isNot, n);
            truePositives[count] = is.length - p;
            falsePositives[count++] = isNot.length - n;
        }
        return new Ranking(
                positive,
                Arrays.copyOf(truePositives, count),
                Arrays.copyOf(falsePositives, count));
    }

    /** Ascending, with one zero and no NaN, which would be no order: it counts as the lowest. */
    private static double[] sorted(double[] scores) {
        return Arrays.stream(given(scores, "scores"))
                .map(score -> Double.isNaN(score) ? Double.NEGATIVE_INFINITY : score + 0.0)
                .sorted()
                .toArray();
    }

    private static int below(double threshold, double[] ascending, int to) {
        while (to > 0 && ascending[to - 1] == threshold) {
            to--;
        }
        return to;
    }

    public int positives() {
        return truePositives[truePositives.length - 1];
    }

    public int negatives() {
        return falsePositives[falsePositives.length - 1];
    }

    /** Share of the class among the rows: the area under precision and recall of a blind guess. */
    public double prevalence() {
        return (double) positives() / (positives() + negatives());
    }

    /**
     * Area under the ROC curve, by trapezoids: the probability that a row of the class scores
     * higher than another row, half of it where they are equal; NaN if all rows or none are of the
     * class. scikit-learn's {@code roc_auc_score}.
     */
    public double rocAuc() {
        long twice = 0;
        for (int i = 0; i < truePositives.length; i++) {
            long width = falsePositives[i] - (i == 0 ? 0 : falsePositives[i - 1]);
            twice += width * (truePositives[i] + (long) (i == 0 ? 0 : truePositives[i - 1]));
        }
        return twice / (2.0 * positives() * negatives());
    }

    /**
     * Area under precision and recall as average precision, Σ (Rᵢ − Rᵢ₋₁) Pᵢ, which does not
     * interpolate; NaN if all rows or none are of the class. scikit-learn's {@code
     * average_precision_score}.
     */
    public double prAuc() {
        double sum = 0;
        for (int i = 0; i < truePositives.length; i++) {
            int found = truePositives[i] - (i == 0 ? 0 : truePositives[i - 1]);
            sum += found * ((double) truePositives[i] / (truePositives[i] + falsePositives[i]));
        }
        return negatives() == 0 ? Double.NaN : sum / positives();
    }

    @Override
    public String toString() {
        String text = "of '%s': ROC AUC %.4f, PR AUC %.4f";
        return String.format(Locale.ROOT, text, positive, rocAuc(), prAuc());
    }
}
