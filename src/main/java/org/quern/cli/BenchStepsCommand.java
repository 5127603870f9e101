package org.quern.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code quern bench steps}. */
@Command(
        name = "steps",
        description = {
            "Time of a training step by batch size, of a small and a wide network, on every"
                    + " backend that can run here, and which of them is the fastest.",
            ""
        },
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {
            "",
            "Examples:",
            "  quern bench steps",
            "  quern bench steps --backend cpu --threads 1",
            "  quern bench steps --quick --json steps.json"
        })
final class BenchStepsCommand implements Callable<Integer> {
    private final Console console;

    @Mixin BenchOptions options;

    @Mixin HelpOption help;

    @Spec CommandSpec spec;

    BenchStepsCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        BenchCommand.checkNoneBefore(spec);
        BenchRun run = new BenchRun(console, options);
        run.steps();
        return run.finish();
    }
}
