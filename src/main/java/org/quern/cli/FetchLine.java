package org.quern.cli;

import static org.quern.report.Numbers.format;

import java.nio.file.Path;
import org.quern.data.MnistFetch;

/** How far a download is: one line when the first byte is there, on a terminal one redrawn line. */
final class FetchLine implements MnistFetch.Meter, AutoCloseable {
    private static final long REDRAW_NANOS = 100_000_000;

    private final Console console;
    private final Path folder;
    private boolean said;
    private long drawnAt;
    private int width;

    FetchLine(Console console, Path folder) {
        this.console = console;
        this.folder = folder;
        drawnAt = console.nanoTime().getAsLong() - REDRAW_NANOS;
    }

    @Override
    public void progress(String file, long done, long total) {
        if (!said) {
            said = true;
            console.about("fetch", "MNIST into " + folder);
        }
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
