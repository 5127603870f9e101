package org.quern.backend;

/**
 * Work that does nothing but load a device fully, so that its time is a bound of what a kernel can
 * reach there: copies within its memory, and multiply-adds in registers. One thread at a time.
 */
public interface Limits extends AutoCloseable {
    /** The largest copy, in bytes: far larger than any cache. */
    long largestCopy();

    /**
     * Copies so many bytes within the device's memory, which reads and writes as many, always the
     * same ones; returns when it is done. Small copies stay in caches.
     */
    void copy(long bytes, int times);

    /**
     * Multiplies and adds in registers, all of its processors at once.
     *
     * @param times in a unit of its own, some microseconds of work
     * @return the floating-point operations done; 0 where a large matrix product must stand for it
     */
    double multiplyAdd(int times);

    @Override
    default void close() {}
}
