package org.quern.data;

/**
 * Tells images from tables in files that do not say which they hold: CSV and NPZ. Rows are pixels
 * from 0 to 255 if they have the shape of an image, and values that fill more than the lower half
 * of that range; of what type the file's numbers are does not count.
 */
final class Pixels {
    private static final int MNIST_FEATURES = 784;
    private static final int MOST = 255;

    private Pixels() {}

    /** The shape of rows of so many values: of 784, MNIST's 28 × 28. */
    static int[] shape(int features) {
        return features == MNIST_FEATURES ? new int[] {28, 28} : new int[] {features};
    }

    /** Whether numbers from {@code min} to {@code max} in rows of a shape are pixels. */
    static boolean are(int[] shape, double min, double max) {
        return shape.length > 1 && min >= 0 && max > MOST / 2 && max <= MOST;
    }

    /** Whether bytes in rows of a shape are pixels. */
    static boolean are(int[] shape, byte[] values) {
        for (byte value : values) {
            if (value < 0) { // unsigned: 128 or more
                return are(shape, 0, MOST);
            }
        }
        return false;
    }

    /** Rows of a shape, kept as bytes if they are pixels and whole numbers. */
    static Dataset dataset(String name, int[] shape, float[] values) {
        Dataset set = Dataset.ofValues(name, shape, values);
        if (!set.isImage()) {
            return set;
        }
        byte[] pixels = new byte[values.length];
        for (int i = 0; i < pixels.length; i++) {
            if (values[i] != (int) values[i]) {
                return set;
            }
            pixels[i] = (byte) (int) values[i];
        }
        return Dataset.ofPixels(name, shape, pixels);
    }
}
