package org.quern.cli;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import org.quern.QuernException;
import org.quern.backend.Backends;
import org.quern.data.DataReader;
import org.quern.data.Mnist;
import org.quern.data.Splits;

/**
 * What a training needs and takes long, begun beside the reading of its options, which takes a
 * tenth of a second of its own: MNIST is read and the best backend made ready, where no option can
 * say that it is to be other data or another backend. What fails here fails again, and is told,
 * where it is needed.
 */
record EagerLoad(Path folder, EagerLoad.Loading loading) {
    /** Options that say what data it is, options that say what it runs on, and those for both. */
    private static final List<String> DATA = List.of("--data", "--label");

    private static final List<String> DEVICE = List.of("--backend", "--device", "--cublas");
    private static final List<String> BOTH = List.of("@", "--resume", "-h", "--help", "--h");

    /** Data that is read while something else happens. */
    static final class Loading {
        private final CompletableFuture<Splits> future;
        private final long started = System.nanoTime();
        private volatile long nanos;

        Loading(Supplier<Splits> read) {
            future =
                    CompletableFuture.supplyAsync(read)
                            .whenComplete((splits, e) -> nanos = System.nanoTime() - started);
        }

        /** What was read, or the failure to read it; waits. */
        Splits join() {
            try {
                return future.join();
            } catch (CompletionException e) {
                if (e.getCause() instanceof Error error) {
                    throw error;
                }
                throw (RuntimeException) e.getCause(); // a supplier throws no other
            }
        }

        /** How long reading took, once it is done. */
        long nanos() {
            return nanos;
        }
    }

    /** Begins what the arguments leave no doubt of. */
    static EagerLoad of(Console console, String... arguments) {
        boolean training = arguments.length > 0 && arguments[0].equals("train");
        if (!training || any(arguments, BOTH)) {
            return new EagerLoad(null, null);
        }
        Path folder =
                any(arguments, DATA)
                        ? null
                        : quietly(() -> Mnist.find(console.environment()).orElse(null));
        Loading loading = folder == null ? null : new Loading(() -> DataReader.read(folder));
        if (!any(arguments, DEVICE)) {
            Runnable choose = () -> quietly(() -> Backends.choose(Backends.AUTO));
            Thread thread = new Thread(choose, "device");
            thread.setDaemon(true);
            thread.start();
        }
        return new EagerLoad(folder, loading);
    }

    private static boolean any(String[] arguments, List<String> options) {
        return Arrays.stream(arguments)
                .anyMatch(argument -> options.stream().anyMatch(argument::startsWith));
    }

    private static <T> T quietly(Supplier<T> what) {
        try {
            return what.get();
        } catch (QuernException e) {
            return null; // the command asks again
        }
    }

    /** What is being read already, if it is this; otherwise null. */
    Loading loading(String located) {
        return folder != null && located.equals(folder.toString()) ? loading : null;
    }
}
