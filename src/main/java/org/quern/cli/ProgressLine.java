package org.quern.cli;

import static org.quern.report.Numbers.clock;
import static org.quern.report.Numbers.format;
import static org.quern.report.Numbers.rate;

import org.quern.plan.Batches;
import org.quern.train.EpochResult;
import org.quern.train.History;
import org.quern.train.Listener;
import org.quern.train.Progress;
import org.quern.train.Trainer;

/**
 * Tells how training goes: on a terminal, one line that is redrawn at most ten times a second; for
 * each finished epoch one line that stays, which is all that is written elsewhere.
 */
final class ProgressLine implements Listener {
    private static final long REDRAW_NANOS = 100_000_000;
    private static final int BAR = 10;

    /** A line that is redrawn must not wrap. */
    private static final int WIDEST = 79;

    private final Console console;
    private final String unit;
    private final boolean classifies;
    private final int rows;
    private final int epochs;
    private long drawnAt;
    private int width;

    /**
     * For a run.
     *
     * @param unit what a row is, in the plural
     * @param classifies whether there is an accuracy
     * @param rows rows that it trains on
     * @param epochs epochs of the run
     */
    ProgressLine(Console console, String unit, boolean classifies, int rows, int epochs) {
        this.console = console;
        this.unit = unit;
        this.classifies = classifies;
        this.rows = rows;
        this.epochs = epochs;
        drawnAt = console.nanoTime().getAsLong() - REDRAW_NANOS;
    }

    @Override
    public Verdict progress(Progress p) {
        if (console.terminal()) {
            long now = console.nanoTime().getAsLong();
            if (now - drawnAt >= REDRAW_NANOS) {
                drawnAt = now;
                String line = live(p);
                draw(line.substring(0, Math.min(WIDEST, line.length())));
                console.out().flush();
            }
        }
        return Verdict.GO_ON;
    }

    private String live(Progress p) {
        int filled = (int) ((long) BAR * p.step() / p.steps());
        double left = (double) (p.steps() - p.step()) / p.steps() + p.epochs() - p.epoch();
        return "%s [%s%s] %s %s %s/s ETA %s"
                .formatted(
                        epoch(p.epoch()),
                        "=".repeat(filled),
                        " ".repeat(BAR - filled),
                        measured("", " ", p.loss(), p.accuracy()),
                        rate(p.rowsPerSecond()),
                        unit,
                        clock(left * rows / p.rowsPerSecond()));
    }

    @Override
    public Verdict epochEnd(EpochResult result, boolean best, Trainer trainer) {
        StringBuilder line = new StringBuilder(epoch(result.epoch()));
        line.append("  ").append(measured("", "  ", result.loss(), result.accuracy()));
        if (result.validationLoss() != null) {
            line.append("  ")
                    .append(
                            measured(
                                    "val ",
                                    "  ",
                                    result.validationLoss(),
                                    result.validationAccuracy()))
                    .append(best ? " *" : "");
        }
        int steps = new Batches(rows, trainer.config().batch()).stepsPerEpoch();
        double rowsPerSecond = rows / (steps * result.stepMicros() * 1e-6);
        line.append(
                format(
                        "  %.2f s  %s %s/s  %.1f us/step",
                        result.seconds(), rate(rowsPerSecond), unit, result.stepMicros()));
        draw(line.toString());
        console.out().println();
        width = 0;
        return Verdict.GO_ON;
    }

    @Override
    public void end(History history) {
        if (width > 0) { // an epoch that was not finished
            console.out().println();
            width = 0;
        }
    }

    private String epoch(int epoch) {
        String total = Integer.toString(epochs);
        return format("epoch %" + total.length() + "d/%s", epoch, total);
    }

    private String measured(String of, String gap, double loss, double accuracy) {
        return format("%sloss %.4f", of, loss)
                + (classifies ? format("%s%saccuracy %.4f", gap, of, accuracy) : "");
    }

    /** Replaces the line that was drawn last, if it was drawn to be replaced. */
    private void draw(String text) {
        if (console.terminal()) {
            console.out().print((width > 0 ? "\r" : "") + text);
            console.out().print(" ".repeat(Math.max(0, width - text.length())));
            width = text.length();
        } else {
            console.out().print(text);
        }
    }
}
