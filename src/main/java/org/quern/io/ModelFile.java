package org.quern.io;

import static java.util.stream.Collectors.toSet;
import static org.quern.QuernException.copied;
import static org.quern.QuernException.data;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;
import static org.quern.io.SafeTensors.shown;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.data.Classes;
import org.quern.data.Columns;
import org.quern.io.SafeTensors.Tensor;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
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
    private static final String VERSION = "1";
    private static final String MODEL = "quern.model";
    private static final String INPUT = "quern.input";
    private static final String SCALE = "quern.scale";
    private static final String SHIFT = "quern.shift";
    private static final String LOSS = "quern.loss";
    private static final String CLASSES = "quern.classes";
    private static final String COLUMNS = "quern.columns";
    private static final String NOTE = "note.";
    private static final int LONGEST_MODEL = 100_000;
    private static final Gson JSON = new Gson();

    private ModelFile() {}

    /**
     * A model with its numbers.
     *
     * @param parameters in the layout of {@link Plan#parameters()}, every value finite
     * @param classes names of the classes; empty if unknown or not a classifier
     * @param columns what is known of the columns of its table, whose encoded rows are its input;
     *     null if it is not of a table
     * @param notes further metadata, such as seed and epoch
     */
    public record SavedModel(
            Model model,
            Loss loss,
            float[] parameters,
            List<String> classes,
            Columns columns,
            Map<String, String> notes) {
        public SavedModel {
            given(model, "model");
            given(loss, "loss");
            given(parameters, "parameters");
            classes = copied(classes, "classes");
            given(notes, "notes")
                    .forEach((name, note) -> given(note, "note " + given(name, "a note's name")));
            notes = Map.copyOf(notes);
        }

        /** A model that is not of a table. */
        public SavedModel(
                Model model,
                Loss loss,
                float[] parameters,
                List<String> classes,
                Map<String, String> notes) {
            this(model, loss, parameters, classes, null, notes);
        }

        /** A name for each output: of a number its column's, else see {@link Classes#ofOutputs}. */
        public List<String> outputNames() {
            boolean named = columns != null && columns.targets().size() == model.outputSize();
            return named
                            && columns.targets().stream().noneMatch(one -> one.name().isEmpty())
                            && !loss.classifies()
                    ? columns.targets().stream().map(Columns.Target::name).toList()
                    : Classes.ofOutputs(classes, model.outputSize());
        }

        /** The plan whose parameters these are. */
        Plan plan() {
            Plan plan = Plan.forInference(model);
            long size = plan.parameters().size();
            String other = "%,d parameters do not fit the model, which has %,d";
            expect(parameters.length == size, other, parameters.length, size);
            return plan;
        }

        /** Writes it as safetensors, for {@code RowPredictor.open}, PyTorch and others. */
        public void save(Path file) {
            write(file, this);
        }

        /** One line: the layers, and what they answer. */
        @Override
        public String toString() {
            String answers = String.join(", ", outputNames());
            return String.format(
                    Locale.ROOT,
                    "%s: %s; %,d parameters, %s; answers %s",
                    model.inputShape(),
                    model.text(),
                    model.parameters(),
                    loss.text(),
                    answers);
        }

        /** The same with names for its classes. */
        public SavedModel named(List<String> names) {
            return new SavedModel(model, loss, parameters, names, columns, notes);
        }
    }

    /** A tensor's shape, and where its values are among a model's parameters, transposed. */
    private record Stored(Slice slice, int... shape) {
        static List<Stored> of(Plan plan) {
            List<Stored> all = new ArrayList<>();
            for (Plan.DenseSlices dense : plan.dense()) {
                Slice weights = dense.weights();
                all.add(new Stored(weights, weights.columns(), weights.rows()));
                all.add(new Stored(dense.bias(), dense.bias().columns()));
            }
            return all;
        }

        Tensor tensor(float[] parameters) {
            float[] values = new float[(int) slice.size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = parameters[place(i)];
            }
            return new Tensor(slice.name(), shape, values);
        }

        /** Where value i of the tensor is among the parameters. */
        int place(int i) {
            int rows = slice.rows();
            return (int) slice.offset() + i % rows * slice.columns() + i / rows;
        }
    }

    /** Writes a model atomically. */
    public static void write(Path file, SavedModel saved) {
        List<Stored> stored = Stored.of(given(saved, "model").plan());
        List<Tensor> tensors = stored.stream().map(one -> one.tensor(saved.parameters)).toList();
        new SafeTensors(metadata(saved), tensors).write(file);
    }

    private static Map<String, String> metadata(SavedModel saved) {
        Map<String, String> text = new LinkedHashMap<>();
        text.put("format", "pt"); // what PyTorch's tools look for
        text.put(FORMAT, VERSION);
        text.put(MODEL, saved.model.text());
        text.put(INPUT, JSON.toJson(saved.model.inputShape()));
        text.put(SCALE, Float.toString(saved.model.scaling().scale()));
        text.put(SHIFT, Float.toString(saved.model.scaling().shift()));
        text.put(LOSS, saved.loss.text());
        text.put(CLASSES, JSON.toJson(saved.classes));
        if (saved.columns != null) {
            text.put(COLUMNS, JSON.toJson(saved.columns));
        }
        new TreeMap<>(saved.notes).forEach((key, value) -> text.put(NOTE + key, value));
        return text;
    }

    /**
     * Reads a model.
     *
     * @param spec the model, for files without Quern's metadata, such as PyTorch's, which are taken
     *     for classifiers if their last layer is linear and has more than one unit; null to take it
     *     from the file. A file that says what model it is of must say the same.
     * @throws org.quern.QuernException if the file is damaged or is of another model
     */
    public static SavedModel read(Path file, Model spec) {
        return read(file, spec, new ArrayList<>());
    }

    /** The same, where {@code remarks} takes a line for what was guessed or left out. */
    static SavedModel read(Path file, Model spec, List<String> remarks) {
        List<String> others = new ArrayList<>();
        SafeTensors tensors = SafeTensors.read(file, others);
        SavedModel described = described(file, tensors.metadata(), spec);
        Plan plan = Plan.forInference(described.model);
        List<Stored> all = Stored.of(plan);
        Map<String, Tensor> found =
                isOwn(tensors.metadata())
                        ? own(tensors, others, all, file, described.model)
                        : new TensorNames(file, tensors, others, plan.dense(), remarks).found();
        // before anything is allocated
        all.stream()
                .filter(stored -> found.containsKey(stored.slice.name()))
                .forEach(stored -> check(file, found.get(stored.slice.name()), stored));
        float[] parameters = new float[Math.toIntExact(plan.parameters().size())];
        for (Stored stored : all) {
            Tensor tensor = found.get(stored.slice.name());
            for (int i = 0; tensor != null && i < tensor.values().length; i++) {
                parameters[stored.place(i)] = tensor.values()[i];
            }
        }
        return new SavedModel(
                described.model,
                described.loss,
                parameters,
                described.classes,
                described.columns,
                described.notes);
    }

    private static boolean isOwn(Map<String, String> metadata) {
        return metadata.containsKey(FORMAT) || metadata.containsKey(MODEL);
    }

    /** The tensors of a file of Quern's, which has those of its model and no others. */
    private static Map<String, Tensor> own(
            SafeTensors tensors, List<String> others, List<Stored> all, Path file, Model model) {
        Map<String, Tensor> found = new LinkedHashMap<>();
        tensors.tensors().forEach(tensor -> found.put(tensor.name(), tensor));
        Set<String> known = all.stream().map(stored -> stored.slice.name()).collect(toSet());
        List<String> names = Stream.concat(found.keySet().stream(), others.stream()).toList();
        for (Stored stored : all) {
            String name = stored.slice.name();
            String lacks = "%s has no tensor %s, only %s: it is of another model";
            require(found.containsKey(name), lacks, file, name, shown(String.join(", ", names)));
        }
        String other = "%s has a tensor %s, which model \"%s\" has not: it is of another model";
        for (String name : names) {
            require(known.contains(name), other, file, shown(name), shown(model.text()));
        }
        return found;
    }

    /** What the metadata say of a model, which is still without parameters. */
    private static SavedModel described(Path file, Map<String, String> text, Model spec) {
        if (!isOwn(text)) {
            String silent =
                    "%s does not say what model it is of: give it with --model, as for a file written"
                            + " by PyTorch";
            require(spec != null, silent, file);
            boolean linear = spec.output().activation() == Activation.LINEAR;
            boolean logits = linear && spec.outputSize() > 1;
            Loss loss = logits ? Loss.CROSS_ENTROPY : Loss.MEAN_SQUARED_ERROR;
            return new SavedModel(spec, loss, new float[0], List.of(), null, Map.of());
        }
        String format = text.getOrDefault(FORMAT, "unknown");
        String other = "%s is of format %s, but this version of Quern reads format %s";
        require(format.equals(VERSION), other, file, shown(format), VERSION);
        Map<String, String> notes = new LinkedHashMap<>();
        text.keySet().stream()
                .filter(key -> key.startsWith(NOTE))
                .forEach(key -> notes.put(key.substring(NOTE.length()), text.get(key)));
        SavedModel described;
        try {
            Model model = model(text);
            Loss loss = Loss.parse(get(text, LOSS));
            Plan.of(model, loss, new Optimizer.Sgd(0, 0), 1); // refuses absurd sizes
            Columns columns = columns(text, model, loss);
            described =
                    new SavedModel(model, loss, new float[0], classes(text, model), columns, notes);
        } catch (QuernException | JsonParseException | IllegalArgumentException e) {
            String reason = shown(Json.why(e));
            throw data(e, "%s: its metadata does not describe a model: %s", file, reason);
        }
        String is = described.model.text();
        int size = described.model.inputSize();
        if (spec != null && !(is.equals(spec.text()) && size == spec.inputSize())) {
            String differs =
                    "%s is of model \"%s\" for %d values, not \"%s\" for %d: leave --model out";
            throw data(differs, file, shown(is), size, spec.text(), spec.inputSize());
        }
        return described;
    }

    private static Model model(Map<String, String> text) {
        int[] shape = JSON.fromJson(get(text, INPUT), int[].class);
        Scaling scaling =
                new Scaling(Float.parseFloat(get(text, SCALE)), Float.parseFloat(get(text, SHIFT)));
        String layers = get(text, MODEL);
        require(layers.length() <= LONGEST_MODEL, "%s is too long", MODEL);
        Model input = Model.input(Objects.requireNonNullElse(shape, new int[0]));
        return ModelText.parse(input.scaled(scaling), layers);
    }

    private static List<String> classes(Map<String, String> text, Model model) {
        String[] names = JSON.fromJson(get(text, CLASSES), String[].class);
        boolean isList = names != null && !Arrays.asList(names).contains(null);
        require(isList, "%s is not a list of names", CLASSES);
        int outputs = model.outputSize();
        require(names.length <= outputs, "%d classes, but %d outputs", names.length, outputs);
        return List.of(names);
    }

    private static Columns columns(Map<String, String> text, Model model, Loss loss) {
        if (!text.containsKey(COLUMNS)) {
            return null;
        }
        try {
            Columns columns = JSON.fromJson(text.get(COLUMNS), Columns.class);
            int width = columns.width();
            String other = "%s make %d values, but the model takes %d";
            require(width == model.inputSize(), other, COLUMNS, width, model.inputSize());
            int targets = columns.targets().size();
            String many = "%s predict %d numbers, but the model %d";
            boolean fits = loss.classifies() || targets == model.outputSize();
            require(fits, many, COLUMNS, targets, model.outputSize());
            return columns;
        } catch (QuernException e) {
            throw e;
        } catch (RuntimeException e) { // Gson wraps what the record's constructor throws
            throw data(e, "%s cannot be understood", COLUMNS);
        }
    }

    private static String get(Map<String, String> text, String key) {
        require(text.containsKey(key), "there is no %s", key);
        return text.get(key);
    }

    private static void check(Path file, Tensor tensor, Stored stored) {
        String is = Arrays.toString(tensor.shape());
        String must = Arrays.toString(stored.shape);
        String other = "%s: tensor %s has shape %s, but the model needs %s";
        require(is.equals(must), other, file, shown(tensor.name()), is, must);
        float[] values = tensor.values();
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                String text = "%s: tensor %s holds %s as value %,d";
                throw data(text, file, shown(tensor.name()), values[i], i);
            }
        }
    }
}
