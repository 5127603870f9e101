package org.quern.backend.cpu;

import static org.quern.QuernException.device;
import static org.quern.QuernException.expect;

import org.quern.backend.Limits;

/** {@code memcpy} and a loop of FMAs, on all threads: {@code native/peak.c}. */
final class CpuLimits implements Limits {
    private static final long LARGEST = 128L << 20;
    private static final long LOOPS = 10_000;

    private long peak; // 0 once it is closed

    /** For {@code threads} threads, 0 for all processors, and an instruction set. */
    CpuLimits(int threads, int isa) {
        peak = open(threads, LARGEST, isa);
        if (peak == 0) {
            throw device("out of memory: no room for a copy of %d MiB", LARGEST >> 20);
        }
    }

    @Override
    public long largestCopy() {
        return LARGEST;
    }

    @Override
    public synchronized void copy(long bytes, int times) {
        copy(open(), bytes, times);
    }

    @Override
    public synchronized double multiplyAdd(int times) {
        return multiplyAdd(open(), LOOPS * times);
    }

    private long open() {
        expect(peak != 0, "this measurement was closed");
        return peak;
    }

    /** Threads (0: all processors) and two pieces of memory; 0 if memory is short. */
    private static native long open(int threads, long bytes, int wanted);

    private static native void copy(long peak, long bytes, int times);

    /** Runs the loop n times on each thread and returns the number of operations done. */
    private static native double multiplyAdd(long peak, long n);

    private static native void close(long peak);

    @Override
    public synchronized void close() {
        if (peak != 0) {
            close(peak);
            peak = 0;
        }
    }
}
