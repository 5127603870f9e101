package org.quern.random;

/**
 * The stream numbers of {@link Philox}: purpose in the upper 16 bits, layer (or another small
 * index) in the lower 16, so that no two uses share a word.
 */
public final class Streams {
    private static final int INIT = 1;
    private static final int DROPOUT = 2;
    private static final int SHUFFLE = 3;
    private static final int DIGITS = 4;
    private static final int SPLIT = 5;
    private static final int EXAMPLES = 6;
    private static final int DISTORTION = 7;

    private Streams() {}

    /** Initial weights of layer {@code layer}; step 0, position = index into the weight matrix. */
    public static int init(int layer) {
        return INIT << 16 | layer;
    }

    /**
     * Dropout mask of layer {@code layer}; step = global step, position = row · columns + column.
     */
    public static int dropout(int layer) {
        return DROPOUT << 16 | layer;
    }

    /** Round {@code round} of the batch-order permutation; step = epoch, position = 4 · half. */
    public static int shuffle(int round) {
        return SHUFFLE << 16 | round;
    }

    /** Aspect {@code aspect} of a generated digit; step = index of the digit. */
    public static int digits(int aspect) {
        return DIGITS << 16 | aspect;
    }

    /** Round {@code round} of the permutation that carves validation rows out of a data set. */
    public static int split(int round) {
        return SPLIT << 16 | round;
    }

    /** Round {@code round} of the permutation that draws the examples which people are shown. */
    public static int examples(int round) {
        return EXAMPLES << 16 | round;
    }

    /** Block {@code block} of what distorts an image; step = epoch, position = 4 · row. */
    public static int distortion(int block) {
        return DISTORTION << 16 | block;
    }
}
