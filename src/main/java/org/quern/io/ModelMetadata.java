package org.quern.io;

import static org.quern.QuernException.data;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.quern.QuernException;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/** What a model file says beside its tensors, as the text pairs of a safetensors header. */
record ModelMetadata(Model model, Loss loss, List<String> classes, Map<String, String> notes) {
    private static final String FORMAT = "quern.format";
    private static final String VERSION = "1";
    private static final String MODEL = "quern.model";
    private static final String INPUT = "quern.input";
    private static final String SCALE = "quern.scale";
    private static final String SHIFT = "quern.shift";
    private static final String LOSS = "quern.loss";
    private static final String CLASSES = "quern.classes";
    private static final String NOTE = "note.";
    private static final int LONGEST_MODEL = 100_000;

    static ModelMetadata of(ModelFile.SavedModel saved) {
        return new ModelMetadata(saved.model(), saved.loss(), saved.classes(), saved.notes());
    }

    Map<String, String> write() {
        Map<String, String> text = new LinkedHashMap<>();
        text.put("format", "pt"); // what PyTorch's tools look for
        text.put(FORMAT, VERSION);
        text.put(MODEL, model.text());
        text.put(INPUT, new Gson().toJson(model.inputShape()));
        text.put(SCALE, Float.toString(model.scaling().scale()));
        text.put(SHIFT, Float.toString(model.scaling().shift()));
        text.put(LOSS, loss.text());
        text.put(CLASSES, new Gson().toJson(classes));
        new TreeMap<>(notes).forEach((key, value) -> text.put(NOTE + key, value));
        return text;
    }

    /**
     * Reads the metadata of a file.
     *
     * @param spec the model, if it is known; needed where the file does not say, which is then
     *     taken for a classifier if its last layer is linear and has more than one unit
     */
    static ModelMetadata read(Path file, Map<String, String> text, Model spec) {
        if (!text.containsKey(FORMAT) && !text.containsKey(MODEL)) {
            if (spec == null) {
                throw data(
                        "%s does not say what model it is of: give it with --model, as for a file"
                                + " written by PyTorch",
                        file);
            }
            boolean logits =
                    spec.output().activation() == Activation.LINEAR && spec.outputSize() > 1;
            Loss loss = logits ? Loss.CROSS_ENTROPY : Loss.MEAN_SQUARED_ERROR;
            return new ModelMetadata(spec, loss, List.of(), Map.of());
        }
        if (!VERSION.equals(text.get(FORMAT))) {
            throw data(
                    "%s is of format %s, but this version of Quern reads format %s",
                    file, SafeTensorsHeader.shown(String.valueOf(text.get(FORMAT))), VERSION);
        }
        Map<String, String> notes = new LinkedHashMap<>();
        text.forEach(
                (key, value) -> {
                    if (key.startsWith(NOTE)) {
                        notes.put(key.substring(NOTE.length()), value);
                    }
                });
        ModelMetadata read;
        try {
            Model model = model(text);
            Loss loss = Loss.parse(get(text, LOSS));
            Plan.of(model, loss, new Optimizer.Sgd(0, 0), 1); // refuses absurd sizes
            read = new ModelMetadata(model, loss, classes(text, model), notes);
        } catch (QuernException | JsonParseException | IllegalArgumentException e) {
            throw new QuernException(
                    QuernException.Kind.DATA,
                    file
                            + ": its metadata does not describe a model: "
                            + SafeTensorsHeader.shown(String.valueOf(e.getMessage())),
                    e);
        }
        if (spec != null) {
            requireSame(file, read.model, spec);
        }
        return read;
    }

    private static void requireSame(Path file, Model is, Model spec) {
        if (!is.text().equals(spec.text()) || is.inputSize() != spec.inputSize()) {
            throw data(
                    "%s is of model \"%s\" for %d values, not \"%s\" for %d: leave --model out",
                    file,
                    SafeTensorsHeader.shown(is.text()),
                    is.inputSize(),
                    spec.text(),
                    spec.inputSize());
        }
    }

    private static Model model(Map<String, String> text) {
        int[] shape = Objects.requireNonNullElse(json(get(text, INPUT), int[].class), new int[0]);
        Scaling scaling =
                new Scaling(Float.parseFloat(get(text, SCALE)), Float.parseFloat(get(text, SHIFT)));
        String layers = get(text, MODEL);
        if (layers.length() > LONGEST_MODEL) {
            throw new IllegalArgumentException(MODEL + " is too long");
        }
        return ModelText.parse(Model.input(shape).scaled(scaling), layers);
    }

    private static List<String> classes(Map<String, String> text, Model model) {
        String[] names = json(get(text, CLASSES), String[].class);
        if (names == null || Arrays.asList(names).contains(null)) {
            throw new IllegalArgumentException(CLASSES + " is not a list of names");
        }
        if (names.length > model.outputSize()) {
            throw new IllegalArgumentException(
                    names.length + " classes, but " + model.outputSize() + " outputs");
        }
        return List.of(names);
    }

    private static <T> T json(String text, Class<T> type) {
        return new Gson().fromJson(text, type);
    }

    private static String get(Map<String, String> text, String key) {
        String value = text.get(key);
        if (value == null) {
            throw new IllegalArgumentException("there is no " + key);
        }
        return value;
    }
}
