package org.quern.io;

import java.nio.ByteBuffer;

/** The types of numbers that model files may hold, and how many bytes one has. */
enum FloatType {
    /** IEEE 754's binary32. */
    F32(4),
    /** Its binary64, which is rounded to nearest. */
    F64(8),
    /** Its binary16: 5 bits of exponent, 10 of fraction. */
    F16(2),
    /** The upper half of an F32. */
    BF16(2);

    final int bytes;

    FloatType(int bytes) {
        this.bytes = bytes;
    }

    /** The next value as float32. */
    float next(ByteBuffer from) {
        return switch (this) {
            case F32 -> from.getFloat();
            case F64 -> (float) from.getDouble();
            case F16 -> half(from.getShort());
            case BF16 -> Float.intBitsToFloat(from.getShort() << 16);
        };
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
