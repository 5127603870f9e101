package org.quern.train;

/** Logits to probabilities. */
public final class Softmax {
    private Softmax() {}

    /**
     * Replaces each row of logits z by {@code exp(zⱼ − max z) / Σ exp(zₖ − max z)}, computed in
     * float64.
     *
     * @param values [rows × columns], changed in place
     */
    public static void rows(float[] values, int columns) {
        for (int at = 0; at < values.length; at += columns) {
            row(values, at, columns, values, at);
        }
    }

    /** One row of logits from {@code from[at…]} to probabilities in {@code to[toAt…]}. */
    static void row(float[] from, int at, int columns, float[] to, int toAt) {
        float max = Float.NEGATIVE_INFINITY;
        for (int j = 0; j < columns; j++) {
            max = Math.max(max, from[at + j]);
        }
        double sum = 0;
        for (int j = 0; j < columns; j++) {
            double e = Math.exp((double) from[at + j] - max);
            to[toAt + j] = (float) e;
            sum += e;
        }
        for (int j = 0; j < columns; j++) {
            to[toAt + j] = (float) (to[toAt + j] / sum);
        }
    }
}
