package org.quern.cli;

import static org.quern.report.Numbers.format;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;
import picocli.CommandLine.Help.Ansi;

/**
 * All that commands see of the world outside: where they write, whether somebody watches, the
 * environment and the time.
 *
 * @param out for results
 * @param err for errors, one line each
 * @param terminal whether {@code out} is a terminal that a line may be redrawn on
 * @param environment the environment variables
 * @param nanoTime as {@link System#nanoTime()}
 */
record Console(
        PrintStream out,
        PrintStream err,
        boolean terminal,
        Map<String, String> environment,
        LongSupplier nanoTime) {
    private static final int BUFFER = 1 << 13;
    private static final String SYSTEM = System.getProperty("os.name").toLowerCase(Locale.ROOT);

    /** The process' own. */
    static Console system() {
        Map<String, String> environment = System.getenv();
        return new Console(
                stream(OutputLost.watched(new FileOutputStream(FileDescriptor.out))),
                stream(new FileOutputStream(FileDescriptor.err)),
                isTerminal(environment),
                environment,
                System::nanoTime);
    }

    /**
     * Whether output may be coloured: on a terminal, unless <a
     * href="https://no-color.org">NO_COLOR</a> is set and not empty, or the terminal is said to
     * know no colours.
     */
    boolean colour() {
        return terminal
                && !isSet("NO_COLOR")
                && !environment.getOrDefault("TERM", "").equals("dumb");
    }

    private boolean isSet(String variable) {
        return !environment.getOrDefault(variable, "").isEmpty();
    }

    /** Writes a line; without arguments, what is given as it is. */
    void line(String text, Object... arguments) {
        out.println(arguments.length == 0 ? text : format(text, arguments));
    }

    /** Writes a line that starts with what it is about. */
    void about(String subject, String text, Object... arguments) {
        line("%-9s %s", subject, arguments.length == 0 ? text : format(text, arguments));
    }

    void note(String text, Object... arguments) {
        about("note", text, arguments);
    }

    /** Writes a line on whether something is as it should be. */
    void verdict(String subject, boolean passed, String text, Object... arguments) {
        String verdict = passed ? "@|green PASS|@" : "@|bold,red FAIL|@";
        Ansi ansi = colour() ? Ansi.ON : Ansi.OFF;
        about(subject, "%s  %s", ansi.string(verdict), format(text, arguments));
    }

    /** Opens a page by the system's own means; java.awt.Desktop would bring a window system. */
    void browse(String address) {
        List<String> command = List.of("xdg-open", address);
        if (SYSTEM.startsWith("windows")) {
            command = List.of("rundll32", "url.dll,FileProtocolHandler", address);
        } else if (SYSTEM.startsWith("mac")) {
            command = List.of("open", address);
        } else if (!isSet("DISPLAY") && !isSet("WAYLAND_DISPLAY")) {
            note("no display here: open the page in a browser yourself");
            return;
        }
        try {
            new ProcessBuilder(command)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            note("%s was not found: open the page in a browser yourself", command.get(0));
        }
    }

    /** UTF-8 whatever the locale, and one write for each line. */
    private static PrintStream stream(OutputStream to) {
        return new PrintStream(
                new java.io.BufferedOutputStream(to, BUFFER), true, StandardCharsets.UTF_8);
    }

    /**
     * Asks the JDK. Up to Java 21 {@link System#console()} is null unless both standard input and
     * output are terminals; from 22 on it never is, and has an {@code isTerminal} that says so.
     * Where {@code CI} is set, or {@code TERM} is not or is dumb, nobody watches and it is not
     * asked, which also spares the time that some JDKs take to make a console.
     */
    private static boolean isTerminal(Map<String, String> environment) {
        boolean windows = SYSTEM.startsWith("windows");
        String term = environment.getOrDefault("TERM", windows ? "windows" : "dumb");
        if (!environment.getOrDefault("CI", "").isEmpty() || term.equals("dumb")) {
            return false;
        }
        java.io.Console console = System.console();
        try {
            return console != null
                    && (boolean) java.io.Console.class.getMethod("isTerminal").invoke(console);
        } catch (NoSuchMethodException e) {
            return true; // Java 21 or older: a console is a terminal
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
