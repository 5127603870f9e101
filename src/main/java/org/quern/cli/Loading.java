package org.quern.cli;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import org.quern.data.Splits;

/** Data that is read while something else happens. */
final class Loading {
    private final CompletableFuture<Splits> future;
    private final long started = System.nanoTime();
    private volatile long nanos;

    private Loading(Supplier<Splits> read) {
        future =
                CompletableFuture.supplyAsync(
                        () -> {
                            Splits splits = read.get();
                            nanos = System.nanoTime() - started;
                            return splits;
                        });
    }

    /** Begins to read. */
    static Loading of(Supplier<Splits> read) {
        return new Loading(read);
    }

    /** What was read, or the failure to read it; waits. */
    Splits join() {
        try {
            return future.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            if (e.getCause() instanceof Error cause) {
                throw cause;
            }
            throw e;
        }
    }

    /** How long reading took, once it is done. */
    long nanos() {
        return nanos;
    }
}
