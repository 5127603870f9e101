package org.quern.io;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;
import static org.quern.io.SafeTensors.shown;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.jhdf.api.Dataset;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.quern.io.LayerChain.Numbers;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Activation;
import org.quern.plan.Loss;

/**
 * Models of Keras: a {@code .keras} file of Keras 3, which is a zip of {@code config.json} and
 * {@code model.weights.h5}, or an {@code .h5} file of Keras 2 or 3, which has the same in an
 * attribute and in groups named after the layers.
 */
final class KerasFile {
    static final String METADATA = "metadata.json";
    static final String CONFIG = "config.json";
    static final String WEIGHTS = "model.weights.h5";
    private static final long LONGEST_CONFIG = 4 << 20;

    /** Unpacked, weights may have so many times the bytes of the file. */
    private static final long MOST_INFLATION = 8;

    /** Keras' least standard deviation, by which Normalization divides. */
    private static final double EPSILON = 1e-7;

    private static final Set<String> LAYERS =
            Set.of(
                    "InputLayer",
                    "Dense",
                    "Dropout",
                    "Flatten",
                    "Rescaling",
                    "Normalization",
                    "Activation",
                    "ReLU",
                    "Softmax");

    private final Path file;
    private final Hdf5 weights;
    private final boolean zipped;
    private final List<String> remarks;
    private final Map<String, Integer> counts = new HashMap<>();

    private KerasFile(Path file, Hdf5 weights, boolean zipped, List<String> remarks) {
        this.file = file;
        this.weights = weights;
        this.zipped = zipped;
        this.remarks = remarks;
    }

    /** Reads a {@code .keras} file. */
    static SavedModel readZip(Path file, List<String> remarks) throws IOException {
        try (ZipFile zip = new ZipFile(file.toFile())) {
            boolean torch = zip.stream().anyMatch(entry -> entry.getName().endsWith("/data.pkl"));
            String pickle =
                    "%s is a file of torch.save, which may hold any program: write the weights by"
                            + " safetensors.torch.save_file(model.state_dict(), file)";
            require(!torch, pickle, file);
            String config =
                    new String(entry(zip, file, CONFIG, LONGEST_CONFIG), StandardCharsets.UTF_8);
            long most = MOST_INFLATION * Files.size(file);
            try (Hdf5 hdf = new Hdf5(file, entry(zip, file, WEIGHTS, most))) {
                JsonObject model = parse(file, config);
                JsonElement compiled = model.get("compile_config");
                if (compiled == null) { // Quern's own have the loss elsewhere
                    byte[] metadata = entry(zip, file, METADATA, LONGEST_CONFIG);
                    compiled = parse(file, new String(metadata, StandardCharsets.UTF_8));
                }
                return new KerasFile(file, hdf, true, remarks).model(model, compiled);
            }
        } catch (IllegalArgumentException e) { // of names in no UTF-8
            throw data(e, "%s cannot be read as a zip (%s)", file, e.getMessage());
        }
    }

    private static byte[] entry(ZipFile zip, Path file, String name, long most) throws IOException {
        ZipEntry entry = zip.getEntry(name);
        String none = "%s has no %s: it is not a model that Keras 3 saved";
        require(entry != null, none, file, name);
        int limit = (int) Math.min(most, Integer.MAX_VALUE - 16);
        byte[] bytes;
        try (var in = zip.getInputStream(entry)) {
            bytes = in.readNBytes(limit + 1);
        }
        require(bytes.length <= limit, "%s: its %s unpacks to too many bytes", file, name);
        CRC32 sum = new CRC32(); // which ZipFile does not look at
        sum.update(bytes);
        require(
                sum.getValue() == entry.getCrc(),
                "%s is damaged: its %s has another checksum",
                file,
                name);
        return bytes;
    }

    /** Reads an {@code .h5} file. */
    static SavedModel readHdf5(Path file, List<String> remarks) throws IOException {
        String large = "%s has 2 GiB or more, which is not read";
        require(Files.size(file) < Integer.MAX_VALUE - 16, large, file);
        try (Hdf5 hdf = new Hdf5(file, Files.readAllBytes(file))) {
            String config = hdf.text("model_config");
            String none =
                    "%s has no model_config: it holds weights alone, or is not of Keras: save the model"
                            + " by model.save(\"name.keras\")";
            require(config != null, none, file);
            String training = hdf.text("training_config");
            JsonElement compiled = training == null ? null : parse(file, training);
            return new KerasFile(file, hdf, false, remarks).model(parse(file, config), compiled);
        }
    }

    private static JsonObject parse(Path file, String json) {
        try {
            return JsonParser.parseString(json).getAsJsonObject();
        } catch (JsonParseException | IllegalStateException | NumberFormatException e) {
            throw data(e, "%s: its configuration is not JSON (%s)", file, shown(Json.why(e)));
        }
    }

    private SavedModel model(JsonObject root, JsonElement compiled) {
        try {
            String kind = text(root, "class_name");
            boolean known = Set.of("Sequential", "Functional", "Model").contains(kind);
            String other = "%s is a %s: save a Sequential or functional model";
            require(known, other, file, shown(kind));
            // Keras of before 2.2.3 had the list itself
            JsonElement config = root.get("config");
            JsonArray list =
                    config.isJsonArray()
                            ? config.getAsJsonArray()
                            : config.getAsJsonObject().getAsJsonArray("layers");
            List<JsonObject> layers = new ArrayList<>();
            list.forEach(layer -> layers.add(layer.getAsJsonObject()));
            refuseUnknown(layers);
            if (!kind.equals("Sequential")) {
                requireChain(layers);
            }
            LayerChain chain = new LayerChain(file, inputShape(layers), Files.size(file));
            for (JsonObject layer : layers) {
                add(chain, layer);
            }
            Loss loss = loss(compiled);
            boolean logits = loss != null && loss.takesLogits() && chain.isLinear();
            if (logits && !isOfLogits(compiled.getAsJsonObject().get("loss"))) {
                remarks.add(
                        file.getFileName()
                                + ": its loss is not from_logits, and its outputs have no"
                                + " activation: they are taken for logits");
            }
            return chain.build(loss, Map.of(), remarks);
        } catch (IllegalStateException
                | NullPointerException
                | ClassCastException
                | UnsupportedOperationException
                | NumberFormatException
                | IOException e) {
            throw data(e, "%s: its configuration is not one of Keras'", file);
        }
    }

    private void refuseUnknown(List<JsonObject> layers) {
        Set<String> unknown = new LinkedHashSet<>();
        for (JsonObject layer : layers) {
            String kind = text(layer, "class_name");
            if (!LAYERS.contains(kind)) {
                unknown.add(kind + " (" + text(config(layer), "name") + ")");
            }
        }
        String other = "%s has layers that Quern has not: %s";
        require(unknown.isEmpty(), other, file, shown(String.join(", ", unknown)));
    }

    /** Each layer of a functional model takes what the one before it gives. */
    private void requireChain(List<JsonObject> layers) {
        String before = null;
        for (JsonObject layer : layers) {
            JsonElement inbound = layer.get("inbound_nodes");
            Set<String> sources = new LinkedHashSet<>();
            if (inbound != null) {
                collectSources(inbound, sources);
            }
            boolean follows = sources.equals(before == null ? Set.of() : Set.of(before));
            boolean once = inbound == null || inbound.getAsJsonArray().size() <= 1;
            String name = text(config(layer), "name");
            String branched =
                    "%s: layer %s is not used once, after %s: only one layer after the other is read";
            String expected = before == null ? "the input" : before;
            require(follows && once, branched, file, shown(name), shown(expected));
            before = name;
        }
    }

    /** The layers that arguments come from, in Keras 3's or in Keras 2's words. */
    private static void collectSources(JsonElement node, Set<String> sources) {
        if (node.isJsonArray()) {
            JsonArray array = node.getAsJsonArray();
            boolean isText = array.size() >= 3 && isText(array.get(0)) && !isText(array.get(1));
            if (isText) {
                sources.add(array.get(0).getAsString());
            }
            array.forEach(inner -> collectSources(inner, sources));
        } else if (node.isJsonObject()) {
            JsonObject object = node.getAsJsonObject();
            if (object.has("keras_history")) {
                sources.add(object.getAsJsonArray("keras_history").get(0).getAsString());
            }
            object.entrySet().forEach(entry -> collectSources(entry.getValue(), sources));
        }
    }

    private static boolean isText(JsonElement element) {
        return element.isJsonPrimitive() && element.getAsJsonPrimitive().isString();
    }

    private int[] inputShape(List<JsonObject> layers) {
        JsonElement shape = null;
        for (String key : List.of("batch_shape", "batch_input_shape")) {
            JsonElement found = layers.isEmpty() ? null : config(layers.get(0)).get(key);
            shape = found == null ? shape : found;
        }
        String none = "%s does not say the shape of its inputs: begin the model with keras.Input";
        require(shape != null && shape.getAsJsonArray().size() > 1, none, file);
        int[] extents = new int[shape.getAsJsonArray().size() - 1];
        for (int i = 0; i < extents.length; i++) {
            JsonElement extent = shape.getAsJsonArray().get(i + 1);
            require(!extent.isJsonNull(), none, file);
            extents[i] = extent.getAsInt();
        }
        return extents;
    }

    private void add(LayerChain chain, JsonObject layer) {
        JsonObject config = config(layer);
        String kind = text(layer, "class_name");
        String name = "layer " + shown(text(config, "name"));
        // Keras 3 numbers the layers of each kind, and does not use their names
        String counted = kind.equals("ReLU") ? "re_lu" : kind.toLowerCase(Locale.ROOT);
        int before = counts.merge(counted, 1, Integer::sum) - 1;
        String key = before == 0 ? counted : counted + "_" + before;
        switch (kind) {
            case "Dense" -> dense(chain, name, config, key);
            case "Dropout" -> chain.dropout(config.get("rate").getAsFloat());
            case "Flatten" -> {
                JsonElement order = config.get("data_format");
                boolean last = order == null || !order.toString().contains("first");
                String first = "%s: %s has its channels first: only channels_last is read";
                require(last || chain.extents().length == 1, first, file, name);
                chain.flatten();
            }
            case "Rescaling" ->
                    chain.affine(name, numbers(config.get("scale")), numbers(config.get("offset")));
            case "Normalization" -> normalization(chain, name, config, key);
            case "Activation" -> activation(chain, name, config.get("activation"));
            case "ReLU" -> {
                require(
                        isOff(config, "max_value")
                                && isOff(config, "negative_slope")
                                && isOff(config, "threshold"),
                        "%s: %s is not a plain ReLU",
                        file,
                        name);
                chain.activation(name, Activation.RELU);
            }
            case "Softmax" -> {
                JsonElement axis = config.get("axis");
                int at = axis == null ? -1 : axis.getAsInt();
                boolean isLast = at == -1 || at == chain.extents().length;
                require(isLast, "%s: %s is of axis %d, not of the last", file, name, at);
                chain.softmax(name);
            }
            default -> {} // the input
        }
    }

    private static boolean isOff(JsonObject config, String key) {
        JsonElement value = config.get(key);
        return value == null || value.isJsonNull() || value.getAsDouble() == 0;
    }

    private void dense(LayerChain chain, String name, JsonObject config, String key) {
        Map<String, Hdf5.Array> arrays = arrays(config, key, List.of("kernel", "bias"));
        Hdf5.Array kernel = arrays.get("kernel");
        Hdf5.Array bias = arrays.get("bias");
        int units = config.get("units").getAsInt();
        boolean biased = config.get("use_bias") == null || config.get("use_bias").getAsBoolean();
        boolean fits = kernel != null && kernel.shape().length == 2 && kernel.shape()[1] == units;
        fits &= biased == (bias != null) && (bias == null || bias.values().length == units);
        require(fits, "%s: the weights of %s are not there, or not of %d units", file, name, units);
        float[] shift = bias == null ? null : bias.values();
        chain.dense(name, kernel.shape()[0], units, kernel.values(), shift);
        activation(chain, name, config.get("activation"));
    }

    /** A layer's arrays by their names, which are numbers in a {@code .keras} file. */
    private Map<String, Hdf5.Array> arrays(JsonObject config, String key, List<String> names) {
        String group = zipped ? "layers/" + key + "/vars" : "model_weights/" + text(config, "name");
        Map<String, Dataset> found = weights.arrays(group);
        Map<String, Hdf5.Array> arrays = new HashMap<>();
        for (int i = 0; i < names.size(); i++) {
            String name = names.get(i);
            Dataset array = found.get(zipped ? Integer.toString(i) : name);
            array = array == null ? found.get(name + ":0") : array;
            if (array != null) {
                arrays.put(name, weights.read(array));
            }
        }
        return arrays;
    }

    private void activation(LayerChain chain, String name, JsonElement activation) {
        if (activation == null || activation.isJsonNull()) {
            return;
        }
        boolean isText = isText(activation);
        String text =
                isText ? activation.getAsString() : text(activation.getAsJsonObject(), "config");
        switch (text) {
            case "softmax", "log_softmax" -> chain.softmax(name);
            case "linear" -> {}
            case "relu", "tanh", "sigmoid", "gelu", "silu" ->
                    chain.activation(name, Activation.parse(text));
            case "swish" -> chain.activation(name, Activation.SILU);
            default -> {
                String other =
                        "%s: %s has activation %s, which Quern has not: it has %s, and softmax at the end";
                throw data(other, file, name, shown(text), Activation.names());
            }
        }
    }

    private Numbers numbers(JsonElement value) {
        if (!value.isJsonArray()) {
            return Numbers.of(value.getAsDouble());
        }
        List<Double> all = new ArrayList<>();
        value.getAsJsonArray().forEach(one -> all.add(one.getAsDouble()));
        double[] numbers = all.stream().mapToDouble(Double::doubleValue).toArray();
        return new Numbers(new int[] {numbers.length}, numbers);
    }

    /** {@code (x − mean) / max(√variance, 1e-7)} along the axes that it keeps. */
    private void normalization(LayerChain chain, String name, JsonObject config, String key) {
        JsonElement invert = config.get("invert");
        boolean plain = invert == null || !invert.getAsBoolean();
        require(plain, "%s: %s is inverted, which is not read", file, name);
        Map<String, Hdf5.Array> arrays = arrays(config, key, List.of("mean", "variance"));
        int[] shape = broadcastShape(chain.extents().length, config.get("axis"), chain.extents());
        double[] mean = moments(config.get("mean"), arrays.get("mean"), name, shape);
        double[] variance = moments(config.get("variance"), arrays.get("variance"), name, shape);
        require(
                mean.length == variance.length,
                "%s: %s has other variances than means",
                file,
                name);
        double[] scale = new double[mean.length];
        double[] shift = new double[mean.length];
        for (int i = 0; i < scale.length; i++) {
            scale[i] = 1 / Math.max(Math.sqrt(variance[i]), EPSILON);
            shift[i] = -mean[i] * scale[i];
        }
        int[] of = mean.length == 1 ? new int[0] : shape;
        chain.affine(name, new Numbers(of, scale), new Numbers(of, shift));
    }

    private double[] moments(JsonElement given, Hdf5.Array learned, String name, int[] shape) {
        double[] numbers;
        if (given != null && !given.isJsonNull()) {
            numbers = numbers(given).values();
        } else {
            require(learned != null, "%s: %s has no mean and variance: call adapt", file, name);
            numbers = new double[learned.values().length];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = learned.values()[i];
            }
        }
        long size = 1;
        for (int extent : shape) {
            size *= extent;
        }
        String other = "%s: %s has %,d means or variances, but keeps %,d numbers";
        require(
                numbers.length == 1 || numbers.length == size,
                other,
                file,
                name,
                numbers.length,
                size);
        return numbers;
    }

    /** The extents of the axes kept, 1 for each other; axes count the rows as axis 0. */
    private static int[] broadcastShape(int rank, JsonElement axis, int[] extents) {
        int[] shape = new int[rank];
        Arrays.fill(shape, 1);
        JsonArray axes = new JsonArray();
        if (axis != null && axis.isJsonArray()) {
            axes = axis.getAsJsonArray();
        } else if (axis != null && !axis.isJsonNull()) {
            axes.add(axis);
        }
        for (JsonElement one : axes) {
            int at = one.getAsInt();
            int d = at < 0 ? at + rank : at - 1;
            require(d >= 0 && d < rank, "a Normalization keeps axis %d", at);
            shape[d] = extents[d];
        }
        return shape;
    }

    /** The loss that a model was compiled with; null if there is none, or Quern has not. */
    private Loss loss(JsonElement compiled) {
        if (compiled == null || compiled.isJsonNull()) {
            return null;
        }
        JsonElement loss = compiled.getAsJsonObject().get("loss");
        if (loss == null || loss.isJsonNull()) {
            return null;
        }
        String name =
                loss.isJsonObject()
                        ? text(loss.getAsJsonObject(), "class_name")
                        : loss.isJsonPrimitive() ? loss.getAsString() : "several";
        return switch (name.toLowerCase(Locale.ROOT).replace("_", "")) {
            case "sparsecategoricalcrossentropy", "categoricalcrossentropy" -> Loss.CROSS_ENTROPY;
            case "binarycrossentropy" -> Loss.BINARY_CROSS_ENTROPY;
            case "meansquarederror", "mse" -> Loss.MEAN_SQUARED_ERROR;
            case "huber" -> Loss.huber(delta(loss));
            default -> {
                remarks.add(
                        file.getFileName()
                                + ": its loss "
                                + shown(name)
                                + " is not one of Quern's");
                yield null;
            }
        };
    }

    /** Keras' default is probabilities. */
    private static boolean isOfLogits(JsonElement loss) {
        JsonElement logits =
                loss.isJsonObject() ? config(loss.getAsJsonObject()).get("from_logits") : null;
        return logits != null && logits.getAsBoolean();
    }

    private static double delta(JsonElement loss) {
        JsonElement delta =
                loss.isJsonObject() ? config(loss.getAsJsonObject()).get("delta") : null;
        return delta == null ? Loss.DELTA : delta.getAsDouble();
    }

    private static JsonObject config(JsonObject layer) {
        return layer.getAsJsonObject("config");
    }

    private static String text(JsonObject object, String key) {
        return object.get(key).getAsString();
    }
}
