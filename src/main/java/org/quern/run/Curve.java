package org.quern.run;

import java.util.ArrayList;
import java.util.List;
import org.quern.train.Listener;
import org.quern.train.Progress;
import org.quern.train.Trainer;

/**
 * Loss, accuracy and learning rate within the epochs: each point is the mean over the steps since
 * the one before. Where there are many points, neighbours are merged, so that a run of days has no
 * more of them than one of minutes.
 *
 * @hidden
 */
public final class Curve implements Listener {
    private static final int MOST = 400;

    /**
     * Some steps.
     *
     * @param epoch where they end: 1.5 is the middle of the second epoch
     * @param learningRate at the last of them; NaN if it is not known
     */
    public record Point(
            double epoch, int steps, double loss, double accuracy, double learningRate) {
        private Point and(Point next) {
            int all = steps + next.steps;
            return new Point(
                    next.epoch,
                    all,
                    (loss * steps + next.loss * next.steps) / all,
                    (accuracy * steps + next.accuracy * next.steps) / all,
                    next.learningRate);
        }
    }

    private final List<Point> points = new ArrayList<>();
    private Trainer trainer;
    private Progress before;

    /** Steps that a point stands for, at least; doubled whenever neighbours are merged. */
    private int least = 1;

    @Override
    public void begin(Trainer begun) {
        trainer = begun;
    }

    /** Goes on behind the points of the run so far. */
    synchronized void resume(List<Point> earlier) {
        points.addAll(earlier);
        least = even();
    }

    @Override
    public synchronized Verdict progress(Progress now) {
        Point point = since(now);
        if (point != null) {
            add(point);
        }
        return Verdict.GO_ON;
    }

    /** The steps since it was last asked; null if there were none. */
    Point since(Progress now) {
        boolean same = before != null && before.epoch() == now.epoch();
        int from = same ? before.step() : 0;
        int steps = now.step() - from;
        Progress last = before;
        before = now;
        if (steps <= 0) {
            return null;
        }
        double loss = now.loss() * now.step() - (same ? last.loss() * from : 0);
        double hits = now.accuracy() * now.step() - (same ? last.accuracy() * from : 0);
        double epoch = now.epoch() - 1 + (double) now.step() / now.steps();
        return new Point(epoch, steps, Math.max(0, loss / steps), hits / steps, rate(now));
    }

    private double rate(Progress now) {
        if (trainer == null) {
            return Double.NaN;
        }
        long step = (long) (now.epoch() - 1) * now.steps() + now.step() - 1;
        long total = (long) now.epochs() * now.steps();
        return trainer.config().schedule().at(step, now.steps(), total);
    }

    private void add(Point point) {
        int last = points.size() - 1;
        if (last >= 0 && points.get(last).steps() < least) {
            points.set(last, points.get(last).and(point));
        } else {
            points.add(point);
        }
        if (points.size() > MOST) {
            for (int i = 0; i + 1 < points.size(); i++) {
                points.set(i, points.get(i).and(points.remove(i + 1)));
            }
            least = even();
        }
    }

    /** Steps of a point, in the mean: later points stand for no fewer. */
    private int even() {
        int steps = points.stream().mapToInt(Point::steps).sum();
        return Math.max(1, steps / Math.max(1, points.size()));
    }

    public synchronized List<Point> points() {
        return List.copyOf(points);
    }
}
