package org.quern.report.page;

import java.util.ArrayList;
import java.util.List;
import org.quern.train.Evaluation;
import org.quern.train.Ranking;
import org.quern.train.RegressionScore;

/** What the charts of a test are drawn from, in few enough numbers for a page. */
final class Plots {
    /** Dots of a chart: more are not told apart. */
    private static final int MOST_ROWS = 2000;

    private static final int MOST_OUTPUTS = 4;
    private static final int MOST_BARS = 41;

    /** A histogram reaches so many RMSEs, which leaves out at most one row in 16 (Chebyshev). */
    private static final int REACH = 4;

    /** Points that are closer than this in every direction look like one. */
    private static final double APART = 1 / 400.0;

    private Plots() {}

    /**
     * One output's predictions.
     *
     * @param points target and output of evenly spaced rows
     * @param reach target − output at the far end of the last bar, minus that of the first
     * @param bars rows by target − output, in an odd number of equal parts, so that the middle one
     *     is around 0
     * @param beyond rows that are in none of them
     */
    record Predictions(String name, List<float[]> points, double reach, int[] bars, int beyond) {}

    /** The first outputs. */
    static List<Predictions> predictions(Evaluation evaluation, float[] targets) {
        List<Predictions> plots = new ArrayList<>();
        int outputs = evaluation.numbers().size();
        for (int output = 0; output < Math.min(MOST_OUTPUTS, outputs); output++) {
            plots.add(predictions(evaluation, targets, output));
        }
        return plots;
    }

    private static Predictions predictions(Evaluation evaluation, float[] targets, int output) {
        RegressionScore score = evaluation.numbers().get(output);
        int width = evaluation.numbers().size();
        int rows = evaluation.rows();
        int shown = Math.min(MOST_ROWS, rows);
        List<float[]> points = new ArrayList<>();
        for (int i = 0; i < shown; i++) {
            int at = (int) ((long) i * rows / shown) * width + output;
            points.add(new float[] {targets[at], evaluation.outputs()[at]});
        }
        double[] residuals = new double[rows];
        double largest = 0;
        for (int row = 0; row < rows; row++) {
            int at = row * width + output;
            residuals[row] = (double) targets[at] - evaluation.outputs()[at];
            largest = Math.max(largest, Math.abs(residuals[row]));
        }
        double reach = Math.min(largest, REACH * score.rmse());
        int[] bars = new int[Math.min(MOST_BARS, 2 * (int) (Math.sqrt(rows) / 2) + 1)];
        int beyond = 0;
        for (double residual : residuals) {
            if (Math.abs(residual) > reach) {
                beyond++;
            } else {
                double part = reach == 0 ? 0.5 : (residual / reach + 1) / 2;
                bars[Math.min(bars.length - 1, (int) (part * bars.length))]++;
            }
        }
        return new Predictions(score.name(), points, reach, bars, beyond);
    }

    /** Parts of [0, 1] that probabilities are counted in. */
    private static final int PARTS = 10;

    /** The probabilities of a row by softmax of its logits. */
    static double[] probabilities(Evaluation evaluation, int row) {
        int width = evaluation.confusion().classes().size();
        double[] all = new double[width];
        double most = Double.NEGATIVE_INFINITY;
        for (int j = 0; j < width; j++) {
            all[j] = evaluation.outputs()[row * width + j];
            most = Math.max(most, all[j]);
        }
        double sum = 0;
        for (int j = 0; j < width; j++) {
            all[j] = Math.exp(all[j] - most);
            sum += all[j];
        }
        for (int j = 0; j < width; j++) {
            all[j] /= sum;
        }
        return all;
    }

    /** Of each class, its rows by the probability that they were given of being of it. */
    static int[][] histograms(Evaluation evaluation, int[] labels) {
        int[][] histograms = new int[evaluation.confusion().classes().size()][PARTS];
        for (int row = 0; row < evaluation.rows(); row++) {
            int label = labels[row];
            double probability = probabilities(evaluation, row)[label];
            histograms[label][Math.min(PARTS - 1, (int) (probability * PARTS))]++;
        }
        return histograms;
    }

    /** Points of the two curves: false against true positive rate, recall against precision. */
    record Curves(List<double[]> roc, List<double[]> precisionRecall) {}

    static Curves curves(Ranking ranking) {
        int[] hits = ranking.truePositives();
        int[] alarms = ranking.falsePositives();
        List<double[]> roc = new ArrayList<>(List.of(new double[] {0, 0}));
        List<double[]> precisionRecall = new ArrayList<>();
        for (int i = 0; i < hits.length; i++) {
            double recall = (double) hits[i] / ranking.positives();
            double falseRate = (double) alarms[i] / ranking.negatives();
            double precision = (double) hits[i] / (hits[i] + alarms[i]);
            if (i == 0) {
                precisionRecall.add(new double[] {0, precision});
            }
            double[] last = roc.get(roc.size() - 1);
            double lastPrecision = precisionRecall.get(precisionRecall.size() - 1)[1];
            if (i == 0
                    || i == hits.length - 1
                    || recall - last[1] >= APART
                    || falseRate - last[0] >= APART
                    || Math.abs(precision - lastPrecision) >= APART) {
                roc.add(new double[] {falseRate, recall});
                precisionRecall.add(new double[] {recall, precision});
            }
        }
        return new Curves(roc, precisionRecall);
    }
}
