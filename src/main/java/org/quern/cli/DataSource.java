package org.quern.cli;

import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.format;

import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.backend.Backends;
import org.quern.data.DataReader;
import org.quern.data.Digits;
import org.quern.data.Mnist;
import org.quern.data.MnistFetch;
import org.quern.data.Splits;
import org.quern.data.TableFormat;
import org.quern.run.RunSettings;
import org.quern.run.Setting;

/** Where a command's data comes from. */
final class DataSource {
    private static final String GENERATED = "generated";

    /** Options of train that say what data it is, what it runs on, and those that may say both. */
    private static final String[] DATA = {"--data", "--label"};

    private static final String[] DEVICE = {"--backend", "--device", "--cublas"};
    private static final String[] BOTH = {"@", "--resume", "-h", "--help", "--h"};

    private DataSource() {}

    /** Data that is read while something else happens. */
    static final class Loading {
        private final String located;
        private final CompletableFuture<Splits> splits;

        /** How long reading took, once it is done. */
        volatile long nanos;

        private Loading(String located, Supplier<Splits> read) {
            this.located = located;
            long started = System.nanoTime();
            splits =
                    CompletableFuture.supplyAsync(read)
                            .whenComplete((done, e) -> nanos = System.nanoTime() - started);
        }

        /** What was read, or the failure to read it; waits. */
        Splits join() {
            return QuernException.join(splits);
        }
    }

    /**
     * Starts the slow parts of a training while its options are still being parsed, which takes a
     * tenth of a second, unless an option asks for other data or another backend. A failure here
     * comes again, and is told, where the result is needed. Null if nothing is read.
     */
    static Loading begin(Console console, String... arguments) {
        if (arguments.length == 0 || !arguments[0].equals("train") || any(arguments, BOTH)) {
            return null;
        }
        Loading loading = null;
        if (!any(arguments, DATA)) {
            Path mnist = quietly(() -> Mnist.find(console.environment()).orElse(null));
            if (mnist != null) {
                loading = new Loading(mnist.toString(), () -> DataReader.read(mnist));
            }
        }
        if (!any(arguments, DEVICE)) {
            Runnable choose = () -> quietly(() -> Backends.choose(Backends.AUTO));
            Thread thread = new Thread(choose, "device");
            thread.setDaemon(true);
            thread.start();
        }
        return loading;
    }

    private static boolean any(String[] arguments, String[] options) {
        return Stream.of(arguments).anyMatch(one -> Stream.of(options).anyMatch(one::startsWith));
    }

    private static <T> T quietly(Supplier<T> what) {
        try {
            return what.get();
        } catch (QuernException e) {
            return null; // the command asks again
        }
    }

    static Loading load(Loading begun, String located, RunSettings settings) {
        return begun != null && begun.located.equals(located) && !settings.get(Setting.TRANSPOSE)
                ? begun
                : new Loading(located, () -> read(settings, located));
    }

    /**
     * Settles what is to be read: a path, or {@code generated[:TRAIN,TEST]}. Where nobody says:
     * MNIST, found or else fetched; where it cannot be, generated digits, and a line that says so.
     */
    static String locate(Console console, String asked) {
        return locate(console, asked, true);
    }

    /**
     * The same for a measure, of which generated digits would tell nothing: MNIST, or a refusal.
     */
    static String locateReal(Console console, String asked) {
        return locate(console, asked, false);
    }

    private static String locate(Console console, String asked, boolean mayGenerate) {
        if (!asked.isEmpty()) {
            return asked;
        }
        Optional<Path> found = Mnist.find(console.environment());
        if (found.isPresent()) {
            return found.get().toString();
        }
        Path cache = Mnist.cacheFolder(console.environment());
        try {
            fetch(console, cache);
            return cache.toString();
        } catch (QuernException e) {
            if (!mayGenerate || e.kind() != QuernException.Kind.DATA) {
                throw e;
            }
            console.note("%s; taking generated digits instead", e.getMessage());
            return GENERATED;
        }
    }

    /** What data it is, its path {@linkplain Console#typed as one would type it}. */
    static String described(Console console, Splits splits, String located) {
        return located.isEmpty() || located.startsWith(GENERATED)
                ? splits.description()
                : splits.description().replace(located, console.typed(Path.of(located)));
    }

    static boolean isMnist(String located) {
        return !located.startsWith(GENERATED) && Mnist.isIn(Path.of(located));
    }

    /** Fetches MNIST into a folder, and says how far that is: on a terminal, in a redrawn line. */
    static void fetch(Console console, Path folder) {
        Console.RedrawnLine line = new Console.RedrawnLine(console);
        boolean[] said = {false};
        MnistFetch.Meter meter =
                (file, done, total) -> {
                    if (!said[0]) {
                        said[0] = true;
                        console.about("fetch", "MNIST into " + console.typed(folder));
                    }
                    if (line.isDue() || done == total && console.terminal()) {
                        String of = total < 0 ? "" : format(" of %.1f MB", total * 1e-6);
                        line.draw(format("%s  %.1f MB", file, done * 1e-6) + of);
                    }
                };
        try {
            new MnistFetch(console.environment()).into(folder, meter);
        } finally {
            line.end();
        }
    }

    /** Reads what was located; the settings say what files do not. */
    static Splits read(RunSettings settings, String located) {
        return read(settings, settings.format(), located);
    }

    /** As {@link #read(RunSettings, String)} does; the format says what is known of a table. */
    static Splits read(RunSettings settings, TableFormat table, String located) {
        if (located.startsWith(GENERATED) && settings.get(Setting.TRANSPOSE)) {
            throw usage("generated digits are upright: leave --transpose out");
        }
        if (located.equals(GENERATED)) {
            return Digits.splits(60_000, 10_000);
        }
        if (!located.startsWith(GENERATED + ":")) {
            boolean transpose = settings.get(Setting.TRANSPOSE);
            return DataReader.read(Path.of(located), table, transpose);
        }
        String[] counts = located.substring(GENERATED.length() + 1).split(",", -1);
        try {
            return Digits.splits(Integer.parseInt(counts[0]), Integer.parseInt(counts[1]));
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            throw usage("data \"%s\": write generated:TRAIN,TEST with two counts", located);
        }
    }
}
