package org.quern.io;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;
import static org.quern.io.SafeTensors.shown;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.quern.io.LayerChain.Numbers;

/**
 * Constant numbers of an ONNX file, or of the file beside it that holds its larger tensors. They
 * are decoded when asked for, after the shape was found to be what the bytes are.
 */
final class OnnxTensor {
    private static final int MOST_DIMENSIONS = 8;
    private static final int MOST_COUNTS = 64;

    private final int[] shape;
    private final int count;

    /** Of floats; null of whole numbers. */
    private final FloatType type;

    private final ByteBuffer floats;
    private final long[] counts;

    private OnnxTensor(int[] shape, int count, FloatType type, ByteBuffer floats, long[] counts) {
        this.shape = shape;
        this.count = count;
        this.type = type;
        this.floats = floats;
        this.counts = counts;
    }

    /** Whole numbers, such as the entries of a shape. */
    static OnnxTensor ofCounts(long... counts) {
        return new OnnxTensor(new int[] {counts.length}, counts.length, null, null, counts);
    }

    /** Floats, one or a row of them. */
    static OnnxTensor ofFloats(ByteBuffer floats, boolean row) {
        int count = floats.remaining() / Float.BYTES;
        int[] shape = row ? new int[] {count} : new int[0];
        return new OnnxTensor(shape, count, FloatType.F32, floats, null);
    }

    /**
     * A tensor as its message has it.
     *
     * @param unclaimed of files beside it, the bytes that belong to no tensor yet
     */
    static OnnxTensor of(Path file, ProtoReader tensor, Map<Path, Long> unclaimed)
            throws IOException {
        String name = shown(tensor.text(OnnxFields.TENSOR_NAME));
        long[] dims = tensor.numbers(OnnxFields.TENSOR_DIMS);
        require(
                dims.length <= MOST_DIMENSIONS,
                "%s: tensor %s has %d dimensions",
                file,
                name,
                dims.length);
        int[] shape = new int[dims.length];
        long count = 1;
        for (int d = 0; d < shape.length; d++) {
            boolean fits = dims[d] >= 0 && (dims[d] == 0 || count <= Integer.MAX_VALUE / dims[d]);
            require(fits, "%s: tensor %s has shape %s", file, name, Arrays.toString(dims));
            shape[d] = (int) dims[d];
            count *= dims[d];
        }
        int type = (int) tensor.number(OnnxFields.TENSOR_TYPE, 0);
        ByteBuffer raw = tensor.bytes(OnnxFields.TENSOR_RAW);
        if (tensor.number(OnnxFields.TENSOR_LOCATION, 0) == OnnxFields.EXTERNAL) {
            raw = external(file, name, tensor, unclaimed);
        }
        if (type == OnnxFields.INT64 || type == OnnxFields.INT32) {
            require(count <= MOST_COUNTS, "%s: tensor %s has %,d whole numbers", file, name, count);
            long[] counts = counts(type, raw, tensor);
            require(counts.length == count, "%s: tensor %s is not of its shape", file, name);
            return new OnnxTensor(shape, (int) count, null, null, counts);
        }
        FloatType floats =
                switch (type) {
                    case OnnxFields.FLOAT -> FloatType.F32;
                    case OnnxFields.DOUBLE -> FloatType.F64;
                    case OnnxFields.FLOAT16 -> FloatType.F16;
                    case OnnxFields.BFLOAT16 -> FloatType.BF16;
                    default -> null;
                };
        String other =
                "%s: tensor %s is of ONNX's type %d: floats are read, quantized numbers are not";
        require(floats != null, other, file, name, type);
        if (raw == null) {
            raw = fields(floats, tensor);
        }
        String lacking = "%s: tensor %s has %,d bytes for %,d numbers of %s";
        boolean fits = raw.remaining() == count * floats.bytes;
        require(fits, lacking, file, name, raw.remaining(), count, floats);
        return new OnnxTensor(shape, (int) count, floats, raw, null);
    }

    private static long[] counts(int type, ByteBuffer raw, ProtoReader tensor) {
        if (raw == null) {
            boolean wide = type == OnnxFields.INT64;
            return tensor.numbers(wide ? OnnxFields.TENSOR_INT64S : OnnxFields.TENSOR_INT32S);
        }
        int bytes = type == OnnxFields.INT64 ? Long.BYTES : Integer.BYTES;
        long[] counts = new long[raw.remaining() / bytes];
        for (int i = 0; i < counts.length; i++) {
            counts[i] = type == OnnxFields.INT64 ? raw.getLong() : raw.getInt();
        }
        return counts;
    }

    /** Numbers in fields of their own; halves are each in a whole number. */
    private static ByteBuffer fields(FloatType type, ProtoReader tensor) {
        if (type == FloatType.F32) {
            return tensor.fixed(OnnxFields.TENSOR_FLOATS, Float.BYTES);
        }
        if (type == FloatType.F64) {
            return tensor.fixed(OnnxFields.TENSOR_DOUBLES, Double.BYTES);
        }
        long[] halves = tensor.numbers(OnnxFields.TENSOR_INT32S);
        ByteBuffer bytes =
                ByteBuffer.allocate(halves.length * type.bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (long half : halves) {
            bytes.putShort((short) half);
        }
        return bytes.flip();
    }

    /** A part of a file in the same folder, and in no other. */
    private static ByteBuffer external(
            Path file, String name, ProtoReader tensor, Map<Path, Long> unclaimed)
            throws IOException {
        String location = "";
        long offset = 0;
        long length = -1;
        for (ProtoReader entry : tensor.messages(OnnxFields.TENSOR_EXTERNAL)) {
            String value = entry.text(OnnxFields.ENTRY_VALUE);
            boolean isNumber = value.matches("\\d{1,18}");
            switch (entry.text(OnnxFields.ENTRY_KEY)) {
                case "location" -> location = value;
                case "offset" -> offset = isNumber ? Long.parseLong(value) : -1;
                case "length" -> length = isNumber ? Long.parseLong(value) : -1;
                default -> {}
            }
        }
        String elsewhere = "%s: tensor %s is in \"%s\", which is no file beside it";
        boolean isName = location.matches("[^/\\\\\\p{Cc}]+") && !location.matches("\\.\\.?");
        require(isName, elsewhere, file, name, shown(location));
        Path beside = file.resolveSibling(location);
        String missing = "%s: tensor %s is in %s, which is not there: put it beside the model";
        require(Files.isRegularFile(beside), missing, file, name, beside);
        try (FileChannel channel = FileChannel.open(beside)) {
            long size = channel.size();
            length = length < 0 ? size - offset : length;
            boolean within =
                    offset >= 0 && length >= 0 && offset <= size && length <= size - offset;
            String beyond = "%s: tensor %s is at bytes that %s has not";
            require(within && length < Integer.MAX_VALUE - 16, beyond, file, name, beside);
            long left = unclaimed.merge(beside, size - length, (now, other) -> now + other - size);
            require(left >= 0, "%s: more numbers are in %s than it has", file, beside);
            ByteBuffer bytes = ByteBuffer.allocate((int) length).order(ByteOrder.LITTLE_ENDIAN);
            while (bytes.hasRemaining() && channel.read(bytes, offset + bytes.position()) >= 0) {}
            if (bytes.hasRemaining()) {
                throw data("%s became shorter while being read", beside);
            }
            return bytes.flip();
        }
    }

    int[] shape() {
        return shape;
    }

    /** Its whole numbers; null if it has floats. */
    long[] counts() {
        return counts;
    }

    int size() {
        return count;
    }

    float[] floats() {
        float[] values = new float[count];
        ByteBuffer from = floats.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < count; i++) {
            values[i] = type.next(from);
        }
        return values;
    }

    Numbers numbers() {
        float[] floats = floats();
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = floats[i];
        }
        return new Numbers(shape, values);
    }
}
