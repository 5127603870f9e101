package org.quern.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Plan;
import org.quern.train.Predictor;

/**
 * Models of other programs say here what they say there: {@code src/test/resources/models}, whose
 * {@code make.py} wrote them with Keras, PyTorch and tf2onnx.
 */
class ModelReaderTest {
    /**
     * Of the largest output: both sides compute in float32, a layer of 24 inputs at most, and what
     * is folded is rounded once more.
     */
    private static final double TOLERANCE = 2e-6;

    private static final Gson JSON = new Gson();

    @TempDir Path folder;

    static Path given(String name) throws URISyntaxException {
        return Path.of(ModelReaderTest.class.getResource("/models/" + name).toURI());
    }

    /** What a program says of some rows. */
    record Expected(int[] shape, float[][] rows, float[][] outputs) {
        static Expected of(String file) throws IOException, URISyntaxException {
            JsonObject all =
                    JsonParser.parseString(Files.readString(given("expected.json")))
                            .getAsJsonObject();
            return JSON.fromJson(all.get(file), Expected.class);
        }
    }

    /** File, layers of a file that does not say them, layers, loss, whether outputs are raw. */
    static Stream<Arguments> files() {
        String images = "dense 5 gelu, dropout 0.3, dense 4 relu, dense 3";
        String scaled = "dense 5 gelu, dense 4 relu, dense 3";
        String viewed = "dense 24 tanh, dense 2";
        String named = "dense 4 silu, dense 3";
        return Stream.of(
                arguments("images.keras", null, images, "cross_entropy", false),
                arguments("images.h5", null, images, "cross_entropy", false),
                arguments(
                        "table.keras",
                        null,
                        "dense 6 tanh, dense 4 silu, dense 2",
                        "huber 1.0",
                        true),
                arguments(
                        "colours.keras",
                        null,
                        "dense 4 relu, dense 1",
                        "binary_cross_entropy",
                        false),
                arguments(
                        "keras2.h5",
                        null,
                        "dense 5 relu, dropout 0.2, dense 3",
                        "cross_entropy",
                        false),
                arguments(
                        "keras2-table.h5",
                        null,
                        "dense 4 silu, dense 1",
                        "mean_squared_error",
                        true),
                arguments(
                        "keras2-table.keras",
                        null,
                        "dense 4 silu, dense 1",
                        "mean_squared_error",
                        true),
                arguments(
                        "tf2onnx.onnx",
                        null,
                        "dense 5 silu, dense 4 tanh, dense 3",
                        "cross_entropy",
                        false),
                arguments("torch-scaled.onnx", null, scaled, "cross_entropy", true),
                arguments("torch-scaled-old.onnx", null, scaled, "cross_entropy", true),
                arguments("torch-viewed.onnx", null, viewed, "binary_cross_entropy", false),
                arguments("torch-viewed-old.onnx", null, viewed, "binary_cross_entropy", false),
                arguments("torch-named.onnx", null, named, "cross_entropy", false),
                arguments("torch-named-old.onnx", null, named, "cross_entropy", false),
                arguments("torch-scaled.safetensors", scaled, scaled, "cross_entropy", true),
                arguments(
                        "torch-viewed.safetensors",
                        "dense 24 tanh, dense 2 sigmoid",
                        "dense 24 tanh, dense 2 sigmoid",
                        "mean_squared_error",
                        true),
                arguments("torch-named.safetensors", named, named, "cross_entropy", false));
    }

    @ParameterizedTest
    @MethodSource("files")
    void saysWhatTheOtherProgramSays(
            String file, String spec, String layers, String loss, boolean raw) throws Exception {
        Expected expected = Expected.of(file);
        Model asked = spec == null ? null : ModelText.parse(Model.input(expected.shape), spec);
        SavedModel read = ModelReader.read(given(file), asked).model();

        assertThat(read.model().text()).isEqualTo(layers);
        assertThat(read.loss().text()).isEqualTo(loss);
        assertThat(read.model().inputShape())
                .isEqualTo(Arrays.stream(expected.shape).boxed().toList());
        Loss shown = raw ? Loss.MEAN_SQUARED_ERROR : read.loss();
        float largest = 0;
        for (float[] row : expected.outputs) {
            for (float value : row) {
                largest = Math.max(largest, Math.abs(value));
            }
        }
        try (Predictor predictor =
                new Predictor(
                        read.model(),
                        shown,
                        read.parameters(),
                        Backends.choose("java").backend(),
                        Backend.Options.DEFAULT)) {
            for (int row = 0; row < expected.rows.length; row++) {
                float[] said = new float[read.model().outputSize()];
                predictor.predict(expected.rows[row], said);
                for (int j = 0; j < said.length; j++) {
                    assertThat(Math.abs(said[j] - expected.outputs[row][j]))
                            .as("output %d of row %d: %s", j, row, said[j])
                            .isLessThanOrEqualTo((float) (TOLERANCE * largest));
                }
            }
        }
    }

    /** Of all fixtures but those that are there to be refused. */
    @Test
    void everyFixtureIsCompared() throws Exception {
        JsonObject all =
                JsonParser.parseString(Files.readString(given("expected.json"))).getAsJsonObject();
        List<Object> compared = files().map(one -> one.get()[0]).toList();
        assertThat(compared).containsExactlyInAnyOrderElementsOf(all.keySet());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "compressed.h5 | ': /model_weights/dense/sequential/dense/kernel is compressed or in chunks, as"
                        + " Keras writes none: save the model by Keras again'",
                "convolution.keras | ' has layers that Quern has not: Conv2D (seeing), BatchNormalization"
                        + " (batch_normalization)'",
                "shared.keras | ': layer twice is not used once, after input_layer_3: only one layer after"
                        + " the other is read'",
            })
    void whatQuernHasNotIsNamed(String file, String message) throws Exception {
        refused(given(file), null, message);
    }

    @Test
    void tensorsBesideAndMissingBiasesAreTold() throws Exception {
        Model scaled = ModelText.parse(Model.input(4, 3), "dense 5 gelu, dense 4 relu, dense 3");
        assertThat(ModelReader.read(given("torch-scaled.safetensors"), scaled).remarks())
                .containsExactly("torch-scaled.safetensors: not used: loss.weights, steps");
        Model viewed = ModelText.parse(Model.input(12), "dense 24 tanh, dense 2");
        assertThat(ModelReader.read(given("torch-viewed.safetensors"), viewed).remarks())
                .containsExactly("torch-viewed.safetensors: no bias, taken as 0: fc1");
        assertThat(ModelReader.read(given("torch-scaled.onnx"), null).remarks())
                .containsExactly(
                        "torch-scaled.onnx does not say what its outputs are: taken for a classifier of"
                                + " 3 classes");
        // two layers fc1 and fc2 in halves, and a tensor of another name of the shape of one
        Model named = ModelText.parse(Model.input(12), "dense 4 silu, dense 3");
        assertThat(ModelReader.read(given("torch-unclear.safetensors"), named).remarks())
                .containsExactly("torch-unclear.safetensors: not used: head2.weight");
        refused(
                given("torch-unclear.safetensors"),
                ModelText.parse(Model.input(12), "dense 4 silu, dense 3, dense 3"),
                ": no telling which of its tensors are the weights of the 3 layers of --model (it has"
                        + " fc1.bias, fc1.weight, fc2.bias, fc2.weight, head2.weight): name them as"
                        + " those of an nn.Sequential, 0.weight, 2.weight and so on");
    }

    /** A layer more than the model has is not left out in silence. */
    @Test
    void anotherLayerIsNotLeftOut() {
        Path file = folder.resolve("m.safetensors");
        SafeTensors.Tensor[] all = {
            tensor("net.0.weight", 3, 4), tensor("net.2.weight", 2, 3), tensor("net.1.weight", 3)
        };
        new SafeTensors(Map.of(), List.of(all)).write(file);
        refused(
                file,
                Model.input(4).dense(3).dense(2),
                " has a tensor net.1.weight beside those of the 2 layers of --model: it is of another"
                        + " model");
    }

    private static SafeTensors.Tensor tensor(String name, int... shape) {
        int size = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        return new SafeTensors.Tensor(name, shape, new float[size]);
    }

    /**
     * Quern's ONNX read again: the same bits, loss and classes; no dropout, which ONNX leaves out.
     */
    @ParameterizedTest
    @EnumSource(Activation.class)
    void ownOnnxIsReadToTheSameBits(Activation activation) {
        for (Scaling scaling : List.of(Scaling.NONE, Scaling.UNIT, new Scaling(2 / 255f, -1))) {
            Model model =
                    Model.input(5, 7)
                            .scaled(scaling)
                            .dense(31, activation)
                            .dense(1, activation)
                            .dense(3);
            Plan plan = Plan.forInference(model);
            float[] parameters =
                    Arrays.copyOf(plan.initialState(3), (int) plan.parameters().size());
            for (Plan.DenseSlices dense : plan.dense()) {
                int at = (int) dense.bias().offset();
                Arrays.fill(parameters, at, at + dense.layer().units(), 0.1f);
            }
            for (Loss loss :
                    List.of(Loss.CROSS_ENTROPY, Loss.huber(0.3), Loss.BINARY_CROSS_ENTROPY)) {
                List<String> classes = loss.classifies() ? List.of("a", "b,c", "ö\"") : List.of();
                SavedModel saved = new SavedModel(model, loss, parameters, classes, Map.of());
                Path file = folder.resolve("own.onnx");
                OnnxFile.write(file, saved);
                ModelReader.Reading read = ModelReader.read(file, null);
                assertThat(read.model().model()).isEqualTo(model);
                assertThat(read.model().loss()).isEqualTo(loss);
                assertThat(read.model().classes()).isEqualTo(classes);
                assertThat(read.model().parameters()).isEqualTo(parameters);
                assertThat(read.remarks()).isEmpty();
            }
        }
    }

    /** The specification: "All names MUST adhere to C90 identifier syntax rules." */
    @Test
    void namesInOnnxAreIdentifiers() throws IOException {
        for (Activation activation : Activation.values()) {
            Model model =
                    Model.input(2, 2)
                            .scaled(new Scaling(2, 1))
                            .dense(3, activation)
                            .dense(2, activation);
            float[] parameters = new float[(int) Plan.forInference(model).parameters().size()];
            Path file = folder.resolve("names.onnx");
            OnnxFile.write(
                    file,
                    new SavedModel(
                            model, Loss.MEAN_SQUARED_ERROR, parameters, List.of(), Map.of()));
            ProtoReader graph =
                    new ProtoReader(java.nio.ByteBuffer.wrap(Files.readAllBytes(file)))
                            .message(OnnxFields.MODEL_GRAPH);
            for (ProtoReader node : graph.messages(OnnxFields.GRAPH_NODE)) {
                Stream.of(OnnxFields.NODE_NAME, OnnxFields.NODE_INPUT, OnnxFields.NODE_OUTPUT)
                        .flatMap(field -> node.texts(field).stream())
                        .forEach(name -> assertThat(name).matches("[A-Za-z_]\\w*"));
            }
            graph.messages(OnnxFields.GRAPH_INITIALIZER)
                    .forEach(
                            one ->
                                    assertThat(one.text(OnnxFields.TENSOR_NAME))
                                            .matches("[A-Za-z_]\\w*"));
        }
    }

    // ---- hostile files

    /** What zip keeps a checksum of, and layers that take rows in another order. */
    @Test
    void aDamagedOrDifferentKerasFileIsRefused() throws IOException, URISyntaxException {
        byte[] bytes = Files.readAllBytes(given("images.keras"));
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        int weights = text.indexOf("\u0089HDF");
        byte[] damaged = bytes.clone();
        damaged[weights + 4000] ^= 1;
        Path file = Files.write(folder.resolve("damaged.keras"), damaged);
        refused(file, null, " is damaged: its model.weights.h5 has another checksum");

        Path first = changed("images.keras", "channels_last", "channels_first");
        refused(first, null, ": layer flatten has its channels first: only channels_last is read");
    }

    /** A mistake of many in Keras, where predictions are then no probabilities. */
    @Test
    void logitsWhoseLossWantsProbabilitiesAreToldOf() throws IOException, URISyntaxException {
        String remark =
                ": its loss is not from_logits, and its outputs have no activation: they are taken"
                        + " for logits";
        Path linear = changed("colours.keras", "sigmoid", "linear");
        assertThat(ModelReader.read(linear, null).remarks())
                .containsExactly("changed.keras" + remark);
        linear = changed("images.keras", "\"softmax\"", "\"linear\"");
        assertThat(ModelReader.read(linear, null).remarks())
                .containsExactly("changed.keras" + remark);
        String told = "\"from_logits\": false";
        Path logits =
                changed(
                        "images.keras",
                        "\"softmax\"",
                        "\"linear\"",
                        told,
                        told.replace("false", "true"));
        assertThat(ModelReader.read(logits, null).remarks()).isEmpty();
    }

    private Path changed(String model, String... fromTo) throws IOException, URISyntaxException {
        Path changed = folder.resolve("changed.keras");
        try (ZipFile zip = new ZipFile(given(model).toFile());
                ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(changed))) {
            for (ZipEntry entry : zip.stream().toList()) {
                byte[] bytes = zip.getInputStream(entry).readAllBytes();
                String content = new String(bytes, StandardCharsets.ISO_8859_1);
                out.putNextEntry(new ZipEntry(entry.getName()));
                for (int i = 0; i < fromTo.length; i += 2) {
                    content = content.replace(fromTo[i], fromTo[i + 1]);
                }
                out.write(content.getBytes(StandardCharsets.ISO_8859_1));
            }
        }
        return changed;
    }

    /** A few kilobytes that unpack to a gigabyte. */
    @Test
    void aZipBombIsNotUnpacked() throws IOException {
        Path file = folder.resolve("bomb.keras");
        try (OutputStream out = Files.newOutputStream(file);
                ZipOutputStream zip = new ZipOutputStream(out)) {
            zip.putNextEntry(new ZipEntry("config.json"));
            zip.write("{}".getBytes(StandardCharsets.UTF_8));
            zip.putNextEntry(new ZipEntry("model.weights.h5"));
            byte[] zeros = new byte[1 << 20];
            for (int i = 0; i < 64; i++) {
                zip.write(zeros);
            }
        }
        refused(file, null, ": its model.weights.h5 unpacks to too many bytes");
    }

    @Test
    void weightsOfTorchSaveAreNotUnpickled() throws IOException {
        Path file = folder.resolve("torch.pt");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            zip.putNextEntry(new ZipEntry("archive/data.pkl"));
        }
        refused(
                file,
                null,
                " is a file of torch.save, which may hold any program: write the weights by"
                        + " safetensors.torch.save_file(model.state_dict(), file)");
    }

    /** An ONNX file of one node. */
    private Path onnx(Consumer<ProtoMessage> graph) throws IOException {
        ProtoMessage message = new ProtoMessage();
        graph.accept(message);
        ProtoMessage extent = new ProtoMessage().number(OnnxFields.DIMENSION_EXTENT, 2);
        ProtoMessage shape =
                new ProtoMessage()
                        .message(OnnxFields.SHAPE_DIMENSION, extent)
                        .message(OnnxFields.SHAPE_DIMENSION, extent);
        ProtoMessage tensor = new ProtoMessage().message(OnnxFields.TYPE_SHAPE, shape);
        ProtoMessage type = new ProtoMessage().message(OnnxFields.TYPE_TENSOR, tensor);
        message.message(
                OnnxFields.GRAPH_INPUT,
                new ProtoMessage()
                        .text(OnnxFields.VALUE_NAME, "x")
                        .message(OnnxFields.VALUE_TYPE, type));
        message.message(
                OnnxFields.GRAPH_OUTPUT, new ProtoMessage().text(OnnxFields.VALUE_NAME, "y"));
        Path file = folder.resolve("m.onnx");
        ProtoMessage model = new ProtoMessage().number(OnnxFields.MODEL_IR_VERSION, 7);
        return Files.write(file, model.message(OnnxFields.MODEL_GRAPH, message).bytes());
    }

    private static ProtoMessage node(String type, String output, String... inputs) {
        ProtoMessage node = new ProtoMessage().text(OnnxFields.NODE_TYPE, type);
        Stream.of(inputs).forEach(input -> node.text(OnnxFields.NODE_INPUT, input));
        return node.text(OnnxFields.NODE_OUTPUT, output);
    }

    private static ProtoMessage weights(int type, int... extents) {
        ProtoMessage tensor = new ProtoMessage().number(OnnxFields.TENSOR_TYPE, type);
        Arrays.stream(extents).forEach(extent -> tensor.number(OnnxFields.TENSOR_DIMS, extent));
        return tensor.text(OnnxFields.TENSOR_NAME, "w");
    }

    @Test
    void onnxThatQuernHasNotIsNamed() throws IOException {
        ProtoMessage whole =
                new ProtoMessage()
                        .text(OnnxFields.ATTRIBUTE_NAME, "to")
                        .number(OnnxFields.ATTRIBUTE_INT, OnnxFields.INT64)
                        .number(OnnxFields.ATTRIBUTE_TYPE, OnnxFields.INT);
        ProtoMessage cast = node("Cast", "y", "x").message(OnnxFields.NODE_ATTRIBUTE, whole);
        refused(
                onnx(graph -> graph.message(1, cast)),
                null,
                ": node y (Cast) casts to type 7, which holds no floats");
        ProtoMessage square =
                weights(OnnxFields.FLOAT, 2, 2).bytes(OnnxFields.TENSOR_RAW, new byte[16]);
        ProtoMessage column =
                new ProtoMessage()
                        .number(OnnxFields.TENSOR_TYPE, OnnxFields.FLOAT)
                        .number(OnnxFields.TENSOR_DIMS, 2)
                        .number(OnnxFields.TENSOR_DIMS, 1)
                        .text(OnnxFields.TENSOR_NAME, "c")
                        .bytes(OnnxFields.TENSOR_RAW, new byte[8]);
        refused(
                onnx(
                        graph ->
                                graph.message(OnnxFields.GRAPH_INITIALIZER, square)
                                        .message(OnnxFields.GRAPH_INITIALIZER, column)
                                        .message(1, node("Gemm", "y", "x", "w", "c"))),
                null,
                ": node y (Gemm) adds a column of shape [2, 1]");
        refused(
                onnx(
                        graph ->
                                graph.message(1, node("Conv", "a", "x"))
                                        .message(1, node("Tan", "y", "a"))),
                null,
                " has ops that Quern has not: Conv, Tan");
        refused(
                onnx(graph -> graph.message(1, node("Relu", "y", "x"))),
                null,
                ": node y (Relu) does not follow a dense layer, as relu must");
        refused(
                onnx(graph -> graph.message(1, node("Mul", "y", "x", "x"))),
                null,
                ": node y (Mul) joins two values that are computed: only x·sigmoid(x) and GELU are read");
    }

    /** Sizes and places that a file claims are not believed. */
    @Test
    void onnxTensorsAreNoLargerThanTheirBytes() throws IOException {
        ProtoMessage huge = weights(OnnxFields.FLOAT, 2, 1_000_000_000);
        Consumer<ProtoMessage> product = graph -> graph.message(1, node("MatMul", "y", "x", "w"));
        refused(
                onnx(graph -> product.accept(graph.message(OnnxFields.GRAPH_INITIALIZER, huge))),
                null,
                ": tensor w has 0 bytes for 2,000,000,000 numbers of F32");
        for (String elsewhere : List.of("/etc/passwd", "../m.onnx", "..", "")) {
            ProtoMessage location =
                    new ProtoMessage()
                            .text(OnnxFields.ENTRY_KEY, "location")
                            .text(OnnxFields.ENTRY_VALUE, elsewhere);
            ProtoMessage beside =
                    weights(OnnxFields.FLOAT, 2, 2)
                            .message(OnnxFields.TENSOR_EXTERNAL, location)
                            .number(OnnxFields.TENSOR_LOCATION, OnnxFields.EXTERNAL);
            refused(
                    onnx(
                            graph ->
                                    product.accept(
                                            graph.message(OnnxFields.GRAPH_INITIALIZER, beside))),
                    null,
                    ": tensor w is in \"" + elsewhere + "\", which is no file beside it");
        }
    }

    /** One tensor as the weights of a thousand layers would be memory that the file has not. */
    @Test
    void weightsAreNotUsedForMoreLayersThanTheFileHasBytes() throws IOException {
        ProtoMessage square =
                weights(OnnxFields.FLOAT, 2, 2).bytes(OnnxFields.TENSOR_RAW, new byte[16]);
        Path file =
                onnx(
                        graph -> {
                            graph.message(OnnxFields.GRAPH_INITIALIZER, square);
                            for (int i = 0; i < 3000; i++) {
                                String from = i == 0 ? "x" : "h" + i;
                                String to = i == 2999 ? "y" : "h" + (i + 1);
                                graph.message(1, node("MatMul", to, from, "w"));
                            }
                        });
        refused(file, null, " has too many layers");
    }

    /** Keras' own judgement of such files is in bench/results/2026-11-28-models.md. */
    @ParameterizedTest
    @EnumSource(Activation.class)
    void aKerasFileOfOurOwnIsTheSameModel(Activation activation) throws IOException {
        Model model =
                Model.input(4, 3)
                        .scaled(new Scaling(2 / 255f, -1))
                        .dropout(0.1f)
                        .dense(5, activation)
                        .dropout(0.3f)
                        .dense(31, activation)
                        .dense(2);
        Plan plan = Plan.forInference(model);
        float[] parameters = Arrays.copyOf(plan.initialState(3), (int) plan.parameters().size());
        Loss loss = activation == Activation.RELU ? Loss.CROSS_ENTROPY : Loss.huber(0.7);
        SavedModel saved = new SavedModel(model, loss, parameters, List.of(), Map.of());
        Path file = folder.resolve("own.keras");
        KerasWriter.write(file, saved);
        SavedModel read = ModelReader.read(file, null).model();
        assertThat(read.model().text()).isEqualTo(model.text());
        assertThat(read.model().inputShape()).isEqualTo(model.inputShape());
        assertThat(read.model().scaling()).isEqualTo(model.scaling());
        assertThat(read.parameters()).isEqualTo(parameters);
        assertThat(read.loss()).isEqualTo(loss);
        byte[] first = Files.readAllBytes(file);
        KerasWriter.write(file, saved);
        assertThat(file).hasBinaryContent(first);
    }

    private static void refused(Path file, Model spec, String message) {
        assertThatThrownBy(() -> ModelReader.read(file, spec))
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.DATA))
                .hasMessage(file + message);
    }
}
