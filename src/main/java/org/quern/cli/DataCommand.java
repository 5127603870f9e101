package org.quern.cli;

import java.util.concurrent.Callable;
import org.quern.QuernException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code quern data}: its commands are {@link DataFetchCommand} and {@link DataInfoCommand}. */
@Command(
        name = "data",
        description = "Fetches data sets and tells what is in them.",
        synopsisSubcommandLabel = "COMMAND",
        footer = {
            "",
            "Examples:",
            "  quern data fetch mnist",
            "  quern data info",
            "  quern data info digits.csv"
        })
final class DataCommand implements Callable<Integer> {
    @Spec CommandSpec spec;

    @Mixin HelpOption help;

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getOut());
        return QuernException.Kind.USAGE.exitCode();
    }
}
