package org.quern.cli;

import java.io.IOError;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Locale;
import org.quern.QuernException;

/**
 * Standard output cannot be written: its device is full, or nobody reads it any more. It ends
 * whatever command is running at the first line that is lost, and what a run has kept until then
 * stays. An error, because commands and picocli catch exceptions and say something.
 */
final class OutputLost extends IOError {
    private static final long serialVersionUID = 1L;

    /** What a shell tells of a process that SIGPIPE ended, which Java ignores: 128 and 13. */
    private static final int EXIT_PIPE = 141;

    private OutputLost(IOException cause) {
        super(cause);
    }

    /** Whether its reader closed the pipe, as {@code head} does: nothing is wrong or said then. */
    boolean isPipe() {
        return String.valueOf(getCause().getMessage()).toLowerCase(Locale.ROOT).contains("pipe");
    }

    @Override
    public String getMessage() {
        return "standard output cannot be written (%s): send it elsewhere"
                .formatted(getCause().getMessage());
    }

    int exitCode() {
        return isPipe() ? EXIT_PIPE : QuernException.Kind.DATA.exitCode();
    }

    /**
     * A stream that throws this for the first thing that cannot be written; a {@link
     * java.io.PrintStream} would keep an {@link IOException} to itself. What is written afterwards,
     * while commands clean up, is dropped.
     */
    static OutputStream watched(OutputStream out) {
        return new OutputStream() {
            private boolean lost;

            @Override
            public void write(int one) {
                write(new byte[] {(byte) one}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int from, int count) {
                if (!lost) {
                    try {
                        out.write(bytes, from, count);
                    } catch (IOException e) {
                        lost = true;
                        throw new OutputLost(e);
                    }
                }
            }
        };
    }
}
