package org.quern.backend.gpu;

import java.util.ArrayList;
import java.util.List;

/**
 * A kernel call: groups of {@link Device#THREADS} threads and arguments, each a {@link
 * Device.Buffer}, an {@link Integer} or a {@link Float}.
 *
 * @param kernel the entry's name
 * @param groupsX groups along x
 * @param groupsY groups along y
 * @param arguments in the order of the kernel's parameters
 */
public record Call(String kernel, int groupsX, int groupsY, List<Object> arguments) {
    /** Checks shape and types. */
    public Call {
        if (groupsX < 1 || groupsY < 1) {
            throw new IllegalArgumentException(kernel + ": no groups");
        }
        arguments = List.copyOf(arguments);
        for (Object argument : arguments) {
            if (!(argument instanceof Device.Buffer
                    || argument instanceof Integer
                    || argument instanceof Float)) {
                throw new IllegalArgumentException(kernel + ": " + argument.getClass());
            }
        }
    }

    /**
     * A call with its arguments listed; those that are lists themselves stand for what is in them.
     */
    static Call of(String kernel, int groupsX, int groupsY, Object... arguments) {
        List<Object> all = new ArrayList<>();
        for (Object argument : arguments) {
            if (argument instanceof List<?> some) {
                all.addAll(some);
            } else {
                all.add(argument);
            }
        }
        return new Call(kernel, groupsX, groupsY, all);
    }

    /** Groups of some items each that cover {@code count} items. */
    static int groups(long count, int items) {
        return Math.toIntExact((count + items - 1) / items);
    }
}
