package org.quern.io;

import static org.quern.QuernException.data;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.quern.QuernException;
import org.quern.files.AtomicFile;

/**
 * A safetensors file of float32 tensors: an unsigned 64-bit little-endian header length, a JSON
 * header with type, shape and offsets of each tensor, the values, little-endian and row-major,
 * without gaps.
 *
 * @param metadata the header's {@code __metadata__}, text to text, in order
 * @param tensors in the order of their values in the file
 */
public record SafeTensors(Map<String, String> metadata, List<Tensor> tensors) {
    static final long LONGEST_HEADER = 100_000_000;
    private static final int BLOCK = 1 << 16;

    /**
     * A named array.
     *
     * @param shape extents; their product is the number of values
     */
    public record Tensor(String name, int[] shape, float[] values) {
        /** Checks that the shape holds the values. */
        public Tensor {
            long size = 1;
            for (int extent : shape) {
                size *= extent;
            }
            if (size != values.length) {
                throw new IllegalArgumentException(
                        name + ": " + values.length + " values for a shape of " + size);
            }
        }
    }

    /** Copies both, in order; no two tensors may share a name. */
    public SafeTensors {
        Set<String> names = new HashSet<>();
        for (Tensor tensor : tensors) {
            if (!names.add(tensor.name)) {
                throw new IllegalArgumentException("two tensors are called " + tensor.name);
            }
        }
        metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
        tensors = List.copyOf(tensors);
    }

    /** The tensor of that name; null if there is none. */
    public Tensor tensor(String name) {
        for (Tensor tensor : tensors) {
            if (tensor.name.equals(name)) {
                return tensor;
            }
        }
        return null;
    }

    /** Writes the file atomically, the header padded with blanks to a multiple of 8 bytes. */
    public void write(Path file) {
        byte[] header = header().getBytes(StandardCharsets.UTF_8);
        int padded = (header.length + 7) / 8 * 8;
        AtomicFile.write(
                file,
                out -> {
                    ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
                    out.write(length.putLong(padded).array());
                    out.write(header);
                    out.write(
                            " ".repeat(padded - header.length).getBytes(StandardCharsets.US_ASCII));
                    for (Tensor tensor : tensors) {
                        write(tensor.values, out);
                    }
                });
    }

    private static void write(float[] values, OutputStream out) throws IOException {
        ByteBuffer block = ByteBuffer.allocate(BLOCK).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            block.putFloat(value);
            if (!block.hasRemaining()) {
                out.write(block.array());
                block.clear();
            }
        }
        out.write(block.array(), 0, block.position());
    }

    private String header() {
        StringWriter text = new StringWriter();
        try (JsonWriter json = new JsonWriter(text)) {
            json.setHtmlSafe(false);
            json.beginObject();
            if (!metadata.isEmpty()) {
                json.name("__metadata__").beginObject();
                for (Map.Entry<String, String> entry : metadata.entrySet()) {
                    json.name(entry.getKey()).value(entry.getValue());
                }
                json.endObject();
            }
            long at = 0;
            for (Tensor tensor : tensors) {
                long end = at + 4L * tensor.values.length;
                json.name(tensor.name).beginObject().name("dtype").value("F32");
                json.name("shape").beginArray();
                for (int extent : tensor.shape) {
                    json.value(extent);
                }
                json.endArray();
                json.name("data_offsets").beginArray().value(at).value(end).endArray();
                json.endObject();
                at = end;
            }
            json.endObject();
        } catch (IOException e) {
            throw new UncheckedIOException("a string cannot be written", e);
        }
        return text.toString();
    }

    /**
     * Reads a file strictly: nothing is allocated before it is known to be there, and no tensor may
     * overlap another, leave a gap or be named twice. F32 is read as it is; F64, F16 and BF16 are
     * turned into float32, F64 rounded to nearest.
     *
     * @throws org.quern.QuernException if it is damaged; the message names file, tensor and fault
     */
    public static SafeTensors read(Path file) {
        if (!Files.exists(file)) {
            throw data("%s does not exist", file);
        }
        if (!Files.isRegularFile(file)) {
            throw data("%s is not a file", file);
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return read(file, channel);
        } catch (IOException e) {
            throw new QuernException(
                    QuernException.Kind.DATA, file + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static SafeTensors read(Path file, FileChannel channel) throws IOException {
        long size = channel.size();
        if (size < 8) {
            throw data("%s has %d bytes, too few for a safetensors file", file, size);
        }
        long length = bytes(channel, 8).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (length < 2 || length > LONGEST_HEADER || length > size - 8) {
            throw data(
                    "%s is not a safetensors file, or is truncated: its header would have %s bytes"
                            + " of %,d",
                    file, Long.toUnsignedString(length), size - 8);
        }
        ByteBuffer header = bytes(channel, (int) length);
        SafeTensorsHeader parsed = SafeTensorsHeader.parse(file, header, size - 8 - length);
        List<Tensor> tensors = new ArrayList<>();
        for (SafeTensorsHeader.Entry entry : parsed.entries()) {
            float[] values = new float[entry.size()];
            floats(channel, entry.type(), values);
            tensors.add(new Tensor(entry.name(), entry.shape(), values));
        }
        return new SafeTensors(parsed.metadata(), tensors);
    }

    private static void floats(FileChannel channel, FloatType type, float[] values)
            throws IOException {
        ByteBuffer block = ByteBuffer.allocate(BLOCK).order(ByteOrder.LITTLE_ENDIAN);
        int most = BLOCK / type.bytes();
        for (int done = 0; done < values.length; ) {
            int now = Math.min(most, values.length - done);
            block.clear().limit(type.bytes() * now);
            fill(channel, block);
            type.decode(block.flip(), values, done, now);
            done += now;
        }
    }

    private static ByteBuffer bytes(FileChannel channel, int count) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(count);
        fill(channel, buffer);
        return buffer.flip();
    }

    private static void fill(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            if (channel.read(buffer) < 0) {
                throw new IOException("it became shorter while being read");
            }
        }
    }
}
