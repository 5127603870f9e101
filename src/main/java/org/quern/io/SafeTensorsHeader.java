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

    /** A tensor's place: bytes [begin, end) behind the header. */
    record Entry(String name, int[] shape, long begin, long end) {}

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
                    throw data("%s has tensor %s twice", file, name);
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
        return message.lines().findFirst().orElse("");
    }

    private static void readMetadata(Path file, JsonReader json, Map<String, String> metadata)
            throws IOException {
        json.beginObject();
        while (json.hasNext()) {
            String name = json.nextName();
            if (json.peek() != JsonToken.STRING) {
                throw data("%s: metadata %s is not text", file, name);
            }
            if (metadata.put(name, json.nextString()) != null) {
                throw data("%s has metadata %s twice", file, name);
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
                throw data("%s: tensor %s has an unknown or repeated field %s", file, name, field);
            }
        }
        json.endObject();
        if (type == null || shape == null || offsets == null || offsets.length != 2) {
            throw data("%s: tensor %s lacks dtype, shape or data_offsets", file, name);
        }
        if (!type.equals("F32")) {
            throw data("%s: tensor %s is %s; only F32 is read: convert it", file, name, type);
        }
        return checked(file, name, shape, offsets[0], offsets[1]);
    }

    private static Entry checked(Path file, String name, long[] shape, long begin, long end) {
        int[] extents = new int[shape.length];
        long size = 1;
        for (int i = 0; i < shape.length; i++) {
            if (shape[i] < 0
                    || shape[i] > Integer.MAX_VALUE
                    || size * shape[i] > Integer.MAX_VALUE / 4) {
                throw data("%s: tensor %s has an extent of %d", file, name, shape[i]);
            }
            extents[i] = (int) shape[i];
            size *= shape[i];
        }
        if (begin < 0 || end < begin || end - begin != 4 * size) {
            throw data(
                    "%s: tensor %s has %,d values, but its offsets are %d to %d",
                    file, name, size, begin, end);
        }
        return new Entry(name, extents, begin, end);
    }

    private static long[] readLongs(JsonReader json) throws IOException {
        long[] longs = new long[MOST_DIMENSIONS];
        int n = 0;
        json.beginArray();
        while (json.hasNext()) {
            if (n == MOST_DIMENSIONS) {
                throw new IllegalStateException("more than " + MOST_DIMENSIONS + " dimensions");
            }
            if (json.peek() != JsonToken.NUMBER) {
                throw new IllegalStateException("a shape or offset is not a number");
            }
            longs[n++] = json.nextLong();
        }
        json.endArray();
        return java.util.Arrays.copyOf(longs, n);
    }

    private static void checkCover(Path file, List<Entry> entries, long available) {
        long at = 0;
        for (Entry entry : entries) {
            if (entry.end > available) {
                throw data(
                        "%s: tensor %s ends at byte %,d of %,d: the file is truncated",
                        file, entry.name, entry.end, available);
            }
            if (entry.begin < at) {
                throw data("%s: tensor %s overlaps the one before it", file, entry.name);
            }
            if (entry.begin > at) {
                throw data(
                        "%s: %,d bytes before tensor %s belong to none",
                        file, entry.begin - at, entry.name);
            }
            at = entry.end;
        }
        if (at != available) {
            throw data("%s: %,d bytes at its end belong to no tensor", file, available - at);
        }
    }
}
