package org.quern.backend.reference;

import org.quern.model.Activation;

/** Activations and their derivatives in float64. */
final class Activations {
    private Activations() {}

    static double value(Activation activation, double z) {
        return switch (activation) {
            case LINEAR -> z;
            case RELU -> z > 0 ? z : z != z ? z : 0;
            case TANH -> Math.tanh(z);
            case SIGMOID -> 1 / (1 + Math.exp(-z));
            case GELU -> z * normalCdf(z);
        };
    }

    /** act′ from the output y, or for GELU from z. */
    static double derivative(Activation activation, double y, double z) {
        return switch (activation) {
            case LINEAR -> 1;
            case RELU -> y > 0 ? 1 : 0;
            case TANH -> 1 - y * y;
            case SIGMOID -> y * (1 - y);
            case GELU -> normalCdf(z) + z * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
        };
    }

    /** Φ(z), the standard normal distribution: (1 + erf(z / √2)) / 2. */
    private static double normalCdf(double z) {
        return 0.5 * erfc(-z / Math.sqrt(2));
    }

    /**
     * erfc to about 1e-15: the Maclaurin series of erf below 2.5 (Abramowitz and Stegun 7.1.6, all
     * terms positive), the continued fraction 7.1.14 above.
     */
    private static double erfc(double x) {
        if (x < 0) {
            return 2 - erfc(-x);
        }
        if (x < 2.5) {
            double term = x;
            double sum = x;
            for (int n = 1; Math.abs(term) > 1e-17 * sum; n++) {
                term *= 2 * x * x / (2 * n + 1);
                sum += term;
            }
            return 1 - 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
        }
        double fraction = 0;
        for (int n = 200; n > 0; n--) {
            fraction = n / 2.0 / (x + fraction);
        }
        return Math.exp(-x * x) / (x + fraction) / Math.sqrt(Math.PI);
    }
}
