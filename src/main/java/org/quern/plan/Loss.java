package org.quern.plan;

import static org.quern.QuernException.choice;
import static org.quern.QuernException.usage;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * What training makes small; for each batch, the mean over its real rows. This is all that Java
 * knows of a loss: its names and settings, what it asks of targets and, of one that compares
 * numbers, its value and slope, in float64 for the reference and in float32 for plain Java.
 */
public record Loss(Kind kind, List<Double> values) {
    /** Softmax cross-entropy, of classes. */
    public static final Loss CROSS_ENTROPY = new Loss(Kind.CROSS_ENTROPY, List.of());

    /** Mean squared error, of numbers. */
    public static final Loss MEAN_SQUARED_ERROR = new Loss(Kind.MEAN_SQUARED_ERROR, List.of());

    /** The δ that {@code Huber} of Keras and {@code HuberLoss} of PyTorch have by default. */
    public static final double DELTA = 1;

    /** The Huber loss; {@code delta} is above 0. */
    public static Loss huber(double delta) {
        return new Loss(Kind.HUBER, List.of(delta));
    }

    /** The kinds of losses, numbered in this order in C and in the kernels. */
    public enum Kind {
        /**
         * Softmax cross-entropy from logits z with a class index c as label, per row {@code log Σ
         * exp(zⱼ) − z_c}; Keras' SparseCategoricalCrossentropy(from_logits=True).
         */
        CROSS_ENTROPY("cross-entropy", "cross-entropy", "CrossEntropy"),
        /** Mean squared error of a row, {@code Σ (yⱼ − tⱼ)² / columns}, as in Keras and PyTorch. */
        MEAN_SQUARED_ERROR("mse", "mean squared error", "SquaredError"),
        /**
         * Huber's loss (Ann. Math. Statist. 35, 1964) as in Keras and PyTorch: the mean over a row
         * of e² / 2 where |e| ≤ δ, else δ (|e| − δ / 2).
         */
        HUBER("huber", "Huber loss", "Huber", "delta");

        private final String option;
        private final String title;
        private final String caseName;
        private final List<String> settings;

        Kind(String option, String title, String caseName, String... settings) {
            this.option = option;
            this.title = title;
            this.caseName = caseName;
            this.settings = List.of(settings);
        }

        public String option() {
            return option;
        }

        private String text() {
            return name().toLowerCase(Locale.ROOT);
        }

        public List<String> settings() {
            return settings;
        }

        public static List<String> options() {
            return Arrays.stream(values()).map(Kind::option).toList();
        }

        /** The kind of that word; an unknown one is a usage error that lists all. */
        public static Kind of(String option) {
            return choice("loss", option, values(), Kind::option);
        }
    }

    public Loss {
        values = List.copyOf(values);
        if (values.size() != kind.settings.size()) {
            throw usage(
                    "loss %s: %d settings given, %d expected",
                    kind.text(), values.size(), kind.settings.size());
        }
        if (kind == Kind.HUBER
                && !(values.get(0) > 0 && values.get(0) < Double.POSITIVE_INFINITY)) {
            throw usage("Huber: delta %s must be above 0 and finite", values.get(0));
        }
    }

    public String title() {
        return kind.title;
    }

    /** For people, in a few words. */
    public String summary() {
        return this.equals(huber(DELTA)) || values.isEmpty()
                ? kind.option
                : kind.option + " with delta " + values.get(0);
    }

    public String caseName() {
        return kind.caseName;
    }

    /** As files keep it, name and numbers, for instance {@code mean_squared_error}. */
    public String text() {
        return text(kind.text(), values);
    }

    /** The loss of a {@link #text}. */
    public static Loss parse(String text) {
        String[] words = text.split(" ");
        Kind kind = choice("loss", words[0], Kind.values(), Kind::text);
        return new Loss(kind, Arrays.stream(words).skip(1).map(Double::valueOf).toList());
    }

    /** The loss that the command line calls so, with its settings by name. */
    public static Loss of(String option, ToDoubleFunction<String> numbers) {
        Kind kind = Kind.of(option);
        return new Loss(kind, kind.settings.stream().map(numbers::applyAsDouble).toList());
    }

    static String text(String name, List<Double> values) {
        return values.stream().map(value -> " " + value).collect(Collectors.joining("", name, ""));
    }

    /** What it takes in C and in kernels: its setting, or 0. */
    public float constant() {
        return values.isEmpty() ? 0 : values.get(0).floatValue();
    }

    /** Whether targets are class indices and outputs logits, rather than both numbers. */
    public boolean classifies() {
        return kind == Kind.CROSS_ENTROPY;
    }

    /** Values of the targets of one row: 1 for a class index, else the outputs. */
    public int targetSize(int outputs) {
        return classifies() ? 1 : outputs;
    }

    /** Of one that compares numbers, what an error, output − target, costs; in float64. */
    public double value(double error) {
        if (kind == Kind.HUBER) {
            double delta = values.get(0);
            double size = Math.abs(error);
            return size <= delta ? error * error / 2 : delta * (size - delta / 2);
        }
        return error * error;
    }

    /** The derivative of {@link #value}, in float64. */
    public double slope(double error) {
        if (kind == Kind.HUBER) {
            double delta = values.get(0);
            return Math.abs(error) <= delta ? error : Math.copySign(delta, error);
        }
        return 2 * error;
    }

    /** The largest magnitude of the second derivative of {@link #value}. */
    public double curvature() {
        return kind == Kind.HUBER ? 1 : 2;
    }

    public float floatValue(float error) {
        if (kind == Kind.HUBER) {
            float inner = Math.min(Math.abs(error), constant());
            return inner * (Math.abs(error) - 0.5f * inner);
        }
        return error * error;
    }

    public float floatSlope(float error) {
        if (kind == Kind.HUBER) {
            return Math.max(-constant(), Math.min(error, constant()));
        }
        return 2 * error;
    }
}
