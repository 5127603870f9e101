package org.quern.cli;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.QuernException.Kind;
import org.quern.Version;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The command line. An error is one line on standard error; the exit code tells its kind: {@link
 * QuernException.Kind}; {@link Console.OutputLost}, where the output could not be written; or 70
 * (EX_SOFTWARE of BSD's sysexits.h) for a fault of Quern's own.
 */
@Command(
        name = "quern",
        description = "Trains dense neural networks, from one jar.",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        synopsisSubcommandLabel = "COMMAND",
        footer = {"", "Try:", "  quern train", "  quern train --help", "  quern doctor"})
public final class Quern implements Callable<Integer> {
    static final int EXIT_FAULT = 70;

    private static final int MOST_IN_SYNOPSIS = 11;

    /** Why Java knows no path of letters that its locale has not, and what to do. */
    private static final String LOCALE = "this locale allows ASCII only: set LC_ALL=C.UTF-8";

    /** What picocli says of a value that is none of some. */
    private static final Pattern CHOICE =
            Pattern.compile(
                    "Invalid value for .*'(\\S+)'.*: expected one of \\[(.*)] .*but was ('.*')");

    /** Columns below which picocli writes no help. */
    private static final int LEAST_HELP = 55;

    /** What Keras, PyTorch and scikit-learn call options. */
    private static final Map<String, String> ELSEWHERE =
            Map.of(
                    "--batch-size", "--batch",
                    "--hidden-layer-sizes", "--model",
                    "--learning-rate", "--lr",
                    "--max-iter", "--epochs",
                    "--random-state", "--seed",
                    "--target", "--label",
                    "--test-size", "--split",
                    "--validation-split", "--validation");

    private static final List<String> COMMANDS =
            List.of(
                    ("explore train sweep evaluate predict export draw report compare bench summary"
                                    + " gradcheck doctor data completion")
                            .split(" "));

    final Console console;
    final Interrupts interrupts;

    /** Data that is being read already; null if none is. */
    final DataSource.Loading begun;

    @Option(
            names = "--stacktrace",
            scope = ScopeType.INHERIT,
            description = "Print the stack trace of an error.")
    boolean stacktrace;

    @Spec CommandSpec spec;

    private Quern(Console console, Interrupts interrupts, DataSource.Loading begun) {
        this.console = console;
        this.interrupts = interrupts;
        this.begun = begun;
    }

    /** Runs a command and ends the process with its exit code. */
    public static void main(String[] arguments) {
        Locale.setDefault(Locale.ROOT); // figures look the same everywhere
        Interrupts interrupts = new Interrupts().install();
        int code = run(Console.system(), interrupts, arguments);
        interrupts.finished();
        System.exit(code);
    }

    static int run(Console console, Interrupts interrupts, String... arguments) {
        Quern quern = new Quern(console, interrupts, DataSource.begin(console, arguments));
        CommandLine line = new CommandLine(quern);
        // reading annotations takes picocli hundredths of a second: only those asked for are read
        boolean known = arguments.length > 0 && COMMANDS.contains(arguments[0]);
        boolean alone = known && !arguments[0].equals("completion"); // which is about all
        for (String name : alone ? List.of(arguments[0]) : COMMANDS) {
            line.addSubcommand(name, command(name));
        }
        if (!alone) {
            CommandLine help = new CommandLine(new CommandLine.HelpCommand());
            help.getCommandSpec().usageMessage().description("Shows the help of a command.");
            line.addSubcommand("help", help);
        }
        line.setUsageHelpWidth(Math.max(LEAST_HELP, Math.min(80, console.look().width())));
        line.setColorScheme(
                CommandLine.Help.defaultColorScheme(console.colour() ? Ansi.ON : Ansi.OFF));
        String java = System.getProperty("java.version");
        line.getCommandSpec().version("quern " + Version.TEXT + ", Java " + java);
        line.setOut(new java.io.PrintWriter(console.out(), true));
        line.setErr(new java.io.PrintWriter(console.err(), true));
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setParameterExceptionHandler((e, given) -> quern.usage(e));
        line.setExecutionExceptionHandler((e, at, parsed) -> quern.failed(e));
        int code = quern.execute(line, arguments);
        console.err().flush();
        return code;
    }

    private int execute(CommandLine line, String... arguments) {
        try {
            Stream<String> given = Stream.of(arguments); // picocli knows one option for help
            if (List.of(arguments).contains("--help-all")) {
                given = Stream.concat(given, Stream.of("--help"));
            }
            int code = line.execute(given.toArray(String[]::new));
            console.out().flush();
            return code;
        } catch (Console.OutputLost e) {
            if (!e.isPipe()) {
                console.error(e.getMessage());
            }
            return e.exitCode();
        } catch (OutOfMemoryError e) {
            String what = String.valueOf(e.getMessage());
            if (what.contains("thread")) { // which more heap would leave less memory for
                return failed(Kind.DEVICE, "out of memory: %s: give fewer --threads", what);
            }
            long most = Runtime.getRuntime().maxMemory() >> 20;
            String text =
                    "out of memory: Java may use %,d MiB at most (%s): allow twice that with"
                            + " JAVA_TOOL_OPTIONS=-Xmx%dm, or give fewer rows";
            return failed(Kind.DEVICE, text, most, what, 2 * most);
        }
    }

    private static CommandLine command(String name) {
        return switch (name) {
            case "train" -> command(new TrainCommand());
            case "sweep" -> command(new SweepCommand());
            case "predict" -> command(new PredictCommand());
            case "explore" -> methods(DataCommands.class, name);
            case "data" -> methods(DataCommands.class, name, "fetch", "info");
            case "bench" ->
                    methods(BenchCommands.class, name, "kernels", "steps")
                            .addSubcommand(command(new BenchCommands.Mnist()));
            case "gradcheck", "doctor", "completion" -> methods(CheckCommands.class, name);
            default -> methods(ModelCommands.class, name);
        };
    }

    private static CommandLine methods(Class<?> of, String name, String... subcommands) {
        CommandLine line = command(CommandLine.getCommandMethods(of, name).get(0));
        Stream.of(subcommands).forEach(sub -> line.addSubcommand(methods(of, sub)));
        return line;
    }

    /** A command, an object or a method; its footer begins with its examples. */
    private static CommandLine command(Object of) {
        CommandLine line = new CommandLine(of);
        UsageMessageSpec usage = line.getCommandSpec().usageMessage().sortOptions(false);
        usage.abbreviateSynopsis(line.getCommandSpec().options().size() > MOST_IN_SYNOPSIS);
        if (line.getCommandSpec().findOption("--help-all") != null) {
            line.getHelpSectionMap()
                    .put(UsageMessageSpec.SECTION_KEY_OPTION_LIST, Options.Trains::grouped);
        }
        if (!usage.footer()[0].isEmpty()) { // which would come before them
            usage.footerHeading("%nExamples:%n");
        }
        return line;
    }

    @Override
    public Integer call() {
        return Options.usage(spec);
    }

    private int usage(ParameterException e) {
        CommandSpec command = e.getCommandLine().getCommandSpec();
        String message =
                e instanceof UnmatchedArgumentException unmatched
                        ? unmatched(unmatched.getUnmatched().get(0), command)
                        : inWords(e.getMessage().lines().findFirst().orElse(""));
        console.out().flush();
        return failed(Kind.USAGE, "%s (%s --help)", message, command.qualifiedName());
    }

    /** What picocli says of a value, without the names that Java has for types. */
    private static String inWords(String message) {
        Matcher choice = CHOICE.matcher(message);
        if (choice.matches()) {
            String choices = choice.group(2).toLowerCase(Locale.ROOT);
            return "%s: %s is not one of %s".formatted(choice.group(1), choice.group(3), choices);
        }
        return message.replaceFirst(
                        "^Invalid value for .*'(\\S+)'.*: ('.*' is not a)n? (int|long)$",
                        "$1: $2 whole number")
                .replaceFirst(
                        "^Invalid value for .*'(\\S+)'.*: ('.*' is not a) (float|double)$",
                        "$1: $2 number");
    }

    private static String unmatched(String word, CommandSpec command) {
        boolean option = word.startsWith("-");
        String name = option ? word.split("=", 2)[0] : word;
        String what = option ? "option" : command.parent() == null ? "command" : "argument";
        Set<String> known = option ? command.optionsMap().keySet() : command.subcommands().keySet();
        String here = ELSEWHERE.get(name.replace('_', '-'));
        String near =
                known.contains(here)
                        ? "here it is called \"%s\"".formatted(here)
                        : QuernException.nearest(name, known, "");
        return "unknown %s \"%s\"%s".formatted(what, name, near.isEmpty() ? "" : ": " + near);
    }

    /** Whether Java takes no other letters in a path. */
    private static boolean isAscii() {
        return System.getProperty("sun.jnu.encoding", "").matches("ANSI_X3\\.4-1968|US-ASCII");
    }

    private int failed(Kind kind, String format, Object... arguments) {
        console.error(format.formatted(arguments));
        return kind.exitCode();
    }

    private int failed(Exception e) {
        if (e instanceof ExecutionException && e.getCause() instanceof Error error) {
            throw error; // of a command that is a method
        }
        console.out().flush();
        if (stacktrace) {
            e.printStackTrace(console.err());
        }
        if (e instanceof QuernException known) {
            boolean lost =
                    known.kind() == Kind.DATA && isAscii() && !Files.isDirectory(Path.of(""));
            String cure = lost ? "; the folder that this runs in cannot be found: " + LOCALE : "";
            return failed(known.kind(), "%s%s", known.getMessage(), cure);
        }
        if (e instanceof InvalidPathException path) {
            boolean nul = path.getInput().indexOf('\0') >= 0;
            String other = isAscii() ? LOCALE : path.getReason();
            String cure = nul ? "it contains a NUL character" : other;
            return failed(Kind.USAGE, "\"%s\" cannot be a path: %s", path.getInput(), cure);
        }
        String where = stacktrace ? "see above" : "--stacktrace shows where";
        console.error(e + " (a fault of Quern's; " + where + ")");
        return EXIT_FAULT;
    }
}
