package org.quern.io;

import static org.quern.QuernException.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A message in Protocol Buffers' wire format, read: its fields by number, each a number or some
 * bytes of the file, which are not copied. Of a field that is there several times and may not be,
 * the last one counts.
 */
final class ProtoReader {
    /** A number, or bytes; the other is 0 or null. */
    private record Field(long number, ByteBuffer bytes) {}

    private static final int LONGEST_VARINT = 70;

    private final Map<Integer, List<Field>> fields = new TreeMap<>();

    /**
     * Reads all fields of a message.
     *
     * @throws org.quern.QuernException if the bytes are none, without saying of what file
     */
    ProtoReader(ByteBuffer message) {
        ByteBuffer from = message.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        while (from.hasRemaining()) {
            long key = varint(from);
            Field field =
                    switch ((int) (key & 7)) {
                        case 0 -> new Field(varint(from), null);
                        case 1 -> new Field(need(from, 8).getLong(), null);
                        case 2 -> new Field(0, cut(from, varint(from)));
                        case 5 -> new Field(need(from, 4).getInt(), null);
                        default -> throw data("a field of unknown type %d", key & 7);
                    };
            if (key >>> 3 < 1 || key >>> 3 > Integer.MAX_VALUE) {
                throw data("a field of number %d", key >>> 3);
            }
            fields.computeIfAbsent((int) (key >>> 3), any -> new ArrayList<>(1)).add(field);
        }
    }

    private static long varint(ByteBuffer from) {
        long value = 0;
        for (int shift = 0; shift < LONGEST_VARINT; shift += 7) {
            byte next = need(from, 1).get();
            value |= (next & 0x7fL) << shift;
            if (next >= 0) {
                return value;
            }
        }
        throw data("a number of more than 10 bytes");
    }

    private static ByteBuffer need(ByteBuffer from, int bytes) {
        if (from.remaining() < bytes) {
            throw data("it ends in the middle of a field: it is truncated, or no such file");
        }
        return from;
    }

    private static ByteBuffer cut(ByteBuffer from, long length) {
        if (length < 0 || length > from.remaining()) {
            need(from, Integer.MAX_VALUE);
        }
        ByteBuffer bytes = from.slice(from.position(), (int) length).order(ByteOrder.LITTLE_ENDIAN);
        from.position(from.position() + (int) length);
        return bytes;
    }

    private List<Field> all(int field) {
        return fields.getOrDefault(field, List.of());
    }

    private Field last(int field) {
        List<Field> all = all(field);
        return all.isEmpty() ? null : all.get(all.size() - 1);
    }

    long number(int field, long otherwise) {
        Field last = last(field);
        return last == null || last.bytes != null ? otherwise : last.number;
    }

    float decimal(int field, float otherwise) {
        Field last = last(field);
        return last == null ? otherwise : Float.intBitsToFloat((int) last.number);
    }

    /** Bytes of a field; null if it is not there. */
    ByteBuffer bytes(int field) {
        Field last = last(field);
        return last == null || last.bytes == null
                ? null
                : last.bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Its text; empty if it is not there. */
    String text(int field) {
        ByteBuffer bytes = bytes(field);
        return bytes == null ? "" : StandardCharsets.UTF_8.decode(bytes).toString();
    }

    List<String> texts(int field) {
        return all(field).stream()
                .filter(one -> one.bytes != null)
                .map(one -> StandardCharsets.UTF_8.decode(one.bytes.duplicate()).toString())
                .toList();
    }

    /** A message within; one without fields if it is not there. */
    ProtoReader message(int field) {
        ByteBuffer bytes = bytes(field);
        return new ProtoReader(bytes == null ? ByteBuffer.allocate(0) : bytes);
    }

    List<ProtoReader> messages(int field) {
        return all(field).stream()
                .filter(one -> one.bytes != null)
                .map(one -> new ProtoReader(one.bytes))
                .toList();
    }

    /** Whole numbers of a repeated field, each on its own or all packed. */
    long[] numbers(int field) {
        List<Long> numbers = new ArrayList<>();
        for (Field one : all(field)) {
            if (one.bytes == null) {
                numbers.add(one.number);
            } else {
                ByteBuffer packed = one.bytes.duplicate();
                while (packed.hasRemaining()) {
                    numbers.add(varint(packed));
                }
            }
        }
        return numbers.stream().mapToLong(Long::longValue).toArray();
    }

    /** Little-endian numbers of so many bytes of a repeated field, in a row, packed or not. */
    ByteBuffer fixed(int field, int bytes) {
        List<Field> all = all(field);
        int size =
                all.stream().mapToInt(one -> one.bytes == null ? bytes : one.bytes.limit()).sum();
        ByteBuffer row = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        for (Field one : all) {
            if (one.bytes != null) {
                row.put(one.bytes.duplicate());
            } else if (bytes == Long.BYTES) {
                row.putLong(one.number);
            } else {
                row.putInt((int) one.number);
            }
        }
        return row.flip();
    }
}
