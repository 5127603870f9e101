package org.quern.cli;

import static org.quern.report.Numbers.clock;
import static org.quern.report.Numbers.format;
import static org.quern.report.Numbers.four;
import static org.quern.report.Numbers.rate;

import java.util.stream.Stream;
import org.quern.data.Dataset;
import org.quern.plan.Batches;
import org.quern.plan.Loss;
import org.quern.train.EpochResult;
import org.quern.train.History;
import org.quern.train.Listener;
import org.quern.train.Progress;
import org.quern.train.Trainer;

/**
 * Tells how training goes: on a terminal, one line that is redrawn at most ten times a second; for
 * each finished epoch one line that stays, which is all that is written elsewhere.
 */
record ProgressLine(Console.RedrawnLine line, Dataset train, Loss loss, int epochs)
        implements Listener {
    private static final int WIDEST_BAR = 30;
    private static final int LEAST_BAR = 4;

    @Override
    public Verdict progress(Progress p) {
        if (line.isDue()) {
            String width = Integer.toString(Integer.toString(p.steps()).length());
            String step = format(" step %" + width + "d/%d", p.step(), p.steps());
            String loss = " loss " + four(p.loss());
            String measured = " " + measured("", " ", p.loss(), p.accuracy());
            String eta = " ETA of the run " + clock(p.secondsLeft(train.rows()));
            String speed = " " + speed(p.rowsPerSecond());
            String head = epoch(p.epoch());
            String brief = head + step.replace("step ", "") + loss + eta.replace("of the run ", "");
            String tail =
                    Stream.of(step + measured + speed + eta, step + measured + eta)
                            .filter(one -> bar(head, one) >= LEAST_BAR)
                            .findFirst()
                            .orElse("");
            line.draw(tail.isEmpty() ? brief : head + bar(p, bar(head, tail)) + tail);
        }
        return Verdict.GO_ON;
    }

    /** Room for a bar between two texts, without its brackets and a blank. */
    private int bar(String before, String after) {
        return Math.min(WIDEST_BAR, line.columns() - before.length() - after.length() - 3);
    }

    private static String bar(Progress p, int width) {
        int filled = (int) ((long) width * p.step() / p.steps());
        return " [" + "=".repeat(filled) + " ".repeat(width - filled) + "]";
    }

    @Override
    public Verdict epochEnd(EpochResult result, boolean best, Trainer trainer) {
        String validated = "";
        if (result.validationLoss() != null) {
            double accuracy = result.validationAccuracy();
            validated = "  " + measured("val ", "  ", result.validationLoss(), accuracy);
            validated += best ? " *" : "";
        }
        int steps = new Batches(train.rows(), trainer.config().batch()).stepsPerEpoch();
        String trained = "  " + measured("", "  ", result.loss(), result.accuracy());
        String speed = speed(train.rows() / (steps * result.stepMicros() * 1e-6));
        String took = format("  %.2f s", result.seconds());
        if (result.stepMicros() > 0) {
            took += format("  %s  %.1f us/step", speed, result.stepMicros());
        }
        line.stay(epoch(result.epoch()) + trained + validated + took);
        return Verdict.GO_ON;
    }

    @Override
    public void end(History history) {
        line.end(); // of an epoch that was not finished
    }

    private String speed(double rowsPerSecond) {
        return rate(rowsPerSecond) + (train.shape().length > 1 ? " images/s" : " rows/s");
    }

    private String epoch(int epoch) {
        String total = Integer.toString(epochs);
        return format("epoch %" + total.length() + "d/%s", epoch, total);
    }

    private String measured(String of, String gap, double loss, double score) {
        String text = of + "loss " + four(loss);
        if (this.loss.takesLogits()) {
            return text + gap + of + "accuracy " + four(score);
        }
        return of.isEmpty() ? text : text + gap + of + "R2 " + four(score); // not while training
    }
}
