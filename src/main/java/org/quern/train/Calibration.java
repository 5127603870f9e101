package org.quern.train;

import static org.quern.QuernException.given;

import java.util.ArrayList;
import java.util.List;

/**
 * How far the probability of the predicted class can be believed.
 *
 * @param bins ten equal parts of [0, 1] by that probability
 * @param error expected calibration error: Σ rows/total · |accuracy − confidence| over the bins
 *     (Guo and others, "On Calibration of Modern Neural Networks", ICML 2017)
 */
public record Calibration(List<Bin> bins, double error) {
    private static final int BINS = 10;

    /**
     * The rows whose predicted class was given a probability in (from, to].
     *
     * @param confidence mean of that probability; 0 without rows
     * @param accuracy fraction of them classified rightly; 0 without rows
     */
    public record Bin(double from, double to, int rows, double confidence, double accuracy) {}

    public static Calibration of(Evaluation evaluation) {
        int[] rows = new int[BINS];
        int[] wrong = new int[BINS];
        double[] sums = new double[BINS];
        for (int row = 0; row < given(evaluation, "evaluation").rows(); row++) {
            int bin = bin(evaluation.confidence()[row]);
            rows[bin]++;
            sums[bin] += evaluation.confidence()[row];
        }
        evaluation.mistakes().forEach(mistake -> wrong[bin(mistake.confidence())]++);
        List<Bin> bins = new ArrayList<>();
        double error = 0;
        for (int b = 0; b < BINS; b++) {
            double confidence = rows[b] == 0 ? 0 : sums[b] / rows[b];
            double accuracy = rows[b] == 0 ? 0 : (double) (rows[b] - wrong[b]) / rows[b];
            error += (double) rows[b] / evaluation.rows() * Math.abs(accuracy - confidence);
            double from = (double) b / BINS;
            double to = (double) (b + 1) / BINS;
            bins.add(new Bin(from, to, rows[b], confidence, accuracy));
        }
        return new Calibration(List.copyOf(bins), error);
    }

    private static int bin(double confidence) {
        return Math.max(0, Math.min(BINS, (int) Math.ceil(confidence * BINS)) - 1);
    }
}
