package org.quern.cli;

import org.quern.QuernException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** What every command has: the option that shows its help, and the world outside. */
final class CommonOptions {
    @Spec(Target.MIXEE)
    CommandSpec command;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;

    Console console() {
        return quern().console;
    }

    Interrupts interrupts() {
        return quern().interrupts;
    }

    private Quern quern() {
        return (Quern) command.root().userObject();
    }

    /** Shows the help to somebody who has not said which of the commands is meant. */
    static int usage(CommandSpec of) {
        of.commandLine().usage(of.commandLine().getOut());
        return QuernException.Kind.USAGE.exitCode();
    }
}
