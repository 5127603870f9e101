package org.quern.cli;

/** The last line of a terminal, drawn over itself at most ten times a second. */
final class RedrawnLine {
    private static final long PAUSE_NANOS = 100_000_000;

    private final Console console;
    private long drawnAt;
    private int width;

    RedrawnLine(Console console) {
        this.console = console;
        drawnAt = console.nanoTime().getAsLong() - PAUSE_NANOS;
    }

    /** Whether there is a terminal, and it is time to draw again; if so, time begins anew. */
    boolean isDue() {
        long now = console.nanoTime().getAsLong();
        boolean due = console.terminal() && now - drawnAt >= PAUSE_NANOS;
        drawnAt = due ? now : drawnAt;
        return due;
    }

    /** Draws a text over the last one. */
    void draw(String text) {
        console.out().print((width > 0 ? "\r" : "") + text);
        console.out().print(" ".repeat(Math.max(0, width - text.length())));
        console.out().flush();
        width = text.length();
    }

    /** Lets what was drawn stand, if anything was. */
    void end() {
        if (width > 0) {
            console.out().println();
            width = 0;
        }
    }
}
