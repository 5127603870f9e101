package org.quern.data;

import static org.quern.QuernException.usage;

import java.util.stream.IntStream;

/**
 * Generated digits, for where MNIST cannot be had: 28 × 28 grey images in MNIST's manner, as many
 * as asked.
 *
 * <p>Digit i of a seed is a pure function of (seed, i): Philox draws its class, one of four ways to
 * write it, and all that follows. The points of its strokes are shifted at random and joined by
 * lines or Catmull-Rom curves; the whole is bent by two waves, stretched, sheared and rotated,
 * fitted into a box of 20 pixels, and moved so that its centre of mass is the image's centre, as
 * MNIST's makers did. A pixel is as bright as it is near the stroke, whose width and softness vary.
 */
public final class Digits {
    /** First index of test digits; training digits count from 0. */
    public static final long TEST = 1L << 40;

    static final int SIDE = 28;

    private Digits() {}

    /**
     * Generates digits.
     *
     * @param rows how many, at least 1
     * @param first index of the first one: 0 for training, {@link #TEST} for test digits
     * @param seed other digits for each
     * @return labelled pixels of shape {28, 28}
     */
    public static Dataset generate(String name, int rows, long first, long seed) {
        if (rows < 1 || rows > Integer.MAX_VALUE / (SIDE * SIDE)) {
            throw usage("%d generated digits: ask for 1 to 2,739,000", rows);
        }
        byte[] pixels = new byte[rows * SIDE * SIDE];
        int[] labels = new int[rows];
        int chunks = Math.min(64, rows);
        IntStream.range(0, chunks)
                .parallel()
                .forEach(
                        chunk -> {
                            DigitPainter painter = new DigitPainter();
                            int from = (int) ((long) rows * chunk / chunks);
                            int to = (int) ((long) rows * (chunk + 1) / chunks);
                            for (int row = from; row < to; row++) {
                                labels[row] =
                                        painter.paint(seed, first + row, pixels, row * SIDE * SIDE);
                            }
                        });
        return Dataset.ofPixels(name, new int[] {SIDE, SIDE}, pixels)
                .withLabels(labels, Mnist.DIGITS);
    }

    /** Training and test digits of seed 1. */
    public static Splits splits(int train, int test) {
        return new Splits(
                generate("generated digits train", train, 0, 1),
                generate("generated digits test", test, TEST, 1),
                "generated digits, not MNIST");
    }
}
