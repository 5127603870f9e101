package org.quern.cli;

import java.util.concurrent.Callable;
import org.quern.QuernException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code quern bench}. */
@Command(
        name = "bench",
        description = "Measures this machine.",
        synopsisSubcommandLabel = "COMMAND",
        footer = {
            "",
            "Examples:",
            "  quern bench mnist",
            "  quern bench mnist --seeds 10 --json mnist.json",
            "  quern bench mnist --rung 99 --backend cpu"
        })
final class BenchCommand implements Callable<Integer> {
    @Spec CommandSpec spec;

    @Mixin HelpOption help;

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getOut());
        return QuernException.Kind.USAGE.exitCode();
    }
}
