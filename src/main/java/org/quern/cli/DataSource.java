package org.quern.cli;

import java.nio.file.Path;
import java.util.Optional;
import org.quern.data.Mnist;
import org.quern.data.MnistFetch;
import org.quern.data.Source;
import org.quern.data.Splits;

/** Where a command's data comes from when nobody says so. */
final class DataSource {
    private final Console console;

    DataSource(Console console) {
        this.console = console;
    }

    /**
     * The data at a path, or MNIST: found, else fetched.
     *
     * @param path empty to look for it
     * @param label for CSV, the label's column; empty to find it
     */
    Splits open(String path, String label) {
        if (!path.isEmpty()) {
            return Source.read(Path.of(path), label.isEmpty() ? null : label);
        }
        Optional<Path> found = Mnist.find(console.environment());
        if (found.isPresent()) {
            return Mnist.load(found.get());
        }
        Path cache = Mnist.cacheFolder(console.environment());
        new MnistFetch().into(cache, (file, done, total) -> {});
        return Mnist.load(cache);
    }
}
