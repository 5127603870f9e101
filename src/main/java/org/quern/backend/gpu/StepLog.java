package org.quern.backend.gpu;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.LockSupport;
import org.quern.QuernException;
import org.quern.backend.Release;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;

/**
 * A device's log of steps: a word that counts the entries, then for each step the sum of its losses
 * and its hits. Where it lies in memory that device and host share, it is read while the device
 * goes on.
 */
final class StepLog {
    private static final long POLL_NANOS = 20_000;
    private static final long REPORT_NANOS = 50_000_000;

    private final Device device;
    final Device.Buffer buffer;
    private final ByteBuffer entries;

    StepLog(Device device, int steps) {
        this.device = device;
        int words = 1 + 2 * steps;
        buffer = device.allocateShared(4 * words, "the step log");
        if (isLive()) {
            entries = buffer.view();
            for (int i = 0; i < words; i++) {
                entries.putInt(4 * i, 0);
            }
        } else {
            entries = GpuDevice.direct(4 * words);
            try {
                device.fill(buffer, 0, words, 0);
            } catch (RuntimeException | Error e) {
                Release.after(e, () -> device.release(buffer));
                throw e;
            }
        }
    }

    boolean isLive() {
        return buffer.view() != null;
    }

    /** Sets the number of entries to 0; nothing may be running. */
    void reset() {
        if (isLive()) {
            entries.putInt(0, 0);
        } else {
            device.fill(buffer, 0, 1, 0);
        }
    }

    private void fetch(int steps) {
        if (!isLive()) {
            device.read(buffer, 0, entries.clear().limit(4 + 8 * steps));
        }
    }

    /**
     * Waits for a run of steps that was asked for, tells how far it is, takes its entries, and
     * returns how many there are.
     */
    int await(Steps steps) {
        int told = isLive() ? watch(steps) : 0;
        device.finish();
        fetch(steps.count());
        int done = entries.getInt(0);
        collect(steps, told, Math.min(done, steps.count()));
        return done;
    }

    /**
     * Checks that all steps were done.
     *
     * @throws QuernException if not: drivers are known that end a long loop early and say that all
     *     went well
     */
    void check(Steps steps, int done) {
        if (done != steps.count()) {
            throw QuernException.device(
                    "%s did %,d of %,d steps from step %,d on and reported no error: its driver cannot"
                            + " be trusted with them: use --backend cpu, or another --device",
                    device.description(), done, steps.count(), steps.first());
        }
    }

    /** Tells how far the device is while it goes on, and returns how many entries were taken. */
    private int watch(Steps steps) {
        int told = 0;
        long last = System.nanoTime();
        while (!device.isIdle()) {
            LockSupport.parkNanos(POLL_NANOS);
            if (System.nanoTime() - last >= REPORT_NANOS) {
                int done = Math.min(entries.getInt(0), steps.count());
                VarHandle.acquireFence(); // the entries were written before their number
                if (done > told) {
                    collect(steps, told, done);
                    told = done;
                    steps.report(done);
                }
                last = System.nanoTime();
            }
        }
        return told;
    }

    private void collect(Steps steps, int from, int to) {
        for (int i = from; i < to; i++) {
            steps.losses()[i] = entries.getFloat(4 + 8 * i);
            steps.hits()[i] = entries.getInt(8 + 8 * i);
        }
    }

    /** Takes the entry of a step that ran by itself. */
    void take(StepContext pass) {
        fetch(1);
        pass.log(entries.getFloat(4), entries.getInt(8));
    }
}
