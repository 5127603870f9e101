package org.quern.backend.java;

import org.quern.model.Activation;

/** Activations and their derivatives; what is not a plain operation is computed in float64. */
final class Activations {
    private Activations() {}

    /** y[at + j] ← act(y[at + j]) for n values. */
    static void apply(Activation activation, float[] y, int at, int n) {
        switch (activation) {
            case RELU -> {
                for (int j = 0; j < n; j++) {
                    y[at + j] = Math.max(y[at + j], 0); // NaN stays
                }
            }
            case TANH -> {
                for (int j = 0; j < n; j++) {
                    y[at + j] = (float) Math.tanh(y[at + j]);
                }
            }
            case SIGMOID -> {
                for (int j = 0; j < n; j++) {
                    y[at + j] = (float) (1 / (1 + Math.exp(-y[at + j])));
                }
            }
            case GELU -> {
                for (int j = 0; j < n; j++) {
                    y[at + j] = (float) (y[at + j] * normalCdf(y[at + j]));
                }
            }
            case LINEAR -> {
                // nothing to do
            }
        }
    }

    /** act′ from the output y, or for GELU from z. */
    static float derivative(Activation activation, float y, float z) {
        return switch (activation) {
            case LINEAR -> 1;
            case RELU -> y > 0 ? 1 : 0;
            case TANH -> 1 - y * y;
            case SIGMOID -> y * (1 - y);
            case GELU ->
                    (float) (normalCdf(z) + z * Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI));
        };
    }

    /**
     * Φ(z) = erfc(−z/√2) / 2, relative error 1.2e-7: erfc by the Chebyshev fit of Press et al.,
     * Numerical Recipes, 2nd ed., 6.2.
     */
    private static double normalCdf(double z) {
        double x = -z / Math.sqrt(2);
        double a = Math.abs(x);
        double t = 1 / (1 + 0.5 * a);
        double p = 0.17087277;
        p = p * t - 0.82215223;
        p = p * t + 1.48851587;
        p = p * t - 1.13520398;
        p = p * t + 0.27886807;
        p = p * t - 0.18628806;
        p = p * t + 0.09678418;
        p = p * t + 0.37409196;
        p = p * t + 1.00002368;
        p = p * t - 1.26551223;
        double erfc = t * Math.exp(p - a * a);
        return 0.5 * (x < 0 ? 2 - erfc : erfc);
    }
}
