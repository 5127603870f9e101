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
    private static final int BAR = 10;

    /** A line that is redrawn must not wrap. */
    private static final int WIDEST = 79;

    private final Console console;
    private final String unit;
    private final boolean classifies;
    private final int rows;
    private final int epochs;
    private final RedrawnLine line;

    /** For a run; {@code unit} is what a row is, in the plural. */
    ProgressLine(Console console, String unit, boolean classifies, int rows, int epochs) {
        this.console = console;
        this.unit = unit;
        this.classifies = classifies;
        this.rows = rows;
        this.epochs = epochs;
        line = new RedrawnLine(console);
    }

    @Override
    public Verdict progress(Progress p) {
        if (line.isDue()) {
            String live = live(p);
            line.draw(live.substring(0, Math.min(WIDEST, live.length())));
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
        String validated = "";
        if (result.validationLoss() != null) {
            double accuracy = result.validationAccuracy();
            validated = "  " + measured("val ", "  ", result.validationLoss(), accuracy);
            validated += best ? " *" : "";
        }
        int steps = new Batches(rows, trainer.config().batch()).stepsPerEpoch();
        double rowsPerSecond = rows / (steps * result.stepMicros() * 1e-6);
        String text =
                format(
                        "%s  %s%s  %.2f s  %s %s/s  %.1f us/step",
                        epoch(result.epoch()),
                        measured("", "  ", result.loss(), result.accuracy()),
                        validated,
                        result.seconds(),
                        rate(rowsPerSecond),
                        unit,
                        result.stepMicros());
        if (console.terminal()) {
            line.draw(text);
            line.end();
        } else {
            console.line(text);
        }
        return Verdict.GO_ON;
    }

    @Override
    public void end(History history) {
        line.end(); // of an epoch that was not finished
    }

    private String epoch(int epoch) {
        String total = Integer.toString(epochs);
        return format("epoch %" + total.length() + "d/%s", epoch, total);
    }

    private String measured(String of, String gap, double loss, double accuracy) {
        return format("%sloss %.4f", of, loss)
                + (classifies ? format("%s%saccuracy %.4f", gap, of, accuracy) : "");
    }
}
