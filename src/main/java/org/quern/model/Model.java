package org.quern.model;

import static org.quern.QuernException.copied;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The description of a network, immutable and without any weights: the shape of one input, how raw
 * values are scaled, and the layers. Build one with {@link #input}:
 *
 * <pre>{@code
 * Model model = Model.input(28, 28).scaled(Scaling.UNIT)
 *         .dense(48, Activation.RELU).dropout(0.3f).dense(15).dropout(0.3f).dense(10);
 * }</pre>
 *
 * or {@link ModelText#parse parse} the same as text.
 *
 * @param inputShape extents of one example, each at least 1; the network sees it flattened
 * @param scaling applied to every raw input value
 * @param layers in order; dropout may follow the input or a dense layer but is never the last
 */
public record Model(List<Integer> inputShape, Scaling scaling, List<Layer> layers) {

    public Model {
        inputShape = copied(inputShape, "input shape");
        given(scaling, "scaling");
        layers = copied(layers, "layers");
        if (inputShape.isEmpty() || inputShape.stream().anyMatch(extent -> extent < 1)) {
            throw usage("input shape %s: every extent is at least 1", inputShape);
        }
        long features = 1;
        for (int extent : inputShape) {
            features *= extent;
            String message = "input shape %s has more than 2³¹ − 1 values";
            expect(features <= Integer.MAX_VALUE, message, inputShape);
        }
        for (int i = 1; i < layers.size(); i++) {
            if (layers.get(i) instanceof Layer.Dropout
                    && layers.get(i - 1) instanceof Layer.Dropout) {
                throw usage("layers %d and %d are both dropout: merge them into one", i - 1, i);
            }
        }
    }

    /** A model without layers yet, for examples of the given shape. */
    public static Model input(int... shape) {
        return new Model(
                Arrays.stream(given(shape, "shape")).boxed().toList(), Scaling.NONE, List.of());
    }

    /** This model with another scaling of its input. */
    public Model scaled(Scaling newScaling) {
        return new Model(inputShape, newScaling, layers);
    }

    /** This model with a linear dense layer on top. */
    public Model dense(int units) {
        return dense(units, Activation.LINEAR);
    }

    /** This model with a dense layer on top, its weights starting in the Glorot way. */
    public Model dense(int units, Activation activation) {
        return with(new Layer.Dense(units, given(activation, "activation"), Init.GLOROT));
    }

    /** This model with dropout on top; 0 ≤ {@code rate} &lt; 1. */
    public Model dropout(float rate) {
        return with(new Layer.Dropout(rate));
    }

    /** This model with one more layer on top. */
    public Model with(Layer layer) {
        List<Layer> more = new ArrayList<>(layers);
        more.add(given(layer, "layer"));
        return new Model(inputShape, scaling, more);
    }

    /** Values of one flattened input. */
    public int inputSize() {
        return inputShape.stream().reduce(1, (a, b) -> a * b);
    }

    /**
     * Values of one output: the width of the last dense layer.
     *
     * @throws org.quern.QuernException if the model does not end in a dense layer
     */
    public int outputSize() {
        return output().units();
    }

    /**
     * The last layer.
     *
     * @throws org.quern.QuernException if the model does not end in a dense layer
     */
    public Layer.Dense output() {
        if (layers.isEmpty() || !(layers.get(layers.size() - 1) instanceof Layer.Dense last)) {
            throw usage(
                    "model \"%s\" does not end in a dense layer: add one as wide as the output",
                    text());
        }
        return last;
    }

    /** This model with another number of units in its last layer. */
    public Model withOutputs(int units) {
        Layer.Dense last = output();
        List<Layer> changed = new ArrayList<>(layers);
        changed.set(layers.size() - 1, new Layer.Dense(units, last.activation(), last.init()));
        return new Model(inputShape, scaling, changed);
    }

    /** Trainable numbers: the sum of in · units + units over the dense layers. */
    public long parameters() {
        long sum = 0;
        long in = inputSize();
        for (Layer layer : layers) {
            if (layer instanceof Layer.Dense dense) {
                sum += (in + 1) * dense.units();
                in = dense.units();
            }
        }
        return sum;
    }

    /** The layers as text, for instance {@code dense 48 relu, dropout 0.3, dense 10}. */
    public String text() {
        return layers.stream().map(Layer::text).collect(Collectors.joining(", "));
    }

    /** The table that Keras' {@code summary()} prints: layer, output shape, parameters, total. */
    public String summary() {
        List<Row> rows = new ArrayList<>(rows());
        rows.add(0, new Row("Layer", "Output shape", "Parameters"));
        rows.add(new Row("Total", "", count(parameters())));
        int first = rows.stream().mapToInt(row -> row.layer.length()).max().orElse(0);
        int second = rows.stream().mapToInt(row -> row.shape.length()).max().orElse(0);
        int third = rows.stream().mapToInt(row -> row.parameters.length()).max().orElse(0);
        String format = "%-" + first + "s  %-" + second + "s  %" + third + "s";
        String rule = "-".repeat(first + second + third + 4);
        List<String> lines = new ArrayList<>();
        rows.forEach(row -> lines.add(format.formatted(row.layer, row.shape, row.parameters)));
        lines.add(1, rule);
        lines.add(lines.size() - 1, rule);
        return String.join("\n", lines);
    }

    /** A layer, the shape of what it puts out, and its parameters; or the input. */
    public record Row(String layer, String shape, String parameters) {}

    /** The rows of {@link #summary}, without headings and total. */
    public List<Row> rows() {
        List<Row> rows = new ArrayList<>();
        String shape = inputShape.toString().replace('[', '(').replace(']', ')');
        rows.add(new Row("input", shape, "0"));
        long width = inputSize();
        for (Layer layer : layers) {
            long parameters = 0;
            if (layer instanceof Layer.Dense dense) {
                parameters = (width + 1) * dense.units();
                width = dense.units();
            }
            rows.add(new Row(layer.text(), "(" + width + ")", count(parameters)));
        }
        return rows;
    }

    private static String count(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }
}
