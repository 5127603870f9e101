package org.quern.cli;

import static org.quern.report.Numbers.format;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOError;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.report.Look;
import picocli.CommandLine.Help.Ansi;

/**
 * All that commands see of the world outside; who watches may have a line redrawn.
 *
 * @param terminal whether output goes to one; {@code showsErrors}: whether errors do
 */
record Console(
        PrintStream out,
        PrintStream err,
        boolean terminal,
        boolean showsErrors,
        Map<String, String> environment,
        LongSupplier nanoTime,
        boolean quiet) {
    private static final int BUFFER = 1 << 13;

    /** Columns of a terminal that does not say how many it has. */
    private static final int COLUMNS = 80;

    /** Where the text of a line begins that starts with what it is about. */
    private static final int INDENT = 10;

    private static final String SYSTEM = System.getProperty("os.name").toLowerCase(Locale.ROOT);

    Console(
            PrintStream out,
            PrintStream err,
            boolean terminal,
            Map<String, String> environment,
            LongSupplier nanoTime) {
        this(out, err, terminal, terminal, environment, nanoTime, false);
    }

    /** The same that leaves out what is said on the way to the results. */
    Console quietly() {
        return new Console(out, err, terminal, showsErrors, environment, nanoTime, true);
    }

    static Console system() {
        Map<String, String> environment = System.getenv();
        boolean terminal = isTerminal(environment);
        return new Console(
                stream(new Watched(new FileOutputStream(FileDescriptor.out))),
                stream(new FileOutputStream(FileDescriptor.err)),
                terminal,
                terminal && isDevice(Path.of("/proc/self/fd/2")),
                environment,
                System::nanoTime,
                false);
    }

    /** Whether output may be coloured; <a href="https://no-color.org">NO_COLOR</a> forbids it. */
    boolean colour() {
        return terminal && !isSet("NO_COLOR") && knowsColours(SYSTEM, environment);
    }

    /** Windows' old console shows the commands for them; what does not names itself. */
    static boolean knowsColours(String system, Map<String, String> environment) {
        String term = environment.get("TERM");
        return system.startsWith("windows") && term == null
                ? Stream.of("WT_SESSION", "ConEmuANSI", "ANSICON")
                        .anyMatch(environment::containsKey)
                : !"dumb".equals(term);
    }

    /** How wide it is and whether it has colours; {@code COLUMNS} is set by the launcher. */
    Look look() {
        String columns = environment.getOrDefault("COLUMNS", "");
        boolean known = columns.matches("[1-9]\\d{0,3}");
        int width = known ? Integer.parseInt(columns) : COLUMNS;
        return terminal ? new Look(width, colour()) : Look.PLAIN;
    }

    private boolean isSet(String variable) {
        return !environment.getOrDefault(variable, "").isEmpty();
    }

    double secondsSince(long since) {
        return (nanoTime.getAsLong() - since) * 1e-9;
    }

    /** Writes a line; without arguments, what is given as it is. */
    void line(String text, Object... arguments) {
        show(Look.clean(arguments.length == 0 ? text : format(text, arguments)));
    }

    /** Writes what is {@linkplain Look#clean clean} and may be coloured. */
    void show(String text) {
        show(text, 2);
    }

    private void show(String text, int indent) {
        out.println(terminal ? look().wrapped(text, indent) : text);
    }

    /** Writes a line of what went wrong, behind what was written so far. */
    void error(String text) {
        out.flush();
        String line = "quern: " + Look.clean(text);
        err.println(showsErrors ? look().wrapped(line, 2) : line);
    }

    /**
     * A path as one would type it here: from this folder or from home on, if it is in one of them.
     */
    String typed(Path path) {
        Path here = Path.of("").toAbsolutePath();
        Path home = Path.of(environment.getOrDefault("HOME", "")).toAbsolutePath();
        if (path.startsWith(here) && !path.equals(here)) {
            return here.relativize(path).toString();
        }
        boolean below = isSet("HOME") && path.startsWith(home) && !path.equals(home);
        return below ? Path.of("~").resolve(home.relativize(path)).toString() : path.toString();
    }

    /** Writes a line that starts with what it is about, unless it is {@linkplain #quiet}. */
    void about(String subject, String text, Object... arguments) {
        if (!quiet) {
            told(subject, text, arguments);
        }
    }

    private void told(String subject, String text, Object... arguments) {
        String what = arguments.length == 0 ? text : format(text, arguments);
        show(look().dim(format("%-9s ", subject)) + Look.clean(what), INDENT);
    }

    /** Writes such a line of what all was done for. */
    void result(String subject, String text) {
        show(look().bold(format("%-9s %s", subject, text)), INDENT);
    }

    void note(String text, Object... arguments) {
        told("note", text, arguments);
    }

    void verdict(String subject, boolean passed, String text, Object... arguments) {
        String verdict = passed ? "@|green PASS|@" : "@|bold,red FAIL|@";
        Ansi ansi = colour() ? Ansi.ON : Ansi.OFF;
        String what = Look.clean(format(text, arguments));
        show(format("%-9s %s  %s", subject, ansi.string(verdict), what), INDENT + 6);
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
        OutputStream buffered = new BufferedOutputStream(to, BUFFER);
        return new PrintStream(buffered, true, StandardCharsets.UTF_8);
    }

    /** Of what the JDK does not tell: whether it is a terminal, and no file or pipe. */
    private static boolean isDevice(Path descriptor) {
        try {
            return descriptor.toRealPath().startsWith("/dev");
        } catch (IOException e) {
            return false; // a pipe, or a system that does not say
        }
    }

    /**
     * Asks the JDK. Up to Java 21 {@link System#console()} is null unless both standard input and
     * output are terminals; from 22 on it never is, and has an {@code isTerminal} that says so.
     * Where {@code CI} is set, or {@code TERM} is not or is dumb, nobody watches and it is not
     * asked, which also spares the time that some JDKs take to make a console.
     */
    private static boolean isTerminal(Map<String, String> environment) {
        String term = SYSTEM.startsWith("windows") ? "windows" : "dumb"; // where none is set
        if (!environment.getOrDefault("CI", "").isEmpty()
                || environment.getOrDefault("TERM", term).equals("dumb")) {
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

    /**
     * Standard output cannot be written: its device is full, or nobody reads it any more. It ends
     * whatever command is running at the first line that is lost, and what a run has kept until
     * then stays. An error, because commands and picocli catch exceptions and say something.
     */
    static final class OutputLost extends IOError {
        private static final long serialVersionUID = 1L;

        /** What a shell tells of a process that SIGPIPE ended, which Java ignores: 128 and 13. */
        private static final int EXIT_PIPE = 141;

        private OutputLost(IOException cause) {
            super(cause);
        }

        /** Whether its reader closed the pipe, as {@code head} does: nothing is wrong then. */
        boolean isPipe() {
            String why = String.valueOf(getCause().getMessage());
            return why.toLowerCase(Locale.ROOT).contains("pipe");
        }

        @Override
        public String getMessage() {
            return "standard output cannot be written (%s): send it elsewhere"
                    .formatted(getCause().getMessage());
        }

        int exitCode() {
            return isPipe() ? EXIT_PIPE : QuernException.Kind.DATA.exitCode();
        }
    }

    /**
     * Throws {@link OutputLost} for the first thing that cannot be written, whose {@link
     * IOException} a {@link PrintStream} would keep to itself. What is written afterwards, while
     * commands clean up, is dropped.
     */
    private static final class Watched extends FilterOutputStream {
        private boolean lost;

        Watched(OutputStream out) {
            super(out);
        }

        @Override
        public void write(int one) {
            write(new byte[] {(byte) one}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int from, int count) {
            try {
                if (!lost) {
                    out.write(bytes, from, count);
                }
            } catch (IOException e) {
                lost = true;
                throw new OutputLost(e);
            }
        }
    }

    /** The last line of a terminal, drawn over itself at most ten times a second. */
    static final class RedrawnLine {
        private static final long PAUSE_NANOS = 100_000_000;

        private final Console console;
        private long drawnAt;
        private int width;

        RedrawnLine(Console console) {
            this.console = console;
            drawnAt = console.nanoTime.getAsLong() - PAUSE_NANOS;
        }

        /** Whether there is a terminal, and it is time to draw again; if so, time begins anew. */
        boolean isDue() {
            long now = console.nanoTime.getAsLong();
            boolean due = console.terminal && now - drawnAt >= PAUSE_NANOS;
            drawnAt = due ? now : drawnAt;
            return due;
        }

        /** Columns that may be drawn on: a line that is redrawn must not wrap. */
        int columns() {
            return console.look().width() - 1;
        }

        void draw(String whole) {
            String text = whole.substring(0, Math.min(columns(), whole.length()));
            String blanks = " ".repeat(Math.max(0, width - text.length()));
            console.out.print((width > 0 ? "\r" : "") + text + blanks);
            console.out.flush();
            width = text.length();
        }

        void stay(String text) {
            clear();
            console.line(text);
        }

        /** Takes back what was drawn. */
        void clear() {
            if (width > 0) {
                draw("");
                console.out.print('\r');
                width = 0;
            }
        }

        /** Lets what was drawn stand, if anything was. */
        void end() {
            if (width > 0) {
                console.out.println();
                width = 0;
            }
        }
    }
}
