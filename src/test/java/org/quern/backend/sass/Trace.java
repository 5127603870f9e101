package org.quern.backend.sass;

import java.util.Arrays;

/**
 * What a warp did: instructions in their order, each twice its number, plus 1 if any lane took
 * part; and negative numbers, each followed by another, for what other warps have to do with.
 */
final class Trace {
    static final int BARRIER =
            -1; // waits for a block's barrier: 1,000 times its id, plus the warps it takes, 0: all
    static final int ARRIVE = -2; // the same without waiting
    static final int CLUSTER_ARRIVE = -3; // 0
    static final int CLUSTER_WAIT = -4; // 0
    static final int POST = -5; // arrives at a phase of an mbarrier: its id
    static final int SEND = -6; // the same from another block
    static final int WAIT = -7; // waits for a phase of an mbarrier: its id
    static final int IDS = 1000;

    private int[] items = new int[1024];
    private int size;

    /** Adds an item and returns its place. */
    int add(int item) {
        if (size == items.length) {
            items = Arrays.copyOf(items, 2 * size);
        }
        items[size] = item;
        return size++;
    }

    void event(int kind, int value) {
        add(kind);
        add(value);
    }

    void set(int place, int item) {
        items[place] = item;
    }

    /** How many of its items are instructions. */
    long instructions() {
        return Arrays.stream(items, 0, size).filter(item -> item < 0).count() * -2 + size;
    }

    int get(int place) {
        return items[place];
    }

    int size() {
        return size;
    }

    void removeLast() {
        size--;
    }
}
