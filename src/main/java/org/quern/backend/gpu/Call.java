package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.quern.plan.Mask;
import org.quern.plan.Slice;

/**
 * A kernel call: groups of {@link Device#THREADS} threads and arguments, each a {@link
 * Device.Buffer}, an {@link Integer}, a {@link Float} or, by value, an array of words.
 */
public record Call(String kernel, int groupsX, int groupsY, List<Object> arguments) {
    static final int NOWHERE = -1; // what kernels take for the place of a matrix that is not there

    /** Checks shape and types. */
    public Call {
        if (groupsX < 1 || groupsY < 1) {
            throw new IllegalArgumentException(kernel + ": no groups");
        }
        arguments = List.copyOf(arguments);
        for (Object argument : arguments) {
            if (!(argument instanceof Device.Buffer
                    || argument instanceof Integer
                    || argument instanceof Float
                    || argument instanceof int[])) {
                throw new IllegalArgumentException(kernel + ": " + argument.getClass());
            }
        }
    }

    /** A call without arguments, with groups along x alone. */
    static Call of(String kernel, int groups) {
        return new Call(kernel, groups, 1, List.of());
    }

    /**
     * The same call with more arguments, as kernels take them: a slice of the arena as its offset,
     * null as {@link #NOWHERE}, a mask as stream, threshold and scale, an enum constant as its
     * ordinal, which is its id in the header of the kernels.
     */
    Call with(Object... more) {
        List<Object> all = new ArrayList<>(arguments);
        for (Object one : more) {
            if (one == null) {
                all.add(NOWHERE);
            } else if (one instanceof Slice slice) {
                all.add(Math.toIntExact(slice.offset()));
            } else if (one instanceof Boolean flag) {
                all.add(flag ? 1 : 0);
            } else if (one instanceof Enum<?> id) {
                all.add(id.ordinal());
            } else if (one instanceof Mask mask) {
                all.addAll(List.of(mask.stream(), mask.threshold(), mask.scale()));
            } else {
                all.add(one);
            }
        }
        return new Call(kernel, groupsX, groupsY, all);
    }

    /** Bytes of an argument: 8 for memory, 4 for each word. */
    public int size(int index) {
        Object argument = arguments.get(index);
        return argument instanceof Device.Buffer
                ? Long.BYTES
                : Integer.BYTES * (argument instanceof int[] words ? words.length : 1);
    }

    /** Writes an argument as C has it, and returns its size. */
    public int put(int index, ByteBuffer to, int at) {
        Object argument = arguments.get(index);
        if (argument instanceof Device.Buffer buffer) {
            to.putLong(at, buffer.handle());
        } else if (argument instanceof int[] words) {
            to.asIntBuffer().put(at / Integer.BYTES, words);
        } else if (argument instanceof Integer number) {
            to.putInt(at, number);
        } else {
            to.putFloat(at, (Float) argument);
        }
        return size(index);
    }

    /** Groups of some items each that cover {@code count} items. */
    static int groups(long count, int items) {
        return Math.toIntExact((count + items - 1) / items);
    }
}
