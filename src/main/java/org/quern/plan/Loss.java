package org.quern.plan;

import static org.quern.QuernException.choice;
import static org.quern.QuernException.copied;
import static org.quern.QuernException.data;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * What training makes small; for each batch, the mean over its real rows. This is all that Java
 * knows of a loss: its names and settings, what it asks of targets and, of one that adds up what
 * single outputs cost, value and slope, in float64 for the reference and in float32 for plain Java.
 */
public record Loss(Kind kind, List<Double> values) {
    /** Softmax cross-entropy, of classes. */
    public static final Loss CROSS_ENTROPY = new Loss(Kind.CROSS_ENTROPY, List.of());

    /**
     * The same with a weight for each class, 0 or more: in training, a row's loss and its gradient
     * are multiplied by that of its class. The mean of a batch stays that over its rows, as under
     * Keras' {@code class_weight}; PyTorch divides by the sum of their weights. Evaluations count
     * all rows alike.
     */
    public static Loss crossEntropy(List<Double> weights) {
        return new Loss(Kind.CROSS_ENTROPY, weights);
    }

    /** Mean squared error, of numbers. */
    public static final Loss MEAN_SQUARED_ERROR = new Loss(Kind.MEAN_SQUARED_ERROR, List.of());

    /** Binary cross-entropy, of yes and no. */
    public static final Loss BINARY_CROSS_ENTROPY = new Loss(Kind.BINARY_CROSS_ENTROPY, List.of());

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
         * exp(zⱼ) − z_c}, maybe times a weight of the class; Keras'
         * SparseCategoricalCrossentropy(from_logits=True).
         */
        CROSS_ENTROPY("cross-entropy", "cross-entropy", "CrossEntropy"),
        /** Mean squared error of a row, {@code Σ (yⱼ − tⱼ)² / columns}, as in Keras and PyTorch. */
        MEAN_SQUARED_ERROR("mse", "mean squared error", "SquaredError"),
        /**
         * Huber's loss (Ann. Math. Statist. 35, 1964) as in Keras and PyTorch: the mean over a row
         * of e² / 2 where |e| ≤ δ, else δ (|e| − δ / 2).
         */
        HUBER("huber", "Huber loss", "Huber", "delta"),
        /**
         * Sigmoid cross-entropy from logits z with targets t, 0 or 1 or a probability: the mean
         * over a row of {@code max(z, 0) − z t + log(1 + exp(−|z|))};
         * BinaryCrossentropy(from_logits=True) of Keras and BCEWithLogitsLoss of PyTorch. Each
         * output decides for itself: 1 where z > 0, which is where its probability is above 0.5.
         */
        BINARY_CROSS_ENTROPY("binary", "binary cross-entropy", "BinaryCrossEntropy");

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

        /** What Keras and PyTorch call them. */
        private static final Map<String, String> ELSEWHERE =
                Map.of(
                        "sparse_categorical_crossentropy", "cross-entropy",
                        "categorical_crossentropy", "cross-entropy",
                        "cross_entropy", "cross-entropy",
                        "crossentropyloss", "cross-entropy",
                        "binary_crossentropy", "binary",
                        "bce", "binary",
                        "mean_squared_error", "mse");

        /** The kind of that word; an unknown one is a usage error that lists all. */
        public static Kind of(String option) {
            return choice("loss", option, values(), Kind::option, ELSEWHERE);
        }
    }

    public Loss {
        given(kind, "kind");
        values = copied(values, "values");
        if (kind == Kind.CROSS_ENTROPY) {
            checkWeights(values);
        } else if (values.size() != kind.settings.size()) {
            throw usage(
                    "loss %s: %d settings given, %d expected",
                    kind.text(), values.size(), kind.settings.size());
        }
        if (kind == Kind.HUBER
                && !(values.get(0) > 0 && values.get(0) < Double.POSITIVE_INFINITY)) {
            throw usage("Huber: delta %s must be above 0 and finite", values.get(0));
        }
    }

    private static void checkWeights(List<Double> weights) {
        for (double weight : weights) {
            String text = "class weights: %s must be 0 or more, and finite";
            expect(weight >= 0 && weight < Double.POSITIVE_INFINITY, text, weight);
        }
        String message = "class weights: all are 0, so there is nothing to learn";
        expect(weights.isEmpty() || weights.stream().anyMatch(weight -> weight != 0), message);
    }

    public String title() {
        return kind.title;
    }

    /** For people, in a few words. */
    public String summary() {
        if (this.equals(huber(DELTA)) || values.isEmpty()) {
            return kind.option;
        }
        if (kind == Kind.HUBER) {
            return kind.option + " with delta " + values.get(0);
        }
        float most = Collections.max(values).floatValue();
        return kind.option + " with class weights from " + (float) leastWeight() + " to " + most;
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
        String[] words = given(text, "text").split(" ");
        Kind kind = choice("loss", words[0], Kind.values(), Kind::text, Map.of());
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
        return kind == Kind.HUBER ? values.get(0).floatValue() : 0;
    }

    /** Whether targets are class indices, rather than a number for each output. */
    public boolean classifies() {
        return kind == Kind.CROSS_ENTROPY;
    }

    /** Whether the rows of some classes count for more than others. */
    public boolean isWeighted() {
        return classifies() && !values.isEmpty();
    }

    /** The weight of a row that counts for least. */
    public double leastWeight() {
        return isWeighted() ? Collections.min(values) : 1;
    }

    /** Whether each output says yes or no, and its target is the probability of yes. */
    public boolean isBinary() {
        return kind == Kind.BINARY_CROSS_ENTROPY;
    }

    /** Whether outputs are logits, from which come probabilities and decisions: not numbers. */
    public boolean takesLogits() {
        return classifies() || isBinary();
    }

    /** What is right or wrong about a row of so many outputs, which hits count; 0: nothing is. */
    public int decisions(int outputs) {
        return isBinary() ? outputs : classifies() ? 1 : 0;
    }

    /**
     * Refuses a target that this cannot be measured against, by its row and column.
     *
     * @param targets [rows × width]
     */
    public void check(String name, float[] targets, int width) {
        for (int i = 0; isBinary() && i < targets.length; i++) {
            if (!(targets[i] >= 0 && targets[i] <= 1)) {
                String text =
                        "%s: row %,d, target %,d is %s: %s takes 0, 1 or a probability between";
                throw data(text, name, i / width, i % width, targets[i], title());
            }
        }
    }

    /** 1 where a binary loss finds a logit on the side of its target, else 0. */
    public int hits(double logit, double target) {
        return isBinary() && logit > 0 == target > 0.5 ? 1 : 0;
    }

    /** Values of the targets of one row: a class index, maybe with its weight, else the outputs. */
    public int targetSize(int outputs) {
        return isWeighted() ? 2 : classifies() ? 1 : outputs;
    }

    /** Of any but {@link #CROSS_ENTROPY}, what an output costs; in float64. */
    public double value(double output, double target) {
        double error = output - target;
        return switch (kind) {
            case HUBER -> {
                double delta = values.get(0);
                double size = Math.abs(error);
                yield size <= delta ? error * error / 2 : delta * (size - delta / 2);
            }
            case BINARY_CROSS_ENTROPY -> Math.max(output, 0) - output * target + tail(output);
            default -> error * error;
        };
    }

    /** The derivative of {@link #value} by the output, in float64. */
    public double slope(double output, double target) {
        double error = output - target;
        return switch (kind) {
            case HUBER -> {
                double delta = values.get(0);
                yield Math.abs(error) <= delta ? error : Math.copySign(delta, error);
            }
            case BINARY_CROSS_ENTROPY -> sigmoid(output) - target;
            default -> 2 * error;
        };
    }

    /** The magnitudes that {@link #value} adds, which its rounding errors are relative to. */
    public double terms(double output, double target) {
        return isBinary() ? Math.abs(output) * (1 + target) + tail(output) : value(output, target);
    }

    /**
     * The same of {@link #slope}; of a function of the error, what its rounding changes at most.
     */
    public double slopeTerms(double output, double target) {
        double error = Math.abs(output - target);
        return switch (kind) {
            case HUBER -> error;
            case BINARY_CROSS_ENTROPY -> sigmoid(output) + target;
            default -> 2 * error;
        };
    }

    public float floatValue(float output, float target) {
        float error = output - target;
        return switch (kind) {
            case HUBER -> {
                float inner = Math.min(Math.abs(error), constant());
                yield inner * (Math.abs(error) - 0.5f * inner);
            }
            case BINARY_CROSS_ENTROPY -> (float) value(output, target);
            default -> error * error;
        };
    }

    public float floatSlope(float output, float target) {
        float error = output - target;
        return switch (kind) {
            case HUBER -> Math.max(-constant(), Math.min(error, constant()));
            case BINARY_CROSS_ENTROPY -> (float) slope(output, target);
            default -> 2 * error;
        };
    }

    /** {@code log(1 + exp(−|z|))} */
    private static double tail(double logit) {
        return Math.log1p(Math.exp(-Math.abs(logit)));
    }

    /** The probability that a logit stands for, {@code 1 / (1 + exp(−z))}. */
    public static double sigmoid(double logit) {
        return 1 / (1 + Math.exp(-logit));
    }
}
