package org.quern.backend.java;

import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * The arena of a plan in several arrays: parameters, each moment, gradients, and the rest. C2 does
 * not vectorise a loop over two parts of one array, which might overlap.
 */
final class Arena {
    private final float[][] parts;
    private final long part;

    Arena(Plan plan) {
        part = plan.parameters().size();
        int like = 2 + plan.optimizer().moments();
        parts = new float[like + 1][];
        for (int i = 0; i < like; i++) {
            parts[i] = new float[Math.toIntExact(part)];
        }
        parts[like] = new float[Math.toIntExact(plan.arena() - like * part)];
    }

    float[] array(Slice slice) {
        return parts[index(slice.offset())];
    }

    /** Where in {@link #array} a slice begins. */
    int at(Slice slice) {
        return (int) (slice.offset() - index(slice.offset()) * part);
    }

    private int index(long offset) {
        return (int) Math.min(offset / part, parts.length - 1);
    }

    /** Copies values into the arena, or out of it, across the arrays that they lie in. */
    void copy(Slice slice, float[] values, int from, boolean in) {
        long offset = slice.offset();
        long end = slice.end();
        int at = from;
        while (offset < end) {
            float[] array = parts[index(offset)];
            int start = (int) (offset - index(offset) * part);
            int count = (int) Math.min(end - offset, array.length - start);
            if (in) {
                System.arraycopy(values, at, array, start, count);
            } else {
                System.arraycopy(array, start, values, at, count);
            }
            at += count;
            offset += count;
        }
    }
}
