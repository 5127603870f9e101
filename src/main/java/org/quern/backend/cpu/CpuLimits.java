package org.quern.backend.cpu;

import static org.quern.QuernException.device;

import org.quern.backend.Limits;

/** {@code memcpy} and a loop of FMAs, on all threads: {@code native/peak.c}. */
final class CpuLimits implements Limits {
    private static final long LARGEST = 128L << 20;
    private static final long LOOPS = 10_000;

    private final Handle peak;

    /** For {@code threads} threads, 0 for all processors, and an instruction set. */
    CpuLimits(int threads, int isa) {
        long opened = open(threads, LARGEST, isa);
        if (opened == 0) {
            throw device("out of memory: no room for a copy of %d MiB", LARGEST >> 20);
        }
        peak = new Handle(opened, CpuLimits::close, "this measurement");
    }

    @Override
    public long largestCopy() {
        return LARGEST;
    }

    @Override
    public void copy(long bytes, int times) {
        copy(peak.get(), bytes, times);
    }

    @Override
    public double multiplyAdd(int times) {
        return multiplyAdd(peak.get(), LOOPS * times);
    }

    /** Threads (0: all processors) and two pieces of memory; 0 if memory is short. */
    private static native long open(int threads, long bytes, int wanted);

    private static native void copy(long peak, long bytes, int times);

    /** Runs the loop n times on each thread and returns the number of operations done. */
    private static native double multiplyAdd(long peak, long n);

    private static native void close(long peak);

    @Override
    public void close() {
        peak.close();
    }
}
