package org.quern.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code quern bench kernels}. */
@Command(
        name = "kernels",
        description = {
            "Every kernel at sizes of use: checked against the float64 reference, then timed, and"
                    + " held against what this device does at most. Without --backend on every"
                    + " backend that can run here.",
            ""
        },
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {
            "",
            "Examples:",
            "  quern bench kernels",
            "  quern bench kernels --backend cpu --threads 1",
            "  quern bench kernels --quick --json kernels.json",
            "",
            "Exit codes: 4 if a kernel computes something wrong, else 0."
        })
final class BenchKernelsCommand implements Callable<Integer> {
    private final Console console;

    @Mixin BenchOptions options;

    @Mixin HelpOption help;

    @Spec CommandSpec spec;

    BenchKernelsCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        BenchCommand.checkNoneBefore(spec);
        BenchRun run = new BenchRun(console, options);
        run.kernels();
        return run.finish();
    }
}
