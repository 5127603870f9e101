package org.quern.backend.cpu;

import org.quern.QuernException;
import org.quern.backend.Limits;

/** {@code memcpy} and a loop of FMAs, on all threads. */
final class CpuLimits implements Limits {
    private static final long LARGEST = 128L << 20;
    private static final long LOOPS = 10_000;

    private long peak;

    /** For {@code threads} threads, 0 for all processors, and an instruction set. */
    CpuLimits(int threads, int isa) {
        peak = Peak.open(threads, LARGEST, isa);
        if (peak == 0) {
            throw new QuernException(
                    QuernException.Kind.DEVICE,
                    "out of memory: no room for a copy of %d MiB".formatted(LARGEST >> 20));
        }
    }

    @Override
    public long largestCopy() {
        return LARGEST;
    }

    @Override
    public void copy(long bytes, int times) {
        Peak.copy(open(), bytes, times);
    }

    @Override
    public double multiplyAdd(int times) {
        return Peak.multiplyAdd(open(), LOOPS * times);
    }

    private long open() {
        if (peak == 0) {
            throw new IllegalStateException("these limits were closed");
        }
        return peak;
    }

    @Override
    public void close() {
        if (peak != 0) {
            Peak.close(peak);
            peak = 0;
        }
    }
}
