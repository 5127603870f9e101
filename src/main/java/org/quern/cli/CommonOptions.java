package org.quern.cli;

import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.files.AtomicFile;
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

    /** The program that the command is of. */
    Quern quern() {
        return (Quern) command.root().userObject();
    }

    Console console() {
        return quern().console;
    }

    /** Shows the help to somebody who has not said which of the commands is meant. */
    static int usage(CommandSpec of) {
        of.commandLine().usage(of.commandLine().getOut());
        return QuernException.Kind.USAGE.exitCode();
    }

    /** Refuses files that cannot be written, before anything is done; null is a file not wanted. */
    static void checkWritable(Path... files) {
        Stream.of(files).filter(Objects::nonNull).forEach(AtomicFile::check);
    }
}
