package org.quern.io;

import static org.quern.QuernException.data;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.quern.QuernException;

/** The JSON header of a safetensors file, read and checked against the bytes that follow it. */
record SafeTensorsHeader(Map<String, String> metadata, List<Entry> entries) {
    private static final int MOST_DIMENSIONS = 8;
    private static final int LONGEST_SHOWN = 160;

    /** As many values as an array can have. */
    private static final int MOST_VALUES = Integer.MAX_VALUE - 8;

    /** A tensor of {@code size} values at bytes [begin, end) behind the header. */
    record Entry(String name, FloatType type, int[] shape, int size, long begin, long end) {}

    /**
     * Parses a header.
     *
     * @param available bytes behind the header
     */
    static SafeTensorsHeader parse(Path file, ByteBuffer bytes, long available) {
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw new QuernException(
                    QuernException.Kind.DATA, file + ": its header is not UTF-8 text", e);
        }
        if (!text.startsWith("{")) {
            throw data("%s: its header does not start with {", file);
        }
        Map<String, String> metadata = new LinkedHashMap<>();
        List<Entry> entries = new ArrayList<>();
        try (JsonReader json = new JsonReader(new StringReader(text))) {
            json.setStrictness(Strictness.STRICT);
            json.beginObject();
            Set<String> names = new HashSet<>();
            while (json.hasNext()) {
                String name = json.nextName();
                if (!names.add(name)) {
                    throw data("%s has tensor %s twice", file, shown(name));
                }
                if (name.equals("__metadata__")) {
                    readMetadata(file, json, metadata);
                } else {
                    entries.add(readEntry(file, json, name));
                }
            }
            json.endObject();
            if (json.peek() != JsonToken.END_DOCUMENT) {
                throw data("%s: its header goes on behind its end", file);
            }
        } catch (IOException | IllegalStateException | NumberFormatException e) {
            throw new QuernException(
                    QuernException.Kind.DATA,
                    file + ": its header is not what safetensors allows: " + firstLine(e),
                    e);
        }
        entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        checkCover(file, entries, available);
        return new SafeTensorsHeader(metadata, entries);
    }

    private static String firstLine(Exception e) {
        String message = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return shown(message.lines().findFirst().orElse(""));
    }

    /** A text out of a file as it can stand in a one-line message. */
    static String shown(String text) {
        String line = text.replaceAll("[\\p{Cc}\\p{Zl}\\p{Zp}]", "?");
        return line.length() <= LONGEST_SHOWN ? line : line.substring(0, LONGEST_SHOWN) + "...";
    }

    private static void readMetadata(Path file, JsonReader json, Map<String, String> metadata)
            throws IOException {
        json.beginObject();
        while (json.hasNext()) {
            String name = json.nextName();
            if (json.peek() != JsonToken.STRING) {
                throw data("%s: metadata %s is not text", file, shown(name));
            }
            if (metadata.put(name, json.nextString()) != null) {
                throw data("%s has metadata %s twice", file, shown(name));
            }
        }
        json.endObject();
    }

    private static Entry readEntry(Path file, JsonReader json, String name) throws IOException {
        String type = null;
        long[] shape = null;
        long[] offsets = null;
        json.beginObject();
        while (json.hasNext()) {
            String field = json.nextName();
            if (field.equals("dtype") && type == null) {
                type = json.nextString();
            } else if (field.equals("shape") && shape == null) {
                shape = readLongs(json);
            } else if (field.equals("data_offsets") && offsets == null) {
                offsets = readLongs(json);
            } else {
                throw data(
                        "%s: tensor %s has an unknown or repeated field %s",
                        file, shown(name), shown(field));
            }
        }
        json.endObject();
        if (type == null || shape == null || offsets == null || offsets.length != 2) {
            throw data("%s: tensor %s lacks dtype, shape or data_offsets", file, shown(name));
        }
        FloatType floats = FloatType.named(type);
        if (floats == null) {
            throw data(
                    "%s: tensor %s is %s; only F32, F64, F16 and BF16 are read: convert it",
                    file, shown(name), shown(type));
        }
        return checked(file, name, floats, shape, offsets[0], offsets[1]);
    }

    private static Entry checked(
            Path file, String name, FloatType type, long[] shape, long begin, long end) {
        int[] extents = new int[shape.length];
        long size = 1;
        for (int i = 0; i < shape.length; i++) {
            if (shape[i] > MOST_VALUES || size * shape[i] > MOST_VALUES) {
                throw data(
                        "%s: tensor %s has shape %s, more than %,d values",
                        file, shown(name), Arrays.toString(shape), MOST_VALUES);
            }
            extents[i] = (int) shape[i];
            size *= shape[i];
        }
        if (end < begin || end - begin != type.bytes() * size) {
            throw data(
                    "%s: tensor %s has %,d values, but its offsets are %d to %d",
                    file, shown(name), size, begin, end);
        }
        return new Entry(name, type, extents, (int) size, begin, end);
    }

    private static long[] readLongs(JsonReader json) throws IOException {
        long[] longs = new long[MOST_DIMENSIONS];
        int n = 0;
        json.beginArray();
        while (json.hasNext()) {
            if (n == MOST_DIMENSIONS) {
                throw new IllegalStateException(
                        "a shape has more than " + MOST_DIMENSIONS + " dimensions");
            }
            boolean number = json.peek() == JsonToken.NUMBER;
            String digits = number ? json.nextString() : "";
            if (!digits.matches("0|[1-9][0-9]{0,17}")) {
                throw new IllegalStateException(
                        "a shape or offset is not a whole number of at most 18 digits");
            }
            longs[n++] = Long.parseLong(digits);
        }
        json.endArray();
        return Arrays.copyOf(longs, n);
    }

    private static void checkCover(Path file, List<Entry> entries, long available) {
        long at = 0;
        for (Entry entry : entries) {
            if (entry.end > available) {
                throw data(
                        "%s: tensor %s ends at byte %,d of %,d: the file is truncated",
                        file, shown(entry.name), entry.end, available);
            }
            if (entry.begin < at) {
                throw data("%s: tensor %s overlaps the one before it", file, shown(entry.name));
            }
            if (entry.begin > at) {
                throw data(
                        "%s: %,d bytes before tensor %s belong to none",
                        file, entry.begin - at, shown(entry.name));
            }
            at = entry.end;
        }
        if (at != available) {
            throw data("%s: %,d bytes at its end belong to no tensor", file, available - at);
        }
    }
}
