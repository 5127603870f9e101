package org.quern.io;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * A message in Protocol Buffers' wire format, written field by field.
 *
 * @hidden
 */
public final class ProtoMessage {
    private static final int VARINT = 0;
    private static final int EIGHT_BYTES = 1;
    private static final int LENGTH_DELIMITED = 2;
    private static final int FOUR_BYTES = 5;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** A field with a number that is not negative. */
    public ProtoMessage number(int field, long value) {
        return key(field, VARINT).varint(value);
    }

    public ProtoMessage decimal(int field, double value) {
        key(field, EIGHT_BYTES);
        out.writeBytes(littleEndian(8).putDouble(value).array());
        return this;
    }

    public ProtoMessage decimal(int field, float value) {
        key(field, FOUR_BYTES);
        out.writeBytes(littleEndian(4).putFloat(value).array());
        return this;
    }

    public ProtoMessage text(int field, String value) {
        return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    public ProtoMessage message(int field, ProtoMessage inner) {
        return bytes(field, inner.bytes());
    }

    public ProtoMessage bytes(int field, byte[] value) {
        key(field, LENGTH_DELIMITED).varint(value.length);
        out.writeBytes(value);
        return this;
    }

    /** The fields of another message, behind its own. */
    public ProtoMessage append(ProtoMessage other) {
        out.writeBytes(other.bytes());
        return this;
    }

    public byte[] bytes() {
        return out.toByteArray();
    }

    private static ByteBuffer littleEndian(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    private ProtoMessage key(int field, int type) {
        return varint((long) field << 3 | type);
    }

    /**
     * A number that is not negative, seven bits a byte, lowest first; the upper bit: more follow.
     */
    private ProtoMessage varint(long value) {
        long rest = value;
        for (; rest > 0x7F; rest >>>= 7) {
            out.write((int) (rest & 0x7F | 0x80));
        }
        out.write((int) rest);
        return this;
    }
}
