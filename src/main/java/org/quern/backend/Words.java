package org.quern.backend;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * Numbers for C and the kernels, which read them by name. In Java a name stands where its number is
 * put and nowhere else: {@code kernels/gen/abi.h} numbers the names in that order, which must not
 * depend on the plan, and {@code AbiTest} compares the two.
 *
 * @hidden
 */
public final class Words {
    private static final String ABI = "#define QUERN_ABI 0x";

    private final List<String> names = new ArrayList<>();
    private long[] values = new long[32];
    private int size;

    /** QUERN_ABI of the header in this jar, which a library has that was made of the same. */
    public static int abi() {
        try (InputStream in = Words.class.getResourceAsStream("/kernels/gen/abi.h")) {
            String header = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            int at = header.indexOf(ABI) + ABI.length();
            return Integer.parseUnsignedInt(header.substring(at, at + 8), 16);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Puts the next word: an integer, or an offset in an arena, which may be long.
     *
     * @param name after which a colon may come, and what the header says of the word
     */
    public Words put(String name, long value) {
        if (size == names.size()) {
            names.add(name);
        }
        if (size == values.length) {
            values = Arrays.copyOf(values, 2 * size);
        }
        values[size++] = value;
        return this;
    }

    public Words putFloat(String name, float value) {
        return put(name, Float.floatToRawIntBits(value));
    }

    /** Begins again, for the same names. */
    public Words clear() {
        size = 0;
        return this;
    }

    /** The names, in order, with what is said of them. */
    public List<String> names() {
        return List.copyOf(names);
    }

    public int size() {
        return size;
    }

    /** Writes all as words of 32 bits. */
    public void writeTo(ByteBuffer to) {
        for (int i = 0; i < size; i++) {
            to.putInt((int) values[i]);
        }
    }

    /** All words, followed by those of others. */
    public long[] followedBy(List<Words> others) {
        return Stream.concat(Stream.of(this), others.stream())
                .flatMapToLong(words -> Arrays.stream(words.values, 0, words.size))
                .toArray();
    }
}
