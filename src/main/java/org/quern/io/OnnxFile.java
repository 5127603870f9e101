package org.quern.io;

import static org.quern.QuernException.given;

import com.google.gson.Gson;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.files.AtomicFile;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * Trained models as ONNX (opset 13), for whatever runs those: scaling, dense layers and activations
 * as one graph with a free batch dimension, dropout left out as in any inference. The input is what
 * data sets hold (pixels 0 to 255 as floats), the output what {@link
 * org.quern.backend.Executor#infer} gives: logits under cross-entropy. All names are C90
 * identifiers, as the specification wants them. Loss and classes are in the metadata, for {@link
 * ModelReader}.
 */
public final class OnnxFile {
    /** The operator set, that of ONNX 1.8: old enough for every runtime in use. */
    public static final int OPSET = 13;

    private static final int IR_VERSION = 7;
    private static final String BATCH = "N";

    static final String PRODUCER = "quern";

    /** Keys of the metadata. */
    static final String LOSS = "loss";

    static final String CLASSES = "classes";

    private final SavedModel saved;
    private final Plan plan;
    private final ProtoMessage graph = new ProtoMessage();
    private String last = "input";
    private int nodes;

    private OnnxFile(SavedModel saved) {
        this.saved = given(saved, "model");
        plan = saved.plan();
    }

    /** Writes a model atomically. */
    public static void write(Path file, SavedModel saved) {
        byte[] model = new OnnxFile(saved).model();
        AtomicFile.write(file, out -> out.write(model));
    }

    public static String output(SavedModel saved) {
        return given(saved, "model").loss().takesLogits() ? "logits" : "output";
    }

    private byte[] model() {
        graph();
        ProtoMessage opset =
                new ProtoMessage()
                        .text(OnnxFields.OPSET_DOMAIN, "")
                        .number(OnnxFields.OPSET_VERSION, OPSET);
        ProtoMessage model =
                new ProtoMessage()
                        .number(OnnxFields.MODEL_IR_VERSION, IR_VERSION)
                        .text(OnnxFields.MODEL_PRODUCER, PRODUCER)
                        .message(OnnxFields.MODEL_GRAPH, graph)
                        .message(OnnxFields.MODEL_OPSET, opset);
        property(model, LOSS, saved.loss().text());
        if (!saved.classes().isEmpty()) {
            property(model, CLASSES, new Gson().toJson(saved.classes()));
        }
        if (saved.columns() != null) {
            property(model, "columns", new Gson().toJson(saved.columns().names()));
        }
        return model.bytes();
    }

    private static void property(ProtoMessage model, String key, String value) {
        ProtoMessage entry =
                new ProtoMessage()
                        .text(OnnxFields.ENTRY_KEY, key)
                        .text(OnnxFields.ENTRY_VALUE, value);
        model.message(OnnxFields.MODEL_METADATA, entry);
    }

    private void graph() {
        Model model = saved.model();
        int[] shape = model.inputShape().stream().mapToInt(Integer::intValue).toArray();
        if (shape.length > 1) {
            ProtoMessage axis =
                    new ProtoMessage()
                            .text(OnnxFields.ATTRIBUTE_NAME, "axis")
                            .number(OnnxFields.ATTRIBUTE_INT, 1)
                            .number(OnnxFields.ATTRIBUTE_TYPE, OnnxFields.INT);
            ProtoMessage attribute = new ProtoMessage().message(OnnxFields.NODE_ATTRIBUTE, axis);
            node(attribute, "Flatten", "rows", last);
        }
        Scaling scaling = model.scaling();
        if (scaling.scale() != 1) {
            node("Mul", "scaled", last, constant("scale", scaling.scale()));
        }
        if (scaling.shift() != 0) {
            node("Add", "shifted", last, constant("shift", scaling.shift()));
        }
        for (int i = 0; i < plan.dense().size(); i++) {
            dense(plan.dense().get(i), i == plan.dense().size() - 1);
        }
        graph.text(OnnxFields.GRAPH_NAME, "quern");
        graph.message(OnnxFields.GRAPH_INPUT, value("input", shape));
        graph.message(OnnxFields.GRAPH_OUTPUT, value(output(saved), plan.outputSize()));
    }

    private void dense(Plan.DenseSlices dense, boolean isLast) {
        int units = dense.weights().columns();
        String name = "dense" + dense.module();
        String weights = name + "_weight";
        String bias = name + "_bias";
        parameters(weights, dense.weights(), dense.weights().rows(), units);
        parameters(bias, dense.bias(), units);
        Activation activation = dense.layer().activation();
        String output = isLast ? output(saved) : name + "_" + activation.text();
        String z = activation == Activation.LINEAR ? output : name;
        node("Gemm", z, last, weights, bias);
        switch (activation) {
            case LINEAR -> {}
            case RELU -> node("Relu", output, z);
            case TANH -> node("Tanh", output, z);
            case SIGMOID -> node("Sigmoid", output, z);
            case GELU -> {
                // z Φ(z); opset 13 has erf, and no Gelu yet
                String root = constant(name + "_root_half", (float) Math.sqrt(0.5));
                String one = constant(name + "_one", 1);
                String half = constant(name + "_half", 0.5f);
                node("Mul", name + "_scaled", z, root);
                node("Erf", name + "_erf", last);
                node("Add", name + "_raised", last, one);
                node("Mul", name + "_halved", last, half);
                node("Mul", output, z, last);
            }
            case SILU -> {
                node("Sigmoid", name + "_sigmoid", z);
                node("Mul", output, z, last);
            }
        }
    }

    private void parameters(String name, Slice slice, int... extents) {
        int from = Math.toIntExact(slice.offset());
        int to = from + (int) slice.size();
        initializer(name, Arrays.copyOfRange(saved.parameters(), from, to), extents);
    }

    private void node(String type, String output, String... inputs) {
        node(new ProtoMessage(), type, output, inputs);
    }

    private void node(ProtoMessage attributes, String type, String output, String... inputs) {
        ProtoMessage node = new ProtoMessage();
        Stream.of(inputs).forEach(input -> node.text(OnnxFields.NODE_INPUT, input));
        node.text(OnnxFields.NODE_OUTPUT, output);
        node.text(OnnxFields.NODE_NAME, type + nodes++).text(OnnxFields.NODE_TYPE, type);
        node.append(attributes);
        graph.message(OnnxFields.GRAPH_NODE, node);
        last = output;
    }

    private String constant(String name, float value) {
        return initializer(name, new float[] {value});
    }

    private String initializer(String name, float[] values, int... extents) {
        ProtoMessage tensor = new ProtoMessage();
        IntStream.of(extents).forEach(extent -> tensor.number(OnnxFields.TENSOR_DIMS, extent));
        ByteBuffer raw = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        raw.asFloatBuffer().put(values);
        tensor.number(OnnxFields.TENSOR_TYPE, OnnxFields.FLOAT);
        tensor.text(OnnxFields.TENSOR_NAME, name).bytes(OnnxFields.TENSOR_RAW, raw.array());
        graph.message(OnnxFields.GRAPH_INITIALIZER, tensor);
        return name;
    }

    /** A tensor with a free batch dimension. */
    private static ProtoMessage value(String name, int... extents) {
        ProtoMessage shape = new ProtoMessage();
        ProtoMessage rows = new ProtoMessage().text(OnnxFields.DIMENSION_NAME, BATCH);
        shape.message(OnnxFields.SHAPE_DIMENSION, rows);
        for (int extent : extents) {
            ProtoMessage one = new ProtoMessage().number(OnnxFields.DIMENSION_EXTENT, extent);
            shape.message(OnnxFields.SHAPE_DIMENSION, one);
        }
        ProtoMessage tensor =
                new ProtoMessage()
                        .number(OnnxFields.TYPE_ELEMENT, OnnxFields.FLOAT)
                        .message(OnnxFields.TYPE_SHAPE, shape);
        ProtoMessage type = new ProtoMessage().message(OnnxFields.TYPE_TENSOR, tensor);
        return new ProtoMessage()
                .text(OnnxFields.VALUE_NAME, name)
                .message(OnnxFields.VALUE_TYPE, type);
    }
}
