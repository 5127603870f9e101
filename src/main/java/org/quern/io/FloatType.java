package org.quern.io;

import java.nio.ByteBuffer;

/** The types of a safetensors file that can be read as float32. */
enum FloatType {
    /** IEEE 754 binary32. */
    F32(4) {
        @Override
        void decode(ByteBuffer from, float[] to, int at, int count) {
            from.asFloatBuffer().get(to, at, count);
        }
    },
    /** IEEE 754 binary64, rounded to nearest. */
    F64(8) {
        @Override
        void decode(ByteBuffer from, float[] to, int at, int count) {
            for (int i = 0; i < count; i++) {
                to[at + i] = (float) from.getDouble();
            }
        }
    },
    /** IEEE 754 binary16: 5 bits of exponent, 10 of fraction; float32 holds every value of it. */
    F16(2) {
        @Override
        void decode(ByteBuffer from, float[] to, int at, int count) {
            for (int i = 0; i < count; i++) {
                to[at + i] = half(from.getShort());
            }
        }
    },
    /** The upper half of an F32. */
    BF16(2) {
        @Override
        void decode(ByteBuffer from, float[] to, int at, int count) {
            for (int i = 0; i < count; i++) {
                to[at + i] = Float.intBitsToFloat(from.getShort() << 16);
            }
        }
    };

    private final int bytes;

    FloatType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of a value. */
    int bytes() {
        return bytes;
    }

    /** Turns {@code count} little-endian values into float32. */
    abstract void decode(ByteBuffer from, float[] to, int at, int count);

    /** The type of that name in a header; null if it is none of these. */
    static FloatType named(String name) {
        for (FloatType type : values()) {
            if (type.name().equals(name)) {
                return type;
            }
        }
        return null;
    }

    private static float half(short bits) {
        int exponent = bits >> 10 & 0x1f;
        int fraction = bits & 0x3ff;
        float magnitude =
                switch (exponent) {
                    case 0 -> fraction * 0x1p-24f;
                    case 31 -> fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
                    default -> Math.scalb(1 + fraction * 0x1p-10f, exponent - 15);
                };
        return bits < 0 ? -magnitude : magnitude;
    }
}
