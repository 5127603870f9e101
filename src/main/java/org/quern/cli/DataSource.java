package org.quern.cli;

import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.format;

import java.nio.file.Path;
import java.util.Optional;
import org.quern.QuernException;
import org.quern.data.DataReader;
import org.quern.data.Digits;
import org.quern.data.Mnist;
import org.quern.data.MnistFetch;
import org.quern.data.Splits;
import org.quern.run.RunSettings;

/** Where a command's data comes from. */
final class DataSource {
    private static final String GENERATED = "generated";

    private DataSource() {}

    /**
     * Settles what is to be read. When nobody says: MNIST, found or else fetched; where it cannot
     * be fetched, generated digits, and a line that says so.
     *
     * @param asked a path, or {@code generated[:TRAIN,TEST]}; empty if nobody says
     * @return a path or {@code generated…}
     */
    static String locate(Console console, String asked) {
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
            if (e.kind() != QuernException.Kind.DATA) {
                throw e;
            }
            console.note("%s; taking generated digits instead", e.getMessage());
            return GENERATED;
        }
    }

    /** Whether that is a folder with MNIST's four files. */
    static boolean isMnist(String located) {
        return !located.startsWith(GENERATED) && Mnist.isIn(Path.of(located));
    }

    /** Fetches MNIST into a folder, and says how far that is: on a terminal, in a redrawn line. */
    static void fetch(Console console, Path folder) {
        RedrawnLine line = new RedrawnLine(console);
        boolean[] said = {false};
        MnistFetch.Meter meter =
                (file, done, total) -> {
                    if (!said[0]) {
                        said[0] = true;
                        console.about("fetch", "MNIST into " + folder);
                    }
                    if (line.isDue() || done == total && console.terminal()) {
                        String of = total < 0 ? "" : format(" of %.1f MB", total * 1e-6);
                        line.draw(format("%s  %.1f MB", file, done * 1e-6) + of);
                    }
                };
        try {
            new MnistFetch().into(folder, meter);
        } finally {
            line.end();
        }
    }

    /** Reads what was located; the settings say what is known of a CSV file. */
    static Splits read(RunSettings settings, String located) {
        if (located.equals(GENERATED)) {
            return Digits.splits(60_000, 10_000);
        }
        if (located.startsWith(GENERATED + ":")) {
            String[] counts = located.substring(GENERATED.length() + 1).split(",", -1);
            try {
                return Digits.splits(Integer.parseInt(counts[0]), Integer.parseInt(counts[1]));
            } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
                throw usage("data \"%s\": write generated:TRAIN,TEST with two counts", located);
            }
        }
        return DataReader.read(Path.of(located), settings.format());
    }
}
