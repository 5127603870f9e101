package org.quern.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;

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
     * href="https://no-color.org">NO_COLOR</a> is set to anything but nothing, or the terminal is
     * said to know no colours.
     */
    boolean colour() {
        return terminal
                && environment.getOrDefault("NO_COLOR", "").isEmpty()
                && !environment.getOrDefault("TERM", "").equals("dumb");
    }

    void line(String format, Object... arguments) {
        out.println(arguments.length == 0 ? format : format.formatted(arguments));
    }

    /** Writes a line that starts with what it is about. */
    void about(String subject, String text) {
        out.println("%-9s %s".formatted(subject, text));
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
        boolean windows =
                System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("windows");
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
