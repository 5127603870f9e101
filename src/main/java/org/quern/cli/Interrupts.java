package org.quern.cli;

import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/**
 * Ends a process that is told to (Ctrl-C, SIGTERM) without losing work: the JVM's shutdown waits,
 * but only while something runs that has asked to be told, and until the main class has said its
 * last line. Otherwise the process ends at once. The exit code is then the JVM's, 128 and the
 * signal's number: 130 for Ctrl-C.
 */
final class Interrupts {
    private final CompletableFuture<Void> finished = new CompletableFuture<>();
    private Runnable action;

    Interrupts install() {
        Runtime.getRuntime().addShutdownHook(new Thread(this::interrupt, "interrupt"));
        return this;
    }

    /** Runs work; if told to end meanwhile, calls {@code end} and waits for {@link #finished}. */
    <T> T during(Supplier<T> work, Runnable end) {
        set(end);
        try {
            return work.get();
        } finally {
            set(null);
        }
    }

    private synchronized void set(Runnable newAction) {
        action = newAction;
    }

    void finished() {
        finished.complete(null);
    }

    private void interrupt() {
        synchronized (this) {
            if (action == null) {
                return;
            }
            action.run();
        }
        finished.join();
    }

    void await() {
        CompletableFuture<Void> told = new CompletableFuture<>();
        during(told::join, () -> told.complete(null));
    }
}
