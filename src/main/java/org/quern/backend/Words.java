package org.quern.backend;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Numbers for C and the kernels, which read them by name. In Java a name stands where its number is
 * put and nowhere else: {@code kernels/gen/abi.h} numbers the names in the order in which they are
 * put, and {@code AbiTest} compares it with what is put. The numbers may depend on a plan, the
 * names may not.
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

    /** Puts the bits of a float. */
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

    /** How many words there are. */
    public int size() {
        return size;
    }

    /** Writes all as words of 32 bits. */
    public void writeTo(ByteBuffer to) {
        for (int i = 0; i < size; i++) {
            to.putInt((int) values[i]);
        }
    }

    /** Appends other words to a copy of all. */
    public long[] followedBy(List<Words> others) {
        long[] all = Arrays.copyOf(values, size);
        for (Words other : others) {
            int end = all.length;
            all = Arrays.copyOf(all, end + other.size);
            System.arraycopy(other.values, 0, all, end, other.size);
        }
        return all;
    }
}
