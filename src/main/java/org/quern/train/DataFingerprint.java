package org.quern.train;

import java.nio.ByteBuffer;
import java.util.Locale;
import java.util.zip.CRC32C;
import org.quern.data.Dataset;

/**
 * Tells whether two data sets are the same: rows, features and a CRC-32C of all their contents.
 *
 * @hidden
 */
public final class DataFingerprint {
    private static final int BLOCK = 1 << 14;

    private DataFingerprint() {}

    /** The fingerprint as text, for instance {@code 60000x784 1a2b3c4d}. About 10 ms for MNIST. */
    public static String of(Dataset set) {
        CRC32C crc = new CRC32C();
        if (set.isPixels()) {
            crc.update(set.pixels());
        } else {
            floats(crc, set.values());
        }
        if (set.hasLabels()) {
            ByteBuffer buffer = ByteBuffer.allocate(4 * set.rows());
            buffer.asIntBuffer().put(set.labels());
            crc.update(buffer);
        }
        if (set.hasTargets()) {
            floats(crc, set.targets());
        }
        return String.format(Locale.ROOT, "%dx%d %08x", set.rows(), set.features(), crc.getValue());
    }

    private static void floats(CRC32C crc, float[] values) {
        ByteBuffer buffer = ByteBuffer.allocate(4 * BLOCK);
        for (int from = 0; from < values.length; from += BLOCK) {
            int count = Math.min(BLOCK, values.length - from);
            buffer.clear();
            buffer.asFloatBuffer().put(values, from, count);
            crc.update(buffer.limit(4 * count));
        }
    }
}
