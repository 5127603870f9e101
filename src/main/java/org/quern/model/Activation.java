package org.quern.model;

import static org.quern.QuernException.usage;

import java.util.Locale;

/**
 * What a dense layer does to each of its sums z. The derivative is given as a function of the
 * output y where it can be, so that z need not be kept.
 */
public enum Activation {
    /** y = z. */
    LINEAR("linear"),
    /** y = max(z, 0); the derivative at 0 is 0, as in Keras and PyTorch. */
    RELU("relu"),
    /** y = tanh(z); y′ = 1 − y². */
    TANH("tanh"),
    /** y = 1 / (1 + e⁻ᶻ); y′ = y (1 − y). */
    SIGMOID("sigmoid"),
    /**
     * y = z Φ(z) = z (1 + erf(z / √2)) / 2, the exact form that is Keras' and PyTorch's default
     * (Hendrycks and Gimpel, arXiv 1606.08415); y′ = Φ(z) + z φ(z) needs z.
     */
    GELU("gelu");

    private final String text;

    Activation(String text) {
        this.text = text;
    }

    /** The word for it in a model's text: lower case. */
    public String text() {
        return text;
    }

    /** Whether the backward pass needs z, the value before the activation, not just the output. */
    public boolean needsPreactivation() {
        return this == GELU;
    }

    /** The activation of that name, in any case; an unknown one is a usage error that lists all. */
    public static Activation parse(String name) {
        for (Activation activation : values()) {
            if (activation.text.equals(name.toLowerCase(Locale.ROOT))) {
                return activation;
            }
        }
        throw usage("unknown activation \"%s\": use linear, relu, tanh, sigmoid or gelu", name);
    }
}
