package org.quern.backend.gpu;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.LockSupport;
import org.quern.QuernException;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;

/**
 * What is in the device's log of steps: a word that counts the entries, then for each step the sum
 * of its losses and its hits. Where the log lies in memory that device and host share, it is read
 * while the device goes on.
 */
final class StepLog {
    private static final long POLL_NANOS = 20_000;
    private static final long REPORT_NANOS = 50_000_000;

    private StepLog() {}

    static int bytes(int steps) {
        return 4 + 8 * steps;
    }

    /**
     * Waits for a run of steps that was asked for, tells how far it is, and takes its entries.
     *
     * @throws QuernException if there are not as many: drivers are known that end a long loop early
     *     and say that all went well
     */
    static void await(Device device, Device.Log log, Steps steps) {
        int told = log.isLive() ? watch(device, log, steps) : 0;
        device.finish();
        ByteBuffer entries = log.read(bytes(steps.count()));
        int done = entries.getInt(0);
        if (done != steps.count()) {
            throw QuernException.device(
                    "%s did %,d of %,d steps from step %,d on and reported no error: its driver cannot"
                            + " be trusted with them: use --backend cpu, or another --device",
                    device.description(), done, steps.count(), steps.first());
        }
        collect(entries, steps, told, done);
    }

    /** Tells how far the device is while it goes on, and returns how many entries were taken. */
    private static int watch(Device device, Device.Log log, Steps steps) {
        int told = 0;
        long last = System.nanoTime();
        while (!device.isIdle()) {
            LockSupport.parkNanos(POLL_NANOS);
            if (System.nanoTime() - last >= REPORT_NANOS) {
                ByteBuffer entries = log.read(4);
                int done = Math.min(entries.getInt(0), steps.count());
                VarHandle.acquireFence(); // the entries were written before their number
                if (done > told) {
                    collect(entries, steps, told, done);
                    told = done;
                    steps.report(done);
                }
                last = System.nanoTime();
            }
        }
        return told;
    }

    private static void collect(ByteBuffer entries, Steps steps, int from, int to) {
        for (int i = from; i < to; i++) {
            steps.losses()[i] = entries.getFloat(4 + 8 * i);
            steps.hits()[i] = entries.getInt(8 + 8 * i);
        }
    }

    static void take(Device.Log log, StepContext pass) {
        ByteBuffer entry = log.read(bytes(1));
        pass.log(entry.getFloat(4), entry.getInt(8));
    }
}
