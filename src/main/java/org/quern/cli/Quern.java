package org.quern.cli;

import java.nio.file.InvalidPathException;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.quern.QuernException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The command line. An error is one line on standard error; the exit code tells its kind: {@link
 * QuernException.Kind}; {@link OutputLost}, where the output could not be written; or 70
 * (EX_SOFTWARE of BSD's sysexits.h) for a fault of Quern's own.
 */
@Command(
        name = "quern",
        description = "Trains dense neural networks, from one jar.",
        versionProvider = Quern.Version.class,
        mixinStandardHelpOptions = true,
        sortOptions = false,
        synopsisSubcommandLabel = "COMMAND",
        footer = {"", "Try:", "  quern train", "  quern train --help", "  quern doctor"})
public final class Quern implements Callable<Integer> {
    /** Exit code of an exception that nobody foresaw. */
    static final int EXIT_FAULT = 70;

    @Option(
            names = "--stacktrace",
            scope = ScopeType.INHERIT,
            description = "Print the stack trace of an error.")
    boolean stacktrace;

    @Spec CommandSpec spec;

    private Quern() {}

    /** Runs a command and ends the process with its exit code. */
    public static void main(String[] arguments) {
        Locale.setDefault(Locale.ROOT); // figures look the same everywhere
        Interrupts interrupts = new Interrupts().install();
        int code = run(Console.system(), interrupts, arguments);
        interrupts.finished();
        System.exit(code);
    }

    /** Runs a command. @return the exit code */
    static int run(Console console, Interrupts interrupts, String... arguments) {
        Map<String, Object> commands = Commands.make(console, interrupts, arguments);
        CommandLine line = new CommandLine(new Quern());
        commands.forEach(line::addSubcommand);
        line.setColorScheme(
                CommandLine.Help.defaultColorScheme(console.colour() ? Ansi.ON : Ansi.OFF));
        line.setOut(new java.io.PrintWriter(console.out(), true));
        line.setErr(new java.io.PrintWriter(console.err(), true));
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setParameterExceptionHandler((e, given) -> usage(console, e));
        line.setExecutionExceptionHandler((e, at, parsed) -> failed(console, at, e));
        int code = execute(line, console, arguments);
        console.err().flush();
        return code;
    }

    private static int execute(CommandLine line, Console console, String... arguments) {
        try {
            int code = line.execute(arguments);
            console.out().flush();
            return code;
        } catch (OutputLost e) {
            if (!e.isPipe()) {
                console.err().println("quern: " + e.getMessage());
            }
            return e.exitCode();
        } catch (OutOfMemoryError e) {
            console.err()
                    .println(
                            "quern: out of memory ("
                                    + e.getMessage()
                                    + "): give the JVM more with -Xmx, or use a smaller --batch");
            return QuernException.Kind.DEVICE.exitCode();
        }
    }

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getOut());
        return QuernException.Kind.USAGE.exitCode();
    }

    private static int usage(Console console, ParameterException e) {
        CommandSpec command = e.getCommandLine().getCommandSpec();
        String message = e.getMessage().lines().findFirst().orElse("");
        if (e instanceof UnmatchedArgumentException unmatched) {
            message = unmatched(unmatched.getUnmatched().get(0), command);
        }
        console.out().flush();
        console.err().println("quern: %s (%s --help)".formatted(message, command.qualifiedName()));
        return QuernException.Kind.USAGE.exitCode();
    }

    private static String unmatched(String word, CommandSpec command) {
        boolean option = word.startsWith("-");
        String name = option ? word.split("=", 2)[0] : word;
        String what = option ? "option" : command.parent() == null ? "command" : "argument";
        return "unknown %s \"%s\"".formatted(what, name)
                + Nearest.to(
                                name,
                                option
                                        ? command.optionsMap().keySet()
                                        : command.subcommands().keySet())
                        .map(": did you mean \"%s\"?"::formatted)
                        .orElse("");
    }

    private static int failed(Console console, CommandLine at, Exception e) {
        Quern root = (Quern) at.getCommandSpec().root().userObject();
        console.out().flush();
        if (root.stacktrace) {
            e.printStackTrace(console.err());
        }
        if (e instanceof QuernException known) {
            console.err().println("quern: " + known.getMessage());
            return known.kind().exitCode();
        }
        if (e instanceof InvalidPathException path) {
            console.err()
                    .println(
                            "quern: \"%s\" cannot be a path here (%s): if it is not ASCII, set LC_ALL=C.UTF-8"
                                    .formatted(path.getInput(), path.getReason()));
            return QuernException.Kind.USAGE.exitCode();
        }
        console.err()
                .println(
                        "quern: "
                                + e
                                + " (a fault of Quern's; "
                                + (root.stacktrace ? "see above" : "--stacktrace shows where")
                                + ")");
        return EXIT_FAULT;
    }

    /** The version from the jar's manifest. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Quern.class.getPackage().getImplementationVersion();
            return new String[] {
                "quern "
                        + (version == null ? "(not from a jar)" : version)
                        + ", Java "
                        + System.getProperty("java.version")
            };
        }
    }
}
