package org.quern.cli;

import org.quern.backend.Backend;
import org.quern.backend.Backends;
import picocli.CommandLine.Option;

/** The options that say what to run on. */
final class BackendOptions {
    @Option(
            names = "--backend",
            paramLabel = "NAME",
            description = "What to run on: auto, or a name that quern doctor lists (auto).")
    String backend;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "CPU threads to use (the backend's choice).")
    Integer threads;

    /** The backend that was asked for. */
    Backends.Choice choose() {
        return Backends.choose(backend == null ? Backends.AUTO : backend);
    }

    /** How to run on it. */
    Backend.Options options() {
        return threads == null ? Backend.Options.DEFAULT : new Backend.Options(threads);
    }
}
