package org.quern.backend.cpu;

/** The C side of {@link CpuLimits}, {@code native/peak.c}. */
final class Peak {
    private Peak() {}

    /** Threads (0: all processors) and two pieces of memory; 0 if memory is short. */
    static native long open(int threads, long bytes, int wanted);

    static native void copy(long peak, long bytes, int times);

    /** Runs the loop n times on each thread and returns the operations that this were. */
    static native double multiplyAdd(long peak, long n);

    static native void close(long peak);
}
