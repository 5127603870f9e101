package org.quern.io;

import static org.quern.QuernException.copied;
import static org.quern.QuernException.data;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;
import static org.quern.QuernException.usage;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
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
    private static final String METADATA = "__metadata__";
    private static final String TYPE = "dtype";
    private static final String SHAPE = "shape";
    private static final String OFFSETS = "data_offsets";
    private static final Set<String> FIELDS = Set.of(TYPE, SHAPE, OFFSETS);
    private static final long LONGEST_HEADER = 100_000_000;
    private static final int BLOCK = 1 << 16;
    private static final int MOST_DIMENSIONS = 8;
    private static final int LONGEST_SHOWN = 160;

    /** As many values as an array can have. */
    private static final int MOST_VALUES = Integer.MAX_VALUE - 8;

    private static final Gson JSON = new GsonBuilder().disableHtmlEscaping().create();

    /**
     * A named array.
     *
     * @param shape extents; their product is the number of values
     */
    public record Tensor(String name, int[] shape, float[] values) {
        public Tensor {
            long size =
                    IntStream.of(given(shape, "shape")).asLongStream().reduce(1, (a, b) -> a * b);
            if (size != given(values, "values").length) {
                throw usage("%s: %d values for a shape of %d", name, values.length, size);
            }
        }

        @Override
        public String toString() {
            return name + " " + Arrays.toString(shape);
        }
    }

    /** Copies both, in order; no two tensors may share a name. */
    public SafeTensors {
        Set<String> names = new HashSet<>();
        for (Tensor tensor : copied(tensors, "tensors")) {
            if (!names.add(tensor.name)) {
                throw usage("two tensors are called %s", tensor.name);
            }
        }
        metadata = Collections.unmodifiableMap(new LinkedHashMap<>(given(metadata, "metadata")));
        tensors = List.copyOf(tensors);
    }

    /** The tensor of that name; null if there is none. */
    public Tensor tensor(String name) {
        return tensors.stream().filter(tensor -> tensor.name.equals(name)).findAny().orElse(null);
    }

    // ---- writing

    /** Writes the file atomically, the header padded with blanks to a multiple of 8 bytes. */
    public void write(Path file) {
        byte[] header = header().getBytes(StandardCharsets.UTF_8);
        byte[] padded = Arrays.copyOf(header, (header.length + 7) / 8 * 8);
        Arrays.fill(padded, header.length, padded.length, (byte) ' ');
        AtomicFile.write(
                file,
                out -> {
                    ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
                    out.write(length.putLong(padded.length).array());
                    out.write(padded);
                    for (Tensor tensor : tensors) {
                        write(tensor.values, out);
                    }
                });
    }

    private static void write(float[] values, OutputStream out) throws IOException {
        ByteBuffer block = ByteBuffer.allocate(BLOCK).order(ByteOrder.LITTLE_ENDIAN);
        for (int done = 0; done < values.length; ) {
            int count = Math.min(BLOCK / Float.BYTES, values.length - done);
            block.asFloatBuffer().put(values, done, count);
            out.write(block.array(), 0, Float.BYTES * count);
            done += count;
        }
    }

    private String header() {
        Map<String, Object> header = new LinkedHashMap<>();
        if (!metadata.isEmpty()) {
            header.put(METADATA, metadata);
        }
        long at = 0;
        for (Tensor tensor : tensors) {
            long end = at + 4L * tensor.values.length;
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put(TYPE, FloatType.F32.name());
            entry.put(SHAPE, tensor.shape);
            entry.put(OFFSETS, new long[] {at, end});
            header.put(tensor.name, entry);
            at = end;
        }
        return JSON.toJson(header);
    }

    // ---- reading

    /** What the header says of a tensor: {@code size} values at bytes [begin, end) behind it. */
    private record Entry(
            String name, FloatType type, int[] shape, int size, long begin, long end) {}

    /** Types that are not read, and the bytes of a number. */
    private static final Map<String, Integer> NO_FLOATS =
            Map.of(
                    "I64", 8, "I32", 4, "I16", 2, "I8", 1, "U64", 8, "U32", 4, "U16", 2, "U8", 1,
                    "BOOL", 1);

    /**
     * Reads a file strictly: nothing is allocated before it is known to be there, and no tensor may
     * overlap another, leave a gap or be named twice. F32 is read as it is; F64, F16 and BF16 are
     * turned into float32, F64 rounded to nearest.
     *
     * @throws org.quern.QuernException if it is damaged; the message names file, tensor and fault
     */
    public static SafeTensors read(Path file) {
        return read(file, (List<String>) null);
    }

    /** The same, where {@code others} takes the names of tensors that do not hold floats. */
    static SafeTensors read(Path file, List<String> others) {
        require(Files.exists(given(file, "file")), "%s does not exist", file);
        require(Files.isRegularFile(file), "%s is not a file", file);
        try {
            return AtomicFile.uninterrupted(
                    () -> {
                        // of which both are, if it is replaced
                        try (FileChannel channel = FileChannel.open(file)) {
                            InputStream in = Channels.newInputStream(channel);
                            return read(file, in, channel.size(), others);
                        }
                    });
        } catch (IOException e) {
            throw data(e, "%s cannot be read: %s", file, e.getMessage());
        }
    }

    private static SafeTensors read(Path file, InputStream in, long size, List<String> others)
            throws IOException {
        require(size >= 8, "%s has %d bytes, too few for a safetensors file", file, size);
        long length = next(in, 8).getLong();
        boolean fits = length >= 2 && length <= LONGEST_HEADER && length <= size - 8;
        String text =
                "%s is not a safetensors file, or is truncated: its header would have %s bytes of %,d";
        require(fits, text, file, Long.toUnsignedString(length), size - 8);
        Map<String, String> metadata = new LinkedHashMap<>();
        boolean floatsOnly = others == null;
        List<Entry> entries = parse(file, next(in, (int) length), metadata, floatsOnly);
        checkCover(file, entries, size - 8 - length);
        List<Tensor> tensors = new ArrayList<>();
        for (Entry entry : entries) {
            if (entry.type == null) {
                others.add(entry.name);
                in.skipNBytes(entry.end - entry.begin);
                continue;
            }
            float[] values = new float[entry.size];
            for (int done = 0; done < values.length; ) {
                int count = Math.min(BLOCK / entry.type.bytes, values.length - done);
                ByteBuffer block = next(in, entry.type.bytes * count);
                if (entry.type == FloatType.F32) {
                    block.asFloatBuffer().get(values, done, count);
                } else {
                    for (int i = 0; i < count; i++) {
                        values[done + i] = entry.type.next(block);
                    }
                }
                done += count;
            }
            tensors.add(new Tensor(entry.name, entry.shape, values));
        }
        return new SafeTensors(metadata, tensors);
    }

    private static ByteBuffer next(InputStream in, int count) throws IOException {
        byte[] bytes = new byte[count];
        if (in.readNBytes(bytes, 0, count) < count) {
            throw new IOException("it became shorter while being read");
        }
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Parses the header: its tensors in the order of their offsets. */
    private static List<Entry> parse(
            Path file, ByteBuffer bytes, Map<String, String> metadata, boolean floatsOnly) {
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw data(e, "%s: its header is not UTF-8 text", file);
        }
        require(text.startsWith("{"), "%s: its header does not start with {", file);
        List<Entry> entries = new ArrayList<>();
        try (JsonReader json = new JsonReader(new StringReader(text))) {
            json.setStrictness(Strictness.STRICT);
            json.beginObject();
            Set<String> names = new HashSet<>();
            while (json.hasNext()) {
                String name = json.nextName();
                require(names.add(name), "%s has tensor %s twice", file, shown(name));
                if (name.equals(METADATA)) {
                    readMetadata(file, json, metadata);
                } else {
                    entries.add(readEntry(where(file, name), json, name, floatsOnly));
                }
            }
            json.endObject();
            boolean isEnd = json.peek() == JsonToken.END_DOCUMENT;
            require(isEnd, "%s: its header goes on behind its end", file);
        } catch (IOException | IllegalStateException | NumberFormatException e) {
            String why = shown(Json.why(e));
            throw data(e, "%s: its header is not what safetensors allows: %s", file, why);
        }
        entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        return entries;
    }

    /** A text out of a file as it can stand in a one-line message. */
    static String shown(String text) {
        String line = text.replaceAll("[\\p{Cc}\\p{Zl}\\p{Zp}]", "?");
        return line.length() <= LONGEST_SHOWN ? line : line.substring(0, LONGEST_SHOWN) + "...";
    }

    private static String where(Path file, String tensor) {
        return file + ": tensor " + shown(tensor);
    }

    private static void readMetadata(Path file, JsonReader json, Map<String, String> metadata)
            throws IOException {
        json.beginObject();
        while (json.hasNext()) {
            String name = json.nextName();
            boolean isText = json.peek() == JsonToken.STRING;
            require(isText, "%s: metadata %s is not text", file, shown(name));
            String before = metadata.put(name, json.nextString());
            require(before == null, "%s has metadata %s twice", file, shown(name));
        }
        json.endObject();
    }

    private static Entry readEntry(String where, JsonReader json, String name, boolean floatsOnly)
            throws IOException {
        Map<String, Object> fields = new HashMap<>();
        json.beginObject();
        while (json.hasNext()) {
            String field = json.nextName();
            boolean isNew = FIELDS.contains(field) && !fields.containsKey(field);
            require(isNew, "%s has an unknown or repeated field %s", where, shown(field));
            fields.put(field, field.equals(TYPE) ? json.nextString() : readLongs(json));
        }
        json.endObject();
        long[] offsets = (long[]) fields.get(OFFSETS);
        boolean isWhole = fields.size() == FIELDS.size() && offsets.length == 2;
        require(isWhole, "%s lacks dtype, shape or data_offsets", where);
        String asked = (String) fields.get(TYPE);
        Stream<FloatType> known = Stream.of(FloatType.values());
        FloatType type = known.filter(one -> one.name().equals(asked)).findAny().orElse(null);
        String convert = "%s is %s; only F32, F64, F16 and BF16 are read: convert it";
        boolean isKnown = type != null || !floatsOnly && NO_FLOATS.containsKey(asked);
        require(isKnown, convert, where, shown(asked));
        int bytes = type == null ? NO_FLOATS.get(asked) : type.bytes;
        long[] shape = (long[]) fields.get(SHAPE);
        int[] extents = new int[shape.length];
        long size = 1;
        for (int i = 0; i < shape.length; i++) {
            boolean fits = shape[i] <= MOST_VALUES && size * shape[i] <= MOST_VALUES;
            String text = Arrays.toString(shape);
            require(fits, "%s has shape %s, more than %,d values", where, text, MOST_VALUES);
            extents[i] = (int) shape[i];
            size *= shape[i];
        }
        long begin = offsets[0];
        long end = offsets[1];
        String message = "%s has %,d values, but its offsets are %d to %d";
        require(end - begin == bytes * size, message, where, size, begin, end);
        return new Entry(name, type, extents, (int) size, begin, end);
    }

    private static long[] readLongs(JsonReader json) throws IOException {
        List<Long> longs = new ArrayList<>();
        json.beginArray();
        while (json.hasNext()) {
            if (longs.size() == MOST_DIMENSIONS) {
                String text = "a shape has more than " + MOST_DIMENSIONS + " dimensions";
                throw new IllegalStateException(text);
            }
            String digits = json.peek() == JsonToken.NUMBER ? json.nextString() : "";
            if (!digits.matches("0|[1-9][0-9]{0,17}")) {
                throw new IllegalStateException(
                        "a shape or offset is not a whole number of at most 18 digits");
            }
            longs.add(Long.parseLong(digits));
        }
        json.endArray();
        return longs.stream().mapToLong(Long::longValue).toArray();
    }

    private static void checkCover(Path file, List<Entry> entries, long available) {
        long at = 0;
        for (Entry entry : entries) {
            String where = where(file, entry.name);
            String truncated = "%s ends at byte %,d of %,d: the file is truncated";
            require(entry.end <= available, truncated, where, entry.end, available);
            require(entry.begin >= at, "%s overlaps the one before it", where);
            String gap = "%s: %,d bytes before tensor %s belong to none";
            require(entry.begin == at, gap, file, entry.begin - at, shown(entry.name));
            at = entry.end;
        }
        long rest = available - at;
        require(rest == 0, "%s: %,d bytes at its end belong to no tensor", file, rest);
    }
}
