package org.quern.backend.cpu;

import java.util.function.LongConsumer;

/** The address of something that C has allocated, until it is closed. */
final class Handle implements AutoCloseable {
    private final String name;
    private final LongConsumer free;
    private long address;

    Handle(long address, LongConsumer free, String name) {
        this.address = address;
        this.free = free;
        this.name = name;
    }

    long get() {
        if (address == 0) {
            throw new IllegalStateException(name + " was closed");
        }
        return address;
    }

    @Override
    public void close() {
        if (address != 0) {
            free.accept(address);
            address = 0;
        }
    }
}
