package org.quern.cli;

import static org.quern.report.Numbers.format;

import org.quern.data.MnistFetch;

/** How far a download is: on a terminal one redrawn line, elsewhere nothing. */
final class FetchLine implements MnistFetch.Meter, AutoCloseable {
    private static final long REDRAW_NANOS = 100_000_000;

    private final Console console;
    private long drawnAt;
    private int width;

    FetchLine(Console console) {
        this.console = console;
        drawnAt = console.nanoTime().getAsLong() - REDRAW_NANOS;
    }

    @Override
    public void progress(String file, long done, long total) {
        long now = console.nanoTime().getAsLong();
        if (console.terminal() && (now - drawnAt >= REDRAW_NANOS || done == total)) {
            drawnAt = now;
            draw(
                    format("%s  %.1f MB", file, done * 1e-6)
                            + (total < 0 ? "" : format(" of %.1f MB", total * 1e-6)));
        }
    }

    private void draw(String text) {
        console.out().print("\r" + text + " ".repeat(Math.max(0, width - text.length())));
        console.out().flush();
        width = text.length();
    }

    @Override
    public void close() {
        if (width > 0) {
            console.out().println();
        }
    }
}
