package org.quern.io;

import static java.util.stream.Collectors.joining;
import static org.quern.QuernException.data;
import static org.quern.QuernException.require;
import static org.quern.io.SafeTensors.shown;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.quern.QuernException;
import org.quern.io.LayerChain.Numbers;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Activation;
import org.quern.plan.Loss;

/**
 * ONNX files of dense networks: Quern's own, PyTorch's, tf2onnx's. Each node is computed on
 * formulas instead of numbers; what the output's formula says becomes the model.
 */
final class OnnxReader {
    private static final Set<String> OPS =
            Set.of(
                    "Gemm",
                    "MatMul",
                    "Add",
                    "Sub",
                    "Mul",
                    "Div",
                    "Relu",
                    "Tanh",
                    "Sigmoid",
                    "Gelu",
                    "Erf",
                    "Softmax",
                    "LogSoftmax",
                    "Flatten",
                    "Reshape",
                    "Identity",
                    "Dropout",
                    "Cast",
                    "Constant",
                    "Shape",
                    "Gather",
                    "Unsqueeze",
                    "Squeeze",
                    "Concat",
                    "Transpose",
                    "Slice");

    private static final int MOST_NODES = 4096;

    private final Path file;
    private final long size;
    private final Map<Path, Long> unclaimed = new HashMap<>();
    private final Map<String, OnnxTensor> tensors = new HashMap<>();
    private final Map<String, OnnxFormula> formulas = new HashMap<>();
    private int[] extents;

    private OnnxReader(Path file, long size) {
        this.file = file;
        this.size = size;
    }

    static SavedModel read(Path file, List<String> remarks) throws IOException {
        String large = "%s has 2 GiB or more, which no ONNX file has";
        require(Files.size(file) < Integer.MAX_VALUE - 16, large, file);
        byte[] bytes = Files.readAllBytes(file);
        try {
            ProtoReader model =
                    new ProtoReader(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
            return new OnnxReader(file, bytes.length).model(model, remarks);
        } catch (QuernException e) {
            boolean named = e.getMessage().startsWith(file.toString());
            throw named ? e : data(e, "%s cannot be read as ONNX: %s", file, e.getMessage());
        }
    }

    private SavedModel model(ProtoReader model, List<String> remarks) throws IOException {
        ProtoReader graph = model.message(OnnxFields.MODEL_GRAPH);
        List<ProtoReader> nodes = graph.messages(OnnxFields.GRAPH_NODE);
        require(!nodes.isEmpty(), "%s is not an ONNX file, or has no nodes", file);
        require(nodes.size() <= MOST_NODES, "%s has more than %,d nodes", file, MOST_NODES);
        refuseUnknown(nodes);
        for (ProtoReader tensor : graph.messages(OnnxFields.GRAPH_INITIALIZER)) {
            OnnxTensor read = OnnxTensor.of(file, tensor, unclaimed);
            tensors.put(tensor.text(OnnxFields.TENSOR_NAME), read);
        }
        input(graph);
        for (ProtoReader node : nodes) {
            compute(node);
        }
        List<ProtoReader> outputs = graph.messages(OnnxFields.GRAPH_OUTPUT);
        String many = "%s has %d outputs: export it with one";
        require(outputs.size() == 1, many, file, outputs.size());
        String output = outputs.get(0).text(OnnxFields.VALUE_NAME);
        OnnxFormula formula = formulas.get(output);
        require(formula != null, "%s: its output %s is not computed", file, shown(output));
        Map<String, String> about = new HashMap<>();
        for (ProtoReader entry : model.messages(OnnxFields.MODEL_METADATA)) {
            about.put(entry.text(OnnxFields.ENTRY_KEY), entry.text(OnnxFields.ENTRY_VALUE));
        }
        boolean own = model.text(OnnxFields.MODEL_PRODUCER).equals(OnnxFile.PRODUCER);
        Loss stated = own ? loss(about.get(OnnxFile.LOSS)) : null;
        SavedModel read = chain(formula).build(stated, Map.of(), remarks);
        return own ? read.named(classes(about.get(OnnxFile.CLASSES), read)) : read;
    }

    private Loss loss(String text) {
        return text == null ? null : Loss.parse(text);
    }

    private List<String> classes(String json, SavedModel read) {
        try {
            String[] names =
                    json == null ? new String[0] : new Gson().fromJson(json, String[].class);
            boolean fits = names != null && names.length <= read.model().outputSize();
            require(
                    fits && !Arrays.asList(names).contains(null),
                    "%s: its classes are no list",
                    file);
            return List.of(names);
        } catch (JsonParseException e) {
            throw data(e, "%s: its classes are no list of names", file);
        }
    }

    private void refuseUnknown(List<ProtoReader> nodes) {
        Set<String> unknown = new LinkedHashSet<>();
        for (ProtoReader node : nodes) {
            String domain = node.text(OnnxFields.NODE_DOMAIN);
            String type = node.text(OnnxFields.NODE_TYPE);
            if (!domain.isEmpty() && !domain.equals("ai.onnx")) {
                unknown.add(domain + "." + type);
            } else if (!OPS.contains(type)) {
                unknown.add(type);
            }
        }
        String other = "%s has ops that Quern has not: %s";
        require(unknown.isEmpty(), other, file, shown(String.join(", ", unknown)));
    }

    /** The one input that is not a constant, whose first extent is the number of rows. */
    private void input(ProtoReader graph) {
        List<ProtoReader> inputs =
                graph.messages(OnnxFields.GRAPH_INPUT).stream()
                        .filter(one -> !tensors.containsKey(one.text(OnnxFields.VALUE_NAME)))
                        .toList();
        String many = "%s has %d inputs: export it with one";
        require(inputs.size() == 1, many, file, inputs.size());
        ProtoReader input = inputs.get(0);
        String name = input.text(OnnxFields.VALUE_NAME);
        List<ProtoReader> shape =
                input.message(OnnxFields.VALUE_TYPE)
                        .message(OnnxFields.TYPE_TENSOR)
                        .message(OnnxFields.TYPE_SHAPE)
                        .messages(OnnxFields.SHAPE_DIMENSION);
        String none =
                "%s: its input %s has no known shape of rows: export it with one such as [N, 784]";
        require(shape.size() > 1, none, file, shown(name));
        extents = new int[shape.size() - 1];
        for (int d = 0; d < extents.length; d++) {
            long extent = shape.get(d + 1).number(OnnxFields.DIMENSION_EXTENT, 0);
            require(extent >= 1 && extent <= Integer.MAX_VALUE, none, file, shown(name));
            extents[d] = (int) extent;
        }
        formulas.put(name, OnnxFormula.input());
    }

    /** The steps from the input to a formula. */
    private LayerChain chain(OnnxFormula last) {
        Deque<OnnxFormula> steps = new ArrayDeque<>();
        for (OnnxFormula one = last; one != null; one = one.of()) {
            steps.push(one);
        }
        long bytes = size;
        for (Path beside : unclaimed.keySet()) {
            bytes += beside.toFile().length();
        }
        LayerChain chain = new LayerChain(file, extents, bytes);
        for (OnnxFormula step : steps) {
            switch (step.kind()) {
                case INPUT -> {}
                case AFFINE -> chain.affine(step.name(), step.scale(), step.shift());
                case DENSE -> {
                    int[] shape = step.shape();
                    chain.dense(step.name(), shape[0], shape[1], step.kernel(), step.bias());
                }
                case ACTIVATION -> chain.activation(step.name(), step.activation());
                case ERF -> throw refusal(step.name(), "is not part of a GELU");
                case SOFTMAX -> chain.softmax(step.name());
                case FLATTEN -> chain.flatten();
            }
        }
        return chain;
    }

    private QuernException refusal(String name, String text, Object... arguments) {
        return data("%s: %s %s", file, name, text.formatted(arguments));
    }

    // ---- nodes

    private void compute(ProtoReader message) throws IOException {
        OnnxNode node = new OnnxNode(file, message, tensors, formulas);
        if (node.outputs.isEmpty()) {
            throw node.refusal("has no output");
        }
        boolean constant = node.inputs.stream().noneMatch(formulas::containsKey);
        if (constant || node.type.equals("Shape")) {
            tensors.put(node.outputs.get(0), node.constant(extents, unclaimed));
        } else {
            formulas.put(node.outputs.get(0), formula(node));
        }
    }

    private OnnxFormula formula(OnnxNode node) {
        return switch (node.type) {
            case "Gemm" -> gemm(node);
            case "MatMul" -> dense(node, node.floats(1), false, 1);
            case "Add", "Sub", "Mul", "Div" -> arithmetic(node);
            case "Relu" -> node.formula(0).then(Activation.RELU, node.name);
            case "Tanh" -> node.formula(0).then(Activation.TANH, node.name);
            case "Sigmoid" -> node.formula(0).then(Activation.SIGMOID, node.name);
            case "Gelu" -> {
                if (node.text("approximate").equals("tanh")) {
                    throw node.refusal("is the tanh approximation, Quern's GELU is exact");
                }
                yield node.formula(0).then(Activation.GELU, node.name);
            }
            case "Erf" -> node.formula(0).then(OnnxFormula.Kind.ERF, node.name);
            case "Softmax", "LogSoftmax" -> {
                long axis = node.whole("axis", -1);
                if (axis != 1 && axis != -1) {
                    throw node.refusal("is along axis %d, not along the outputs", axis);
                }
                yield node.formula(0).then(OnnxFormula.Kind.SOFTMAX, node.name);
            }
            case "Flatten" -> {
                if (node.whole("axis", 1) != 1) {
                    throw node.refusal("does not keep the rows");
                }
                yield node.formula(0).then(OnnxFormula.Kind.FLATTEN, node.name);
            }
            case "Reshape" -> reshape(node);
            case "Cast" -> {
                long to = node.whole("to", 0);
                if (!OnnxFields.FLOATS.contains((int) to)) {
                    throw node.refusal("casts to type %d, which holds no floats", to);
                }
                yield node.formula(0);
            }
            case "Identity", "Dropout" -> node.formula(0);
            default -> throw node.refusal("is of what is computed, which is not read");
        };
    }

    /** To rows of one extent, or to what they are: nothing else is read. */
    private OnnxFormula reshape(OnnxNode node) {
        long[] to = node.counts(1);
        int features = IntStream.of(extents).reduce(1, (a, b) -> a * b);
        boolean flat = to.length == 2 && (to[1] == features || to[1] == -1 && to[0] != features);
        if (!flat) {
            String shape = LongStream.of(to).mapToObj(Long::toString).collect(joining(", "));
            throw node.refusal(
                    "makes rows of another shape (%s) than one of %d values", shape, features);
        }
        return node.formula(0).then(OnnxFormula.Kind.FLATTEN, node.name);
    }

    /** alpha x·W + beta C, W transposed or not. */
    private OnnxFormula gemm(OnnxNode node) {
        if (node.whole("transA", 0) != 0) {
            throw node.refusal("transposes its rows");
        }
        boolean transposed = node.whole("transB", 0) != 0;
        OnnxFormula product = dense(node, node.floats(1), transposed, node.decimal("alpha"));
        if (node.input(2).isEmpty()) {
            return product;
        }
        float beta = node.decimal("beta");
        OnnxTensor bias = node.floats(2);
        if (bias.size() != product.shape()[1]) {
            Numbers shift = bias.numbers();
            for (int i = 0; i < shift.values().length; i++) {
                shift.values()[i] *= beta;
            }
            return product.then(Numbers.ONE, shift, node.name);
        }
        int[] shape = bias.shape();
        if (shape.length > 0 && shape[shape.length - 1] != bias.size()) {
            throw node.refusal("adds a column of shape %s", Arrays.toString(shape));
        }
        float[] row = bias.floats();
        for (int j = 0; beta != 1 && j < row.length; j++) {
            row[j] *= beta;
        }
        return new OnnxFormula(
                product.of(),
                OnnxFormula.Kind.DENSE,
                node.name,
                null,
                null,
                null,
                product.shape(),
                product.kernel(),
                row);
    }

    private OnnxFormula dense(OnnxNode node, OnnxTensor weights, boolean transposed, float alpha) {
        OnnxFormula of = node.formula(0);
        int[] shape = weights.shape();
        if (shape.length != 2) {
            throw node.refusal("multiplies by numbers of shape %s", Arrays.toString(shape));
        }
        int in = transposed ? shape[1] : shape[0];
        int units = transposed ? shape[0] : shape[1];
        float[] stored = weights.floats();
        float[] kernel = transposed ? new float[stored.length] : stored;
        for (int i = 0; transposed && i < kernel.length; i++) {
            kernel[i] = stored[i % units * in + i / units];
        }
        for (int i = 0; alpha != 1 && i < kernel.length; i++) {
            kernel[i] *= alpha;
        }
        int[] made = {in, units};
        return new OnnxFormula(
                of, OnnxFormula.Kind.DENSE, node.name, null, null, null, made, kernel, null);
    }

    private OnnxFormula arithmetic(OnnxNode node) {
        OnnxFormula left = formulas.get(node.input(0));
        OnnxFormula right = formulas.get(node.input(1));
        if (left != null && right != null) {
            return product(node, left, right);
        }
        OnnxFormula of = left == null ? right : left;
        Numbers numbers = node.floats(left == null ? 0 : 1).numbers();
        double[] values = numbers.values();
        switch (node.type) {
            case "Add" -> {
                return of.then(Numbers.ONE, numbers, node.name);
            }
            case "Mul" -> {
                return of.then(numbers, Numbers.ZERO, node.name);
            }
            case "Sub" -> {
                for (int i = 0; left != null && i < values.length; i++) {
                    values[i] = -values[i];
                }
                return of.then(Numbers.of(left == null ? -1 : 1), numbers, node.name);
            }
            default -> {
                if (left == null) {
                    throw node.refusal("divides by what is computed");
                }
                for (int i = 0; i < values.length; i++) {
                    values[i] = 1 / values[i];
                }
                return of.then(numbers, Numbers.ZERO, node.name);
            }
        }
    }

    /** {@code x · sigmoid(x)} and {@code x · (1 + erf(x / √2))}, the halves in any order. */
    private OnnxFormula product(OnnxNode node, OnnxFormula left, OnnxFormula right) {
        if (node.type.equals("Mul")) {
            OnnxFormula known = OnnxFormula.product(left, right, node.name);
            known = known == null ? OnnxFormula.product(right, left, node.name) : known;
            if (known != null) {
                return known;
            }
        }
        throw node.refusal(
                "joins two values that are computed: only x·sigmoid(x) and GELU are read");
    }
}
