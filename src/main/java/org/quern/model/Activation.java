package org.quern.model;

import static org.quern.QuernException.choice;
import static org.quern.QuernException.either;

import java.util.Arrays;
import java.util.Map;

/**
 * What a dense layer does to each of its sums z: all that Java knows of it. Value and slope are
 * written twice, in float64 for the reference and in float32 for plain Java, which is checked
 * against the reference like the C kernels. The slope is a function of the output y where it can
 * be, so that z need not be kept.
 */
public enum Activation {
    /** y = z. */
    LINEAR("linear", 1, false),
    /** y = max(z, 0); the derivative at 0 is 0, as in Keras and PyTorch. */
    RELU("relu", 1, false),
    /** y = tanh(z); y′ = 1 − y². */
    TANH("tanh", 1, false),
    /** y = 1 / (1 + e⁻ᶻ); y′ = y (1 − y). */
    SIGMOID("sigmoid", 0.25, false),
    /**
     * y = z Φ(z) = z (1 + erf(z / √2)) / 2, the exact form that is Keras' and PyTorch's default
     * (Hendrycks and Gimpel, arXiv 1606.08415); y′ = Φ(z) + z φ(z) needs z.
     */
    GELU("gelu", 1.13, true),
    /**
     * y = z σ(z) with σ(z) = 1 / (1 + e⁻ᶻ), Keras' and PyTorch's silu (Elfwing et al., Neural
     * Networks 107, 2018; arXiv 1702.03118); y′ = σ(z) (1 + z (1 − σ(z))) needs z.
     */
    SILU("silu", 1.1, true);

    private final String text;
    private final double steepest;
    private final boolean needsPreactivation;

    Activation(String text, double steepest, boolean needsPreactivation) {
        this.text = text;
        this.steepest = steepest;
        this.needsPreactivation = needsPreactivation;
    }

    public String text() {
        return text;
    }

    /** The largest magnitude of its slope, rounded up. */
    public double steepest() {
        return steepest;
    }

    /** Whether the backward pass needs z, the value before the activation, not just the output. */
    public boolean needsPreactivation() {
        return needsPreactivation;
    }

    /** y of z in float64: the reference. */
    public double value(double z) {
        return switch (this) {
            case LINEAR -> z;
            case RELU -> z > 0 || Double.isNaN(z) ? z : 0;
            case TANH -> Math.tanh(z);
            case SIGMOID -> 1 / (1 + Math.exp(-z));
            case GELU -> z * normalCdf(z);
            case SILU -> z / (1 + Math.exp(-z));
        };
    }

    /** act′ in float64, the reference: of y, or of z where {@link #needsPreactivation}. */
    public double slope(double y, double z) {
        return switch (this) {
            case LINEAR -> 1;
            case RELU -> y > 0 ? 1 : 0;
            case TANH -> 1 - y * y;
            case SIGMOID -> y * (1 - y);
            case GELU -> normalCdf(z) + z * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
            case SILU -> (1 + z / (1 + Math.exp(z))) / (1 + Math.exp(-z));
        };
    }

    /** y of z in float32, for the plain Java backend. */
    public float floatValue(float z) {
        return switch (this) {
            case LINEAR -> z;
            case RELU -> Math.max(z, 0); // NaN stays
            case TANH -> (float) Math.tanh(z);
            case SIGMOID -> (float) sigmoid(z);
            case GELU -> (float) (z * quickNormalCdf(z));
            case SILU -> (float) (z * sigmoid(z));
        };
    }

    /** act′ in float32, for the plain Java backend: of y or z as {@link #slope}. */
    public float floatSlope(float y, float z) {
        return switch (this) {
            case LINEAR -> 1;
            case RELU -> y > 0 ? 1 : 0;
            case TANH -> 1 - y * y;
            case SIGMOID -> y * (1 - y);
            case GELU ->
                    (float)
                            (quickNormalCdf(z)
                                    + z * Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI));
            case SILU -> (float) (sigmoid(z) * (1 + z * (1 - sigmoid(z))));
        };
    }

    private static double sigmoid(double z) {
        return 1 / (1 + Math.exp(-z));
    }

    /** The names of all as a choice: {@code linear, relu or tanh}. */
    public static String names() {
        return either(Arrays.stream(values()).map(Activation::text).toList());
    }

    /** The activation of that name, in any case; an unknown one is a usage error that lists all. */
    public static Activation parse(String name) {
        return choice("activation", name, values(), Activation::text, Map.of("swish", "silu"));
    }

    /**
     * Φ(z) = erfc(−z / √2) / 2 with erfc to about 1e-15: the Maclaurin series of erf below 2.5
     * (Abramowitz and Stegun 7.1.6, all terms positive), the continued fraction 7.1.14 above.
     */
    private static double normalCdf(double z) {
        double x = Math.abs(z) / Math.sqrt(2);
        double square = Math.exp(-x * x);
        double erfc;
        if (x < 2.5) {
            double term = x;
            double sum = x;
            for (int n = 1; Math.abs(term) > 1e-17 * sum; n++) {
                term *= 2 * x * x / (2 * n + 1);
                sum += term;
            }
            erfc = 1 - 2 / Math.sqrt(Math.PI) * square * sum;
        } else {
            double fraction = 0;
            for (int n = 200; n > 0; n--) {
                fraction = n / 2.0 / (x + fraction);
            }
            erfc = square / (x + fraction) / Math.sqrt(Math.PI);
        }
        return 0.5 * (z > 0 ? 2 - erfc : erfc);
    }

    /** The same with erfc to 1.2e-7: Press et al., Numerical Recipes, 2nd ed., 6.2. */
    private static double quickNormalCdf(double z) {
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
