package org.quern.cli;

import static org.quern.QuernException.data;
import static org.quern.QuernException.usage;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.quern.data.Mnist;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code quern data fetch}. */
@Command(
        name = "fetch",
        description = "Fetches a data set into the user's cache, and checks it.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  quern data fetch mnist",
            "  quern data fetch mnist --to data/mnist",
            "  quern train --data data/mnist"
        })
final class DataFetchCommand implements Callable<Integer> {
    private final Console console;

    @Parameters(paramLabel = "NAME", description = "mnist")
    String name;

    @Option(names = "--to", paramLabel = "DIR", description = "Fetch into this folder instead.")
    Path to;

    @Mixin HelpOption help;

    DataFetchCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        if (!name.equals("mnist")) {
            throw usage("unknown data set \"%s\": mnist is the one that can be fetched", name);
        }
        Path folder = to == null ? Mnist.cacheFolder(console.environment()) : to;
        if (!Mnist.isIn(folder)) {
            new DataSource(console).fetch(folder);
        }
        List<String> differing = Mnist.differing(folder);
        if (!differing.isEmpty()) {
            throw data(
                    "%s: %s are not MNIST's (SHA-256 differs): remove them and fetch again",
                    folder, String.join(", ", differing));
        }
        console.about("mnist", "whole and checked (SHA-256) in " + folder);
        return 0;
    }
}
