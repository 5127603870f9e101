package org.quern.io;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.quern.QuernException;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Activation;
import org.quern.model.Init;
import org.quern.model.Layer;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/**
 * Layers of another program's file, one after the other, put together to a model. What shifts and
 * scales numbers becomes the model's scaling where it does so to all inputs alike, else it is
 * multiplied into the dense layer before or after it, in float64, rounded once.
 */
final class LayerChain {
    private static final int MOST_LAYERS = 1000;

    /** Numbers of a shape, which is none for a single number. */
    record Numbers(int[] shape, double[] values) {
        static final Numbers ZERO = of(0);
        static final Numbers ONE = of(1);

        static Numbers of(double value) {
            return new Numbers(new int[0], new double[] {value});
        }

        boolean isSingle() {
            return values.length == 1;
        }
    }

    /** {@code x · scale + shift} of numbers that have these extents. */
    private record Affine(String name, Numbers scale, Numbers shift, int[] extents) {}

    /** A dense layer whose numbers are not rounded yet: kernel [in × units], bias [units]. */
    private record Dense(
            int index, String name, int in, int units, double[] kernel, double[] bias) {}

    private final Path file;
    private final List<Integer> input;
    private final List<Layer> layers = new ArrayList<>();
    private final List<Dense> dense = new ArrayList<>();

    /** What is done to numbers between the last activation and the next dense layer. */
    private final List<Affine> waiting = new ArrayList<>();

    private Scaling scaling = Scaling.NONE;
    private int[] extents;
    private boolean softmax;

    /** Parameters that there may still be: as many as the file has bytes, at first. */
    private long budget;

    /** For inputs of a shape, out of a file of so many bytes. */
    LayerChain(Path file, int[] shape, long bytes) {
        this.file = file;
        input = IntStream.of(shape).boxed().toList();
        extents = shape;
        budget = bytes;
        Model.input(shape); // refuses what is no shape
    }

    int[] extents() {
        return extents;
    }

    private QuernException refusal(String name, String text, Object... arguments) {
        return data("%s: %s %s", file, name, text.formatted(arguments));
    }

    private void beforeSoftmax(String name) {
        if (softmax) {
            throw refusal(name, "comes after softmax, which is the last layer here");
        }
    }

    void flatten() {
        extents = new int[] {size()};
    }

    private int size() {
        return IntStream.of(extents).reduce(1, (a, b) -> a * b);
    }

    /** {@code x · scale + shift}, each broadcast over the inputs as by NumPy. */
    void affine(String name, Numbers scale, Numbers shift) {
        beforeSoftmax(name);
        if (scale.isSingle() && shift.isSingle() && scale.values[0] == 1 && shift.values[0] == 0) {
            return;
        }
        require(waiting.size() < MOST_LAYERS, "%s has too many layers", file);
        Affine affine = new Affine(name, scale, shift, extents);
        Dense last = lastDense();
        if (last == null || activation(last) != Activation.LINEAR) {
            waiting.add(affine);
            return;
        }
        double[] factors = new double[last.units];
        double[] shifts = new double[last.units];
        Arrays.fill(factors, 1);
        apply(List.of(affine), factors, shifts);
        for (int i = 0; i < last.kernel.length; i++) {
            last.kernel[i] *= factors[i % last.units];
        }
        for (int j = 0; j < last.units; j++) {
            last.bias[j] = last.bias[j] * factors[j] + shifts[j];
        }
    }

    private Dense lastDense() {
        return dense.isEmpty() ? null : dense.get(dense.size() - 1);
    }

    private Activation activation(Dense of) {
        return ((Layer.Dense) layers.get(of.index)).activation();
    }

    /** What affine functions one after the other make of {@code x · factors + shifts}. */
    private void apply(List<Affine> functions, double[] factors, double[] shifts) {
        for (Affine one : functions) {
            int[] scales = broadcast(one, one.scale, factors.length);
            int[] places = broadcast(one, one.shift, factors.length);
            for (int i = 0; i < factors.length; i++) {
                double scale = one.scale.values[scales[i]];
                factors[i] *= scale;
                shifts[i] = shifts[i] * scale + one.shift.values[places[i]];
            }
        }
    }

    /** Which of the numbers goes to each of so many values, which have the function's extents. */
    private int[] broadcast(Affine of, Numbers numbers, int size) {
        int[] places = new int[size];
        if (numbers.isSingle()) {
            return places;
        }
        int[] from = numbers.shape;
        int offset = from.length - of.extents.length;
        for (int d = 0; d < from.length; d++) {
            boolean fits = from[d] == 1 || d >= offset && from[d] == of.extents[d - offset];
            if (!fits) {
                String unlike = "has numbers of shape %s for inputs of shape %s";
                String shape = Arrays.toString(of.extents);
                throw refusal(of.name, unlike, Arrays.toString(from), shape);
            }
        }
        for (int i = 0; i < size; i++) {
            int rest = i;
            int step = 1;
            for (int d = from.length - 1; d >= Math.max(0, offset); d--) {
                int extent = of.extents[d - offset];
                places[i] += from[d] == 1 ? 0 : rest % extent * step;
                step *= from[d];
                rest /= extent;
            }
        }
        return places;
    }

    /** A dense layer without an activation; {@code bias} may be null. */
    void dense(String name, int in, int units, float[] kernel, float[] bias) {
        beforeSoftmax(name);
        if (extents.length != 1) {
            String deep = "works on the last axis of %s: flatten the inputs before it";
            throw refusal(name, deep, Arrays.toString(extents));
        }
        if (extents[0] != in) {
            throw refusal(name, "takes %,d values, but gets %,d", in, extents[0]);
        }
        budget -= kernel.length;
        require(budget >= 0, "%s is of more parameters than it holds", file);
        require(layers.size() < MOST_LAYERS, "%s has too many layers", file);
        double[] wide = new double[kernel.length];
        double[] shift = new double[units];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = finite(name, kernel[i]);
        }
        for (int j = 0; bias != null && j < units; j++) {
            shift[j] = finite(name, bias[j]);
        }
        fold(in, units, wide, shift);
        dense.add(new Dense(layers.size(), name, in, units, wide, shift));
        layers.add(new Layer.Dense(units, Activation.LINEAR, Init.GLOROT));
        extents = new int[] {units};
    }

    /** Takes what waits into the layer behind it: its scaling, or its numbers. */
    private void fold(int in, int units, double[] kernel, double[] bias) {
        boolean alike = waiting.stream().allMatch(a -> a.scale.isSingle() && a.shift.isSingle());
        if (waiting.isEmpty()) {
            return;
        }
        double[] factors = new double[alike && dense.isEmpty() ? 1 : in];
        double[] shifts = new double[factors.length];
        Arrays.fill(factors, 1);
        apply(waiting, factors, shifts);
        waiting.clear();
        if (alike && dense.isEmpty()) {
            scaling = new Scaling((float) factors[0], (float) shifts[0]);
            return;
        }
        for (int i = 0; i < in; i++) {
            for (int j = 0; j < units; j++) {
                bias[j] += shifts[i] * kernel[i * units + j];
                kernel[i * units + j] *= factors[i];
            }
        }
    }

    private double finite(String name, float value) {
        if (!Float.isFinite(value)) {
            throw refusal(name, "holds %s, which is no number to compute with", value);
        }
        return value;
    }

    void activation(String name, Activation activation) {
        if (activation == Activation.LINEAR) {
            return;
        }
        beforeSoftmax(name);
        Dense last = lastDense();
        boolean follows = last != null && waiting.isEmpty();
        if (!follows || activation(last) != Activation.LINEAR) {
            throw refusal(name, "does not follow a dense layer, as %s must", activation.text());
        }
        Layer.Dense plain = (Layer.Dense) layers.get(last.index);
        layers.set(last.index, new Layer.Dense(plain.units(), activation, plain.init()));
    }

    void softmax(String name) {
        beforeSoftmax(name);
        Dense last = lastDense();
        if (last == null || !waiting.isEmpty() || activation(last) != Activation.LINEAR) {
            throw refusal(name, "does not follow a dense layer without an activation");
        }
        softmax = true;
    }

    /** Whether the outputs are those of a dense layer without an activation. */
    boolean isLinear() {
        Dense last = lastDense();
        return last != null && !softmax && activation(last) == Activation.LINEAR;
    }

    /** Two in a row become one that drops as many. */
    void dropout(float rate) {
        Layer top = layers.isEmpty() ? null : layers.get(layers.size() - 1);
        if (top instanceof Layer.Dropout before) {
            float both = 1 - (1 - before.rate()) * (1 - rate);
            layers.set(layers.size() - 1, new Layer.Dropout(both));
        } else if (rate != 0) {
            layers.add(new Layer.Dropout(rate));
        }
    }

    /**
     * The model that it is, of which training may want more than the file says.
     *
     * @param stated the loss that the file names; null if it names none
     * @param remarks takes a line for what had to be guessed
     */
    SavedModel build(Loss stated, Map<String, String> notes, List<String> remarks) {
        if (!layers.isEmpty() && layers.get(layers.size() - 1) instanceof Layer.Dropout) {
            layers.remove(layers.size() - 1); // of the outputs, which nobody drops when predicting
        }
        require(!dense.isEmpty(), "%s has no dense layer", file);
        if (!waiting.isEmpty()) {
            throw refusal(
                    waiting.get(0).name, "scales what an activation gives, as the last layer");
        }
        try {
            Loss loss = loss(stated, remarks);
            Model model = new Model(input, scaling, layers);
            Plan.of(model, loss, new Optimizer.Sgd(0, 0), 1); // refuses absurd sizes
            Plan plan = Plan.forInference(model);
            float[] parameters = new float[Math.toIntExact(plan.parameters().size())];
            for (int i = 0; i < dense.size(); i++) {
                Dense one = dense.get(i);
                Plan.DenseSlices slices = plan.dense().get(i);
                round(one.name, one.kernel, parameters, (int) slices.weights().offset());
                round(one.name, one.bias, parameters, (int) slices.bias().offset());
            }
            return new SavedModel(model, loss, parameters, List.of(), notes);
        } catch (QuernException e) {
            throw e.getMessage().startsWith(file + ": ")
                    ? e
                    : data(e, "%s: %s", file, e.getMessage());
        }
    }

    private void round(String name, double[] from, float[] to, int at) {
        for (int i = 0; i < from.length; i++) {
            to[at + i] = (float) finite(name, (float) from[i]);
        }
    }

    /** Outputs between 0 and 1 are probabilities, unless the file says that they are numbers. */
    private Loss loss(Loss stated, List<String> remarks) {
        Dense last = lastDense();
        Activation activation = activation(last);
        boolean numbers = stated != null && !stated.takesLogits();
        if (softmax) {
            return Loss.CROSS_ENTROPY;
        }
        if (activation == Activation.SIGMOID && !numbers) {
            layers.set(last.index, new Layer.Dense(last.units, Activation.LINEAR, Init.GLOROT));
            return Loss.BINARY_CROSS_ENTROPY;
        }
        if (stated != null && (numbers || activation == Activation.LINEAR)) {
            return stated;
        }
        Loss taken =
                activation == Activation.LINEAR && last.units > 1
                        ? Loss.CROSS_ENTROPY
                        : Loss.MEAN_SQUARED_ERROR;
        String what = taken.classifies() ? "a classifier of %d classes" : "a regression of %d";
        remarks.add(
                ("%s does not say what its outputs are: taken for " + what)
                        .formatted(file.getFileName(), last.units));
        return taken;
    }
}
