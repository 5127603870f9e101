package org.quern.plan;

import org.quern.random.Philox;
import org.quern.random.Streams;

/**
 * The dropout of one layer as kernels see it. The mask is never stored: forward and backward pass
 * both compute it from (seed, stream, step, position), position = row · columns + column within the
 * batch; stream is {@link Streams#DROPOUT} of the layer.
 */
public record Mask(float rate, int stream) {
    public static final Mask NONE = new Mask(0, 0);

    /** A unit is kept where its word, unsigned, is at least this: round(rate · 2³²). */
    public int threshold() {
        return (int) Math.round(rate * 0x1p32);
    }

    /** What a kept value is multiplied by: 1 / (1 − rate), computed in float32. */
    public float scale() {
        return 1f / (1f - rate);
    }

    public boolean drops() {
        return rate > 0;
    }

    /** Whether the unit at {@code position} is kept at {@code step}. */
    public boolean keeps(long seed, long step, long position) {
        return Integer.compareUnsigned(Philox.word(seed, stream, step, position), threshold()) >= 0;
    }
}
