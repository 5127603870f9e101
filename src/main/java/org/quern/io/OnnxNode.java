package org.quern.io;

import static org.quern.QuernException.data;
import static org.quern.io.SafeTensors.shown;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.quern.QuernException;

/** A node of an ONNX graph, what its inputs are, and what it gives if they are constants. */
final class OnnxNode {
    /** Stands for the number of rows in a shape that the graph computes. */
    private static final long ROWS = -1;

    private final Path file;
    private final Map<String, OnnxTensor> tensors;
    private final Map<String, OnnxFormula> formulas;
    final String type;
    final String name;
    final List<String> inputs;
    final List<String> outputs;
    private final Map<String, ProtoReader> attributes = new HashMap<>();

    OnnxNode(
            Path file,
            ProtoReader message,
            Map<String, OnnxTensor> tensors,
            Map<String, OnnxFormula> formulas) {
        this.file = file;
        this.tensors = tensors;
        this.formulas = formulas;
        type = message.text(OnnxFields.NODE_TYPE);
        String own = message.text(OnnxFields.NODE_NAME);
        outputs = message.texts(OnnxFields.NODE_OUTPUT);
        String of = own.isEmpty() && !outputs.isEmpty() ? outputs.get(0) : own;
        name = "node " + shown(of) + " (" + type + ")";
        inputs = message.texts(OnnxFields.NODE_INPUT);
        for (ProtoReader attribute : message.messages(OnnxFields.NODE_ATTRIBUTE)) {
            attributes.put(attribute.text(OnnxFields.ATTRIBUTE_NAME), attribute);
        }
    }

    String input(int i) {
        return i < inputs.size() ? inputs.get(i) : "";
    }

    /** The formula that input i is; refused if it is none. */
    OnnxFormula formula(int i) {
        OnnxFormula formula = formulas.get(input(i));
        if (formula == null) {
            throw refusal("does not take what is computed of the input");
        }
        return formula;
    }

    /** The constant that input i is; refused if it is none. */
    OnnxTensor floats(int i) {
        OnnxTensor tensor = tensors.get(input(i));
        if (tensor == null || tensor.counts() != null) {
            throw refusal("takes other than constant numbers as its input %d", i + 1);
        }
        return tensor;
    }

    long[] counts(int i) {
        OnnxTensor tensor = tensors.get(input(i));
        if (tensor == null || tensor.counts() == null) {
            throw refusal("takes other than constant whole numbers as its input %d", i + 1);
        }
        return tensor.counts();
    }

    long whole(String attribute, long otherwise) {
        ProtoReader found = attributes.get(attribute);
        return found == null ? otherwise : found.number(OnnxFields.ATTRIBUTE_INT, 0);
    }

    float decimal(String attribute) {
        ProtoReader found = attributes.get(attribute);
        return found == null ? 1 : found.decimal(OnnxFields.ATTRIBUTE_FLOAT, 0);
    }

    String text(String attribute) {
        ProtoReader found = attributes.get(attribute);
        return found == null ? "" : found.text(OnnxFields.ATTRIBUTE_TEXT);
    }

    QuernException refusal(String text, Object... arguments) {
        return data("%s: %s %s", file, name, text.formatted(arguments));
    }

    /**
     * What it gives, of constants alone or of the shape of the input.
     *
     * @param extents of an input row
     * @param unclaimed as for {@link OnnxTensor#of}
     */
    OnnxTensor constant(int[] extents, Map<Path, Long> unclaimed) throws IOException {
        switch (type) {
            case "Constant" -> {
                return literal(unclaimed);
            }
            case "Shape" -> {
                boolean whole = formula(0).kind() == OnnxFormula.Kind.INPUT && attributes.isEmpty();
                if (!whole) {
                    throw refusal("is of other than the whole input");
                }
                return OnnxTensor.ofCounts(
                        LongStream.concat(LongStream.of(ROWS), IntStream.of(extents).asLongStream())
                                .toArray());
            }
            case "Identity", "Cast", "Unsqueeze", "Squeeze" -> {
                OnnxTensor same = tensors.get(input(0));
                if (same != null && (same.counts() != null || type.equals("Identity"))) {
                    return same;
                }
            }
            case "Gather" -> {
                long[] from = counts(0);
                long[] picked = counts(1).clone();
                for (int i = 0; i < picked.length; i++) {
                    long at = picked[i] < 0 ? picked[i] + from.length : picked[i];
                    if (at < 0 || at >= from.length) {
                        throw refusal("picks what is not there");
                    }
                    picked[i] = from[(int) at];
                }
                return OnnxTensor.ofCounts(picked);
            }
            case "Slice" -> {
                long[] from = counts(0);
                long begin = Math.min(Math.max(0, counts(1)[0]), from.length);
                long end = Math.min(Math.max(begin, counts(2)[0]), from.length);
                return OnnxTensor.ofCounts(Arrays.copyOfRange(from, (int) begin, (int) end));
            }
            case "Concat" -> {
                if (inputs.size() > 8) {
                    throw refusal("is of too many parts");
                }
                LongStream all = LongStream.empty();
                for (int i = 0; i < inputs.size(); i++) {
                    all = LongStream.concat(all, LongStream.of(counts(i)));
                }
                return OnnxTensor.ofCounts(all.limit(64).toArray());
            }
            default -> {}
        }
        throw refusal("computes a constant: simplify the file first");
    }

    private OnnxTensor literal(Map<Path, Long> unclaimed) throws IOException {
        ProtoReader value = attributes.get("value");
        if (value != null) {
            return OnnxTensor.of(file, value.message(OnnxFields.ATTRIBUTE_TENSOR), unclaimed);
        }
        ProtoReader single = attributes.get("value_int");
        ProtoReader several = attributes.get("value_ints");
        if (single != null) {
            return OnnxTensor.ofCounts(single.number(OnnxFields.ATTRIBUTE_INT, 0));
        }
        if (several != null) {
            return OnnxTensor.ofCounts(several.numbers(OnnxFields.ATTRIBUTE_INTS));
        }
        boolean row = attributes.containsKey("value_floats");
        ProtoReader floats = attributes.get(row ? "value_floats" : "value_float");
        if (floats == null) {
            throw refusal("is of other than numbers");
        }
        int field = row ? OnnxFields.ATTRIBUTE_FLOATS : OnnxFields.ATTRIBUTE_FLOAT;
        return OnnxTensor.ofFloats(floats.fixed(field, Float.BYTES), row);
    }
}
