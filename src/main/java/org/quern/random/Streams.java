package org.quern.random;

/**
 * The streams of {@link Philox}: purpose in the upper 16 bits, from 1 in this order, and a small
 * index in the lower 16, so that no two uses share a word.
 */
public enum Streams {
    /** Initial weights of a layer; step 0, position = index into the weight matrix. */
    INIT,
    /** Dropout mask of a layer; step = global step, position = row · columns + column. */
    DROPOUT,
    /** A round of the batch-order permutation; step = epoch, position = 4 · half. */
    SHUFFLE,
    /** An aspect of a generated digit; step = index of the digit. */
    DIGITS,
    /** A round of the permutation that carves rows out of a data set. */
    SPLIT,
    /** A round of the permutation that draws the examples which people are shown. */
    EXAMPLES,
    /** A block of what distorts an image; step = epoch, position = 4 · row. */
    DISTORTION,
    /** A round of the permutation that draws a class's rows to be repeated; step = class. */
    BALANCE;

    /** The number of the stream with that index. */
    public int of(int index) {
        return (ordinal() + 1) << 16 | index;
    }
}
