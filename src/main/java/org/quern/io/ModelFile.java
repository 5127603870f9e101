package org.quern.io;

import static org.quern.QuernException.data;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.quern.QuernException;
import org.quern.io.SafeTensors.Tensor;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
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
    private static final String FORMAT = "quern.format";
    private static final String MODEL = "quern.model";
    private static final String INPUT = "quern.input";
    private static final String SCALE = "quern.scale";
    private static final String SHIFT = "quern.shift";
    private static final String LOSS = "quern.loss";
    private static final String CLASSES = "quern.classes";

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
        new SafeTensors(metadata(saved), tensors).write(file);
    }

    private static Map<String, String> metadata(SavedModel saved) {
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put(FORMAT, "1");
        metadata.put(MODEL, saved.model().text());
        metadata.put(INPUT, new Gson().toJson(saved.model().inputShape()));
        metadata.put(SCALE, Float.toString(saved.model().scaling().scale()));
        metadata.put(SHIFT, Float.toString(saved.model().scaling().shift()));
        metadata.put(LOSS, saved.loss().name().toLowerCase(Locale.ROOT));
        metadata.put(CLASSES, new Gson().toJson(saved.classes()));
        saved.notes().entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .forEach(note -> metadata.put("note." + note.getKey(), note.getValue()));
        return metadata;
    }

    /**
     * Reads a model.
     *
     * @param spec the model, for files without Quern's metadata, such as PyTorch's; null to take it
     *     from the file
     * @throws org.quern.QuernException if the file is damaged or is of another model
     */
    public static SavedModel read(Path file, Model spec) {
        SafeTensors tensors = SafeTensors.read(file);
        Map<String, String> metadata = tensors.metadata();
        Model model = spec != null ? spec : model(file, metadata);
        Plan plan = Plan.forInference(model);
        float[] parameters = new float[Math.toIntExact(plan.parameters().size())];
        int found = 0;
        for (Plan.DenseSlices dense : plan.dense()) {
            int in = dense.weights().rows();
            int out = dense.weights().columns();
            float[] w = values(file, tensors, dense.weights().name(), out, in);
            float[] b = values(file, tensors, dense.bias().name(), out);
            float[] back = transposed(w, 0, out, in);
            System.arraycopy(back, 0, parameters, (int) dense.weights().offset(), back.length);
            System.arraycopy(b, 0, parameters, (int) dense.bias().offset(), out);
            found += 2;
        }
        if (found != tensors.tensors().size()) {
            throw data(
                    "%s holds %d tensors, but model \"%s\" has %d: it is of another model",
                    file, tensors.tensors().size(), model.text(), found);
        }
        Map<String, String> notes = new LinkedHashMap<>();
        metadata.forEach(
                (key, value) -> {
                    if (key.startsWith("note.")) {
                        notes.put(key.substring("note.".length()), value);
                    }
                });
        return new SavedModel(
                model, loss(file, metadata), parameters, classes(file, metadata, model), notes);
    }

    private static Model model(Path file, Map<String, String> metadata) {
        if (!metadata.containsKey(MODEL)) {
            throw data(
                    "%s does not say what model it is of: give it with --model, as for a file"
                            + " written by PyTorch",
                    file);
        }
        try {
            int[] shape = new Gson().fromJson(metadata.get(INPUT), int[].class);
            Scaling scaling =
                    new Scaling(
                            Float.parseFloat(metadata.get(SCALE)),
                            Float.parseFloat(metadata.get(SHIFT)));
            Model model = ModelText.parse(Model.input(shape).scaled(scaling), metadata.get(MODEL));
            Plan.forInference(model); // refuses absurd sizes
            return model;
        } catch (QuernException
                | JsonParseException
                | NumberFormatException
                | NullPointerException e) {
            throw new QuernException(
                    QuernException.Kind.DATA,
                    file + ": its metadata does not describe a model: " + e.getMessage(),
                    e);
        }
    }

    private static Loss loss(Path file, Map<String, String> metadata) {
        String name = metadata.getOrDefault(LOSS, "cross_entropy");
        for (Loss loss : Loss.values()) {
            if (loss.name().equalsIgnoreCase(name)) {
                return loss;
            }
        }
        throw data("%s: its metadata names an unknown loss \"%s\"", file, name);
    }

    private static List<String> classes(Path file, Map<String, String> metadata, Model model) {
        try {
            String[] names =
                    new Gson().fromJson(metadata.getOrDefault(CLASSES, "[]"), String[].class);
            if (names == null || names.length > model.outputSize()) {
                throw data("%s: its metadata has more classes than outputs", file);
            }
            return List.of(names);
        } catch (JsonParseException | NullPointerException e) {
            throw new QuernException(
                    QuernException.Kind.DATA, file + ": its metadata has no list of classes", e);
        }
    }

    private static float[] values(Path file, SafeTensors tensors, String name, int... shape) {
        Tensor tensor = tensors.tensor(name);
        if (tensor == null) {
            throw data("%s has no tensor %s: it is of another model", file, name);
        }
        if (!java.util.Arrays.equals(tensor.shape(), shape)) {
            throw data(
                    "%s: tensor %s has shape %s, but the model needs %s",
                    file,
                    name,
                    java.util.Arrays.toString(tensor.shape()),
                    java.util.Arrays.toString(shape));
        }
        for (float value : tensor.values()) {
            if (!Float.isFinite(value)) {
                throw data("%s: tensor %s holds %s", file, name, value);
            }
        }
        return tensor.values();
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
