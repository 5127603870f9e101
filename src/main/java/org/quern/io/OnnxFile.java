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
 * org.quern.backend.Executor#infer} gives: logits under cross-entropy. Field numbers are those of
 * onnx.proto3 of ONNX 1.8.
 */
public final class OnnxFile {
    /** The operator set, that of ONNX 1.8: old enough for every runtime in use. */
    public static final int OPSET = 13;

    private static final int IR_VERSION = 7;
    private static final int FLOAT = 1;
    private static final int INT_ATTRIBUTE = 2;
    private static final String BATCH = "N";

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
        ProtoMessage model =
                new ProtoMessage().number(1, IR_VERSION).text(2, "quern").message(7, graph);
        model.message(8, new ProtoMessage().text(1, "").number(2, OPSET));
        if (!saved.classes().isEmpty()) {
            property(model, "classes", String.join(",", saved.classes()));
        }
        if (saved.columns() != null) {
            property(model, "columns", new Gson().toJson(saved.columns().names()));
        }
        return model.bytes();
    }

    private static void property(ProtoMessage model, String key, String value) {
        model.message(14, new ProtoMessage().text(1, key).text(2, value));
    }

    private void graph() {
        Model model = saved.model();
        int[] shape = model.inputShape().stream().mapToInt(Integer::intValue).toArray();
        if (shape.length > 1) {
            ProtoMessage axis =
                    new ProtoMessage().text(1, "axis").number(3, 1).number(20, INT_ATTRIBUTE);
            node(new ProtoMessage().message(5, axis), "Flatten", "rows", last);
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
        graph.text(2, "quern").message(11, value("input", shape));
        graph.message(12, value(output(saved), plan.outputSize()));
    }

    private void dense(Plan.DenseSlices dense, boolean isLast) {
        int units = dense.weights().columns();
        String weights = parameters(dense.weights(), dense.weights().rows(), units);
        String bias = parameters(dense.bias(), units);
        String name = "dense" + dense.module();
        Activation activation = dense.layer().activation();
        String output = isLast ? output(saved) : name + " " + activation.text();
        String z = activation == Activation.LINEAR ? output : name;
        node("Gemm", z, last, weights, bias);
        switch (activation) {
            case LINEAR -> {}
            case RELU -> node("Relu", output, z);
            case TANH -> node("Tanh", output, z);
            case SIGMOID -> node("Sigmoid", output, z);
            case GELU -> {
                // z Φ(z); opset 13 has erf, and no Gelu yet
                String root = constant(name + " sqrt half", (float) Math.sqrt(0.5));
                String one = constant(name + " one", 1);
                String half = constant(name + " half", 0.5f);
                node("Mul", name + " scaled", z, root);
                node("Erf", name + " erf", last);
                node("Add", name + " raised", last, one);
                node("Mul", name + " halved", last, half);
                node("Mul", output, z, last);
            }
            case SILU -> {
                node("Sigmoid", name + " sigmoid", z);
                node("Mul", output, z, last);
            }
        }
    }

    private String parameters(Slice slice, int... extents) {
        int from = Math.toIntExact(slice.offset());
        int to = from + (int) slice.size();
        return initializer(slice.name(), Arrays.copyOfRange(saved.parameters(), from, to), extents);
    }

    private void node(String type, String output, String... inputs) {
        node(new ProtoMessage(), type, output, inputs);
    }

    private void node(ProtoMessage attributes, String type, String output, String... inputs) {
        ProtoMessage node = new ProtoMessage();
        Stream.of(inputs).forEach(input -> node.text(1, input));
        node.text(2, output).text(3, type + nodes++).text(4, type);
        node.append(attributes);
        graph.message(1, node);
        last = output;
    }

    private String constant(String name, float value) {
        return initializer(name, new float[] {value});
    }

    private String initializer(String name, float[] values, int... extents) {
        ProtoMessage tensor = new ProtoMessage();
        IntStream.of(extents).forEach(extent -> tensor.number(1, extent));
        ByteBuffer raw = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        raw.asFloatBuffer().put(values);
        tensor.number(2, FLOAT).text(8, name).bytes(9, raw.array());
        graph.message(5, tensor);
        return name;
    }

    /** A tensor with a free batch dimension. */
    private static ProtoMessage value(String name, int... extents) {
        ProtoMessage shape = new ProtoMessage().message(1, new ProtoMessage().text(2, BATCH));
        IntStream.of(extents)
                .forEach(extent -> shape.message(1, new ProtoMessage().number(1, extent)));
        ProtoMessage tensor = new ProtoMessage().number(1, FLOAT).message(2, shape);
        return new ProtoMessage().text(1, name).message(2, new ProtoMessage().message(1, tensor));
    }
}
