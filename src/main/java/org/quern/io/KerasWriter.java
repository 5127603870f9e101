package org.quern.io;

import static org.quern.QuernException.given;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.quern.files.AtomicFile;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Layer;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * Trained models as {@code .keras} files of Keras 3: a Sequential model that is not compiled. Input
 * and output are those of {@link OnnxFile}: values as data sets hold them, and logits under
 * cross-entropy. Names of classes and columns have no place there.
 */
public final class KerasWriter {
    private final SavedModel saved;
    private final JsonArray layers = new JsonArray();
    private final Map<String, Integer> counts = new LinkedHashMap<>();
    private final Map<String, Hdf5.Array> arrays = new LinkedHashMap<>();

    private KerasWriter(SavedModel saved) {
        this.saved = given(saved, "model");
    }

    /**
     * Writes a model atomically; the same model is the same bytes. Compiled with its loss, Keras
     * would miss the state of an optimizer: the loss is where {@link ModelReader} alone finds it.
     */
    public static void write(Path file, SavedModel saved) {
        KerasWriter writer = new KerasWriter(saved);
        JsonObject config = writer.model();
        JsonObject metadata = new JsonObject();
        metadata.addProperty("keras_version", "3.0.0"); // whose words these are
        metadata.add("loss", kerasLoss(saved.loss()));
        AtomicFile.write(
                file,
                out -> {
                    ZipOutputStream zip = new ZipOutputStream(out);
                    entry(zip, KerasFile.METADATA, json(metadata));
                    entry(zip, KerasFile.CONFIG, json(config));
                    entry(zip, KerasFile.WEIGHTS, Hdf5.bytes(writer.arrays));
                    zip.finish();
                });
    }

    private static byte[] json(JsonObject object) {
        String text = new GsonBuilder().serializeNulls().create().toJson(object);
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void entry(ZipOutputStream zip, String name, byte[] bytes) throws IOException {
        ZipEntry entry = new ZipEntry(name);
        entry.setTimeLocal(LocalDateTime.of(1980, 1, 1, 0, 0));
        zip.putNextEntry(entry);
        zip.write(bytes);
        zip.closeEntry();
    }

    private JsonObject model() {
        Model model = saved.model();
        JsonArray shape = new JsonArray();
        shape.add((Number) null); // rows
        model.inputShape().forEach(shape::add);
        JsonObject input = new JsonObject();
        input.add("batch_shape", shape);
        add("InputLayer", "input_layer", input);
        Scaling scaling = model.scaling();
        if (scaling.scale() != 1 || scaling.shift() != 0) {
            JsonObject config = new JsonObject();
            config.addProperty("scale", (double) scaling.scale());
            config.addProperty("offset", (double) scaling.shift());
            add("Rescaling", "rescaling", config);
        }
        if (model.inputShape().size() > 1) {
            add("Flatten", "flatten", new JsonObject());
        }
        List<Plan.DenseSlices> dense = saved.plan().dense();
        int next = 0;
        for (Layer layer : model.layers()) {
            JsonObject config = new JsonObject();
            if (layer instanceof Layer.Dropout dropout) {
                config.addProperty("rate", dropout.rate());
                add("Dropout", "dropout", config);
            } else if (layer instanceof Layer.Dense of) {
                config.addProperty("units", of.units());
                config.addProperty("activation", of.activation().text());
                String name = "layers/" + add("Dense", "dense", config) + "/vars/";
                Plan.DenseSlices slices = dense.get(next++);
                int inputs = Math.toIntExact(slices.weights().rows());
                arrays.put(name + 0, array(slices.weights(), inputs, of.units()));
                arrays.put(name + 1, array(slices.bias(), of.units()));
            }
        }
        JsonObject config = new JsonObject();
        config.addProperty("name", "quern");
        config.add("layers", layers);
        config.add("build_input_shape", shape);
        JsonObject root = object("keras", "Sequential", config);
        JsonObject built = new JsonObject();
        built.add("input_shape", shape);
        root.add("build_config", built);
        return root;
    }

    /** Adds a layer, and says its name: Keras numbers the layers of each kind. */
    private String add(String kind, String name, JsonObject config) {
        int before = counts.merge(name, 1, Integer::sum) - 1;
        String numbered = before == 0 ? name : name + "_" + before;
        config.addProperty("name", numbered);
        config.addProperty("dtype", "float32");
        layers.add(object("keras.layers", kind, config));
        return numbered;
    }

    private static JsonObject object(String module, String kind, JsonObject config) {
        JsonObject object = new JsonObject();
        object.addProperty("module", module);
        object.addProperty("class_name", kind);
        object.add("config", config);
        object.add("registered_name", null);
        return object;
    }

    /** The loss as Keras calls it, which the model is not compiled with: see {@link #write}. */
    public static String loss(SavedModel saved) {
        JsonObject loss = kerasLoss(given(saved, "model").loss());
        String arguments =
                loss.getAsJsonObject("config").entrySet().stream()
                        .map(one -> one.getKey() + "=" + python(one.getValue()))
                        .collect(Collectors.joining(", "));
        return loss.get("class_name").getAsString() + "(" + arguments + ")";
    }

    private static String python(JsonElement value) {
        return value.getAsString().equals("true") ? "True" : value.getAsString();
    }

    private static JsonObject kerasLoss(Loss loss) {
        JsonObject config = new JsonObject();
        if (loss.takesLogits()) {
            config.addProperty("from_logits", true);
        }
        String name =
                switch (loss.kind()) {
                    case CROSS_ENTROPY -> "SparseCategoricalCrossentropy";
                    case BINARY_CROSS_ENTROPY -> "BinaryCrossentropy";
                    case HUBER -> "Huber";
                    case MEAN_SQUARED_ERROR -> "MeanSquaredError";
                };
        if (loss.kind() == Loss.Kind.HUBER) {
            config.addProperty("delta", loss.values().get(0));
        }
        return object("keras.losses", name, config);
    }

    private Hdf5.Array array(Slice slice, int... shape) {
        int from = Math.toIntExact(slice.offset());
        int to = from + Math.toIntExact(slice.size());
        return new Hdf5.Array(shape, Arrays.copyOfRange(saved.parameters(), from, to));
    }
}
