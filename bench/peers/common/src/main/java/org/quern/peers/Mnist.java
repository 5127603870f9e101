package org.quern.peers;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;

/**
 * Images as bytes, one row of 784 after another, and their labels.
 *
 * @param images rows x 784 unsigned bytes
 * @param labels a digit for each row
 */
public record Mnist(byte[] images, byte[] labels) {
    /** Bytes of an image. */
    public static final int PIXELS = 784;

    /**
     * Reads the gzipped IDX files of one part.
     *
     * @param part {@code train} or {@code t10k}
     * @throws IOException where a file cannot be read or is not what its name says
     */
    public static Mnist read(Path folder, String part) throws IOException {
        byte[] images = idx(folder.resolve(part + "-images-idx3-ubyte.gz"), 0x803);
        byte[] labels = idx(folder.resolve(part + "-labels-idx1-ubyte.gz"), 0x801);
        if (images.length != labels.length * PIXELS) {
            throw new IOException(folder + ": images and labels of " + part + " do not match");
        }
        return new Mnist(images, labels);
    }

    /** The number of images. */
    public int rows() {
        return labels.length;
    }

    /** The pixels of all images as floats from 0 to 1. */
    public float[] scaled() {
        float[] values = new float[images.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (images[i] & 255) / 255f;
        }
        return values;
    }

    private static byte[] idx(Path file, int magic) throws IOException {
        try (InputStream zipped = new GZIPInputStream(Files.newInputStream(file), 1 << 16);
                DataInputStream in = new DataInputStream(zipped)) {
            if (in.readInt() != magic) {
                throw new IOException(file + " is not an IDX file of MNIST");
            }
            int size = in.readInt();
            for (int dimension = 1; dimension < (magic & 255); dimension++) {
                size = Math.multiplyExact(size, in.readInt());
            }
            byte[] content = in.readNBytes(size);
            if (content.length != size) {
                throw new IOException(file + " ends too early");
            }
            return content;
        }
    }
}
