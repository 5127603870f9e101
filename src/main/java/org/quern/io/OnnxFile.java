package org.quern.io;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import org.quern.files.AtomicFile;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Plan;

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
    private final ProtoWriter graph = new ProtoWriter();
    private String last = "input";
    private int nodes;

    private OnnxFile(SavedModel saved) {
        this.saved = saved;
        plan = Plan.forInference(saved.model());
    }

    /** Writes a model atomically. */
    public static void write(Path file, SavedModel saved) {
        byte[] model = new OnnxFile(saved).model();
        AtomicFile.write(file, out -> out.write(model));
    }

    /** The name of the output. */
    public static String output(SavedModel saved) {
        return saved.loss().classifies() ? "logits" : "output";
    }

    private byte[] model() {
        graph();
        ProtoWriter model = new ProtoWriter();
        model.number(1, IR_VERSION);
        model.text(2, "quern");
        model.message(7, graph);
        model.message(8, new ProtoWriter().text(1, "").number(2, OPSET));
        if (!saved.classes().isEmpty()) {
            model.message(
                    14,
                    new ProtoWriter()
                            .text(1, "classes")
                            .text(2, String.join(",", saved.classes())));
        }
        return model.bytes();
    }

    private void graph() {
        Model model = saved.model();
        int[] shape = model.inputShape().stream().mapToInt(Integer::intValue).toArray();
        if (shape.length > 1) {
            ProtoWriter axis = new ProtoWriter().text(1, "axis").number(3, 1);
            node("Flatten", "rows", axis.number(20, INT_ATTRIBUTE), last);
        }
        Scaling scaling = model.scaling();
        if (scaling.scale() != 1) {
            constant("scale", scaling.scale());
            node("Mul", "scaled", null, last, "scale");
        }
        if (scaling.shift() != 0) {
            constant("shift", scaling.shift());
            node("Add", "shifted", null, last, "shift");
        }
        for (int i = 0; i < plan.dense().size(); i++) {
            dense(plan.dense().get(i), i == plan.dense().size() - 1);
        }
        graph.text(2, "quern");
        graph.message(11, value("input", shape));
        graph.message(12, value(output(saved), new int[] {plan.outputSize()}));
    }

    private void dense(Plan.DenseSlices dense, boolean isLast) {
        String weights = dense.weights().name();
        String bias = dense.bias().name();
        initializer(
                weights,
                parameters(dense.weights().offset(), dense.weights().size()),
                dense.weights().rows(),
                dense.weights().columns());
        initializer(
                bias,
                parameters(dense.bias().offset(), dense.bias().size()),
                dense.bias().columns());
        String name = "dense" + dense.module();
        Activation activation = dense.layer().activation();
        String output = isLast ? output(saved) : name + " " + activation.text();
        node("Gemm", activation == Activation.LINEAR ? output : name, null, last, weights, bias);
        String z = last;
        switch (activation) {
            case LINEAR -> {}
            case RELU -> node("Relu", output, null, z);
            case TANH -> node("Tanh", output, null, z);
            case SIGMOID -> node("Sigmoid", output, null, z);
            case GELU -> {
                // z Φ(z); opset 13 has erf, and no Gelu yet
                constant(name + " sqrt half", (float) Math.sqrt(0.5));
                constant(name + " one", 1);
                constant(name + " half", 0.5f);
                node("Mul", name + " scaled", null, z, name + " sqrt half");
                node("Erf", name + " erf", null, last);
                node("Add", name + " raised", null, last, name + " one");
                node("Mul", name + " halved", null, last, name + " half");
                node("Mul", output, null, z, last);
            }
            case SILU -> {
                node("Sigmoid", name + " sigmoid", null, z);
                node("Mul", output, null, z, last);
            }
        }
    }

    private float[] parameters(long offset, long size) {
        return Arrays.copyOfRange(
                saved.parameters(), Math.toIntExact(offset), Math.toIntExact(offset + size));
    }

    private void node(String type, String output, ProtoWriter attribute, String... inputs) {
        ProtoWriter node = new ProtoWriter();
        for (String input : inputs) {
            node.text(1, input);
        }
        node.text(2, output).text(3, type + nodes++).text(4, type);
        if (attribute != null) {
            node.message(5, attribute);
        }
        graph.message(1, node);
        last = output;
    }

    private void constant(String name, float value) {
        initializer(name, new float[] {value});
    }

    private void initializer(String name, float[] values, int... extents) {
        ProtoWriter tensor = new ProtoWriter();
        for (int extent : extents) {
            tensor.number(1, extent);
        }
        ByteBuffer raw = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        raw.asFloatBuffer().put(values);
        tensor.number(2, FLOAT).text(8, name).bytes(9, raw.array());
        graph.message(5, tensor);
    }

    /** A tensor with a free batch dimension. */
    private static ProtoWriter value(String name, int[] extents) {
        ProtoWriter shape = new ProtoWriter();
        shape.message(1, new ProtoWriter().text(2, BATCH));
        for (int extent : extents) {
            shape.message(1, new ProtoWriter().number(1, extent));
        }
        ProtoWriter tensor = new ProtoWriter().number(1, FLOAT).message(2, shape);
        return new ProtoWriter().text(1, name).message(2, new ProtoWriter().message(1, tensor));
    }
}
