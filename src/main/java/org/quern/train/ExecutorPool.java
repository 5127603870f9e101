package org.quern.train;

import static org.quern.QuernException.usage;

import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.quern.backend.Executor;

/**
 * Executors with the same parameters for threads that predict at once: each is used by one thread
 * at a time. They are opened when they are first needed. Taking and giving back allocates nothing.
 */
final class ExecutorPool implements AutoCloseable {
    private static final int FREE = 0;
    private static final int TAKEN = 1;
    private static final int SPINS = 100;
    private static final long PAUSE_NANOS = 20_000;

    private final Supplier<Executor> opener;
    private final Executor[] executors;
    private final AtomicIntegerArray states;
    private volatile boolean closed;

    /** A pool of so many at most; {@code opener} opens one and writes the parameters into it. */
    ExecutorPool(int most, Supplier<Executor> opener) {
        this.opener = opener;
        executors = new Executor[most];
        states = new AtomicIntegerArray(most);
    }

    /** Takes an executor, waiting while all are taken: its number, for {@link #giveBack}. */
    int take() {
        for (int tries = 0; ; tries++) {
            if (closed) {
                throw usage("this predictor was closed: open another");
            }
            for (int i = 0; i < executors.length; i++) {
                if (states.get(i) == FREE && states.compareAndSet(i, FREE, TAKEN)) {
                    return opened(i);
                }
            }
            if (tries < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }

    private int opened(int i) {
        try {
            if (executors[i] == null) {
                executors[i] = opener.get();
            }
            return i;
        } catch (RuntimeException | Error e) {
            giveBack(i);
            throw e;
        }
    }

    Executor get(int i) {
        return executors[i];
    }

    void giveBack(int i) {
        states.set(i, FREE);
    }

    /** Waits for those that are in use, and closes all. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        for (int i = 0; i < executors.length; i++) {
            while (!states.compareAndSet(i, FREE, TAKEN)) {
                LockSupport.parkNanos(PAUSE_NANOS);
            }
            if (executors[i] != null) {
                executors[i].close();
                executors[i] = null; // whoever still has the pool is not to keep its memory
            }
        }
    }
}
