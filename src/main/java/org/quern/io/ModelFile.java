package org.quern.io;

import static org.quern.QuernException.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.quern.data.Classes;
import org.quern.io.SafeTensors.Tensor;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * Trained models as safetensors. Tensors are called and laid out as those of an equivalent PyTorch
 * {@code nn.Sequential} ({@code 0.weight} [out, in], {@code 0.bias} [out], activations and dropouts
 * counted), so that {@code load_state_dict} takes them; what PyTorch does not know is in the
 * metadata.
 */
public final class ModelFile {
    private ModelFile() {}

    /**
     * A model with its numbers.
     *
     * @param parameters in the layout of {@link Plan#parameters()}, every value finite
     * @param classes names of the classes; empty if unknown or not a classifier
     * @param notes further metadata, such as seed and epoch
     */
    public record SavedModel(
            Model model,
            Loss loss,
            float[] parameters,
            List<String> classes,
            Map<String, String> notes) {
        /** Copies lists. */
        public SavedModel {
            classes = List.copyOf(classes);
            notes = Map.copyOf(notes);
        }

        /** A name for each output: see {@link Classes#ofOutputs}. */
        public List<String> outputNames() {
            return Classes.ofOutputs(classes, model.outputSize());
        }

        /** The same with names for its classes. */
        public SavedModel named(List<String> names) {
            return new SavedModel(model, loss, parameters, names, notes);
        }
    }

    /** Writes a model atomically. */
    public static void write(Path file, SavedModel saved) {
        Plan plan = Plan.forInference(saved.model());
        List<Tensor> tensors = new ArrayList<>();
        for (Plan.DenseSlices dense : plan.dense()) {
            Slice w = dense.weights();
            int in = w.rows();
            int out = w.columns();
            tensors.add(
                    new Tensor(
                            w.name(),
                            new int[] {out, in},
                            transposed(saved.parameters(), (int) w.offset(), in, out)));
            float[] bias = new float[out];
            System.arraycopy(saved.parameters(), (int) dense.bias().offset(), bias, 0, out);
            tensors.add(new Tensor(dense.bias().name(), new int[] {out}, bias));
        }
        new SafeTensors(ModelMetadata.of(saved).write(), tensors).write(file);
    }

    /**
     * Reads a model.
     *
     * @param spec the model, for files without Quern's metadata, such as PyTorch's; null to take it
     *     from the file. A file that says what model it is of must say the same.
     * @throws org.quern.QuernException if the file is damaged or is of another model
     */
    public static SavedModel read(Path file, Model spec) {
        SafeTensors tensors = SafeTensors.read(file);
        ModelMetadata metadata = ModelMetadata.read(file, tensors.metadata(), spec);
        Plan plan = Plan.forInference(metadata.model());
        checkTensors(file, tensors, plan);
        float[] parameters = new float[Math.toIntExact(plan.parameters().size())];
        for (Plan.DenseSlices dense : plan.dense()) {
            int in = dense.weights().rows();
            int out = dense.weights().columns();
            float[] w = tensors.tensor(dense.weights().name()).values();
            float[] b = tensors.tensor(dense.bias().name()).values();
            float[] back = transposed(w, 0, out, in);
            System.arraycopy(back, 0, parameters, (int) dense.weights().offset(), back.length);
            System.arraycopy(b, 0, parameters, (int) dense.bias().offset(), out);
        }
        return new SavedModel(
                metadata.model(),
                metadata.loss(),
                parameters,
                metadata.classes(),
                metadata.notes());
    }

    /** Checks that the tensors are the model's: nothing may be allocated for a model before. */
    private static void checkTensors(Path file, SafeTensors tensors, Plan plan) {
        Set<String> known = new HashSet<>();
        for (Plan.DenseSlices dense : plan.dense()) {
            int in = dense.weights().rows();
            int out = dense.weights().columns();
            checkTensor(file, tensors, dense.weights().name(), out, in);
            checkTensor(file, tensors, dense.bias().name(), out);
            known.add(dense.weights().name());
            known.add(dense.bias().name());
        }
        for (Tensor tensor : tensors.tensors()) {
            if (!known.contains(tensor.name())) {
                throw data(
                        "%s has a tensor %s, which model \"%s\" has not: it is of another model",
                        file,
                        SafeTensorsHeader.shown(tensor.name()),
                        SafeTensorsHeader.shown(plan.model().text()));
            }
        }
    }

    private static void checkTensor(Path file, SafeTensors tensors, String name, int... shape) {
        Tensor tensor = tensors.tensor(name);
        if (tensor == null) {
            List<String> names = tensors.tensors().stream().map(Tensor::name).toList();
            throw data(
                    "%s has no tensor %s, only %s: it is of another model, or its layers are not"
                            + " numbered as in an nn.Sequential that starts with the first layer",
                    file, name, SafeTensorsHeader.shown(String.join(", ", names)));
        }
        if (!Arrays.equals(tensor.shape(), shape)) {
            throw data(
                    "%s: tensor %s has shape %s, but the model needs %s",
                    file, name, Arrays.toString(tensor.shape()), Arrays.toString(shape));
        }
        for (int i = 0; i < tensor.values().length; i++) {
            if (!Float.isFinite(tensor.values()[i])) {
                throw data(
                        "%s: tensor %s holds %s as value %,d", file, name, tensor.values()[i], i);
            }
        }
    }

    private static float[] transposed(float[] matrix, int offset, int rows, int columns) {
        float[] result = new float[rows * columns];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                result[j * rows + i] = matrix[offset + i * columns + j];
            }
        }
        return result;
    }
}
