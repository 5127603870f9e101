package org.quern.train;

import static org.quern.QuernException.data;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.quern.data.Classes;
import org.quern.data.Dataset;
import org.quern.plan.Loss;

/**
 * How well a model does on rows whose answers are known.
 *
 * @param loss mean of {@code measure}, in float64 from the float32 outputs
 * @param accuracy fraction classified rightly; under binary cross-entropy, of all outputs of all
 *     rows; in regression, the coefficient of determination R² instead, over all targets at once; 0
 *     where all targets are equal
 * @param meanAbsoluteError mean of |output − target|; 0 under either cross-entropy
 * @param confusion who was taken for whom; null but under cross-entropy
 * @param predicted the class of each row, the first of equal outputs; empty in regression
 * @param confidence the probability given to that class; empty in regression
 * @param mistakes the rows classified wrongly, the surest first; empty in regression
 */
public record Evaluation(
        int rows,
        Loss measure,
        double loss,
        double accuracy,
        double meanAbsoluteError,
        ConfusionMatrix confusion,
        int[] predicted,
        float[] confidence,
        List<Mistake> mistakes) {

    /** A row classified wrongly, with the probability of the class it was taken for. */
    public record Mistake(int row, int actual, int predicted, float confidence) {}

    /**
     * Measures outputs [rows × outputs] of a model's last layer, logits under either cross-entropy.
     *
     * @param set the rows, with labels (of classes that the model knows) or targets
     */
    public static Evaluation of(Loss loss, float[] outputs, Dataset set) {
        return loss.classifies() ? classification(outputs, set) : ofTargets(loss, outputs, set);
    }

    private static Evaluation classification(float[] logits, Dataset set) {
        if (!set.hasLabels()) {
            throw data("%s has no class labels to compare with", set.name());
        }
        int columns = logits.length / set.rows();
        if (set.classes().size() > columns) {
            throw data(
                    "%s has %d classes, but the model knows %d",
                    set.name(), set.classes().size(), columns);
        }
        List<String> names = Classes.ofOutputs(set.classes(), columns);
        int[] predicted = new int[set.rows()];
        float[] confidence = new float[set.rows()];
        List<Mistake> mistakes = new ArrayList<>();
        double loss = 0;
        for (int row = 0; row < set.rows(); row++) {
            int at = row * columns;
            int best = 0;
            for (int j = 1; j < columns; j++) {
                best = logits[at + j] > logits[at + best] ? j : best;
            }
            double sum = 0;
            for (int j = 0; j < columns; j++) {
                sum += Math.exp((double) logits[at + j] - logits[at + best]);
            }
            int actual = set.labels()[row];
            loss += Math.log(sum) + logits[at + best] - logits[at + actual];
            predicted[row] = best;
            confidence[row] = (float) (1 / sum);
            if (best != actual) {
                mistakes.add(new Mistake(row, actual, best, confidence[row]));
            }
        }
        // a stable sort: of equal ones, the first row stays first
        mistakes.sort(Comparator.comparingDouble(mistake -> -mistake.confidence()));
        return new Evaluation(
                set.rows(),
                Loss.CROSS_ENTROPY,
                loss / set.rows(),
                (double) (set.rows() - mistakes.size()) / set.rows(),
                0,
                ConfusionMatrix.of(names, set.labels(), predicted),
                predicted,
                confidence,
                List.copyOf(mistakes));
    }

    private static Evaluation ofTargets(Loss form, float[] outputs, Dataset set) {
        float[] targets = set.targets();
        if (targets == null || targets.length != outputs.length) {
            throw data("%s has no targets to compare with, or not as many as outputs", set.name());
        }
        form.check(set.name(), targets, set.targetWidth());
        double mean = 0;
        for (float target : targets) {
            mean += target;
        }
        mean /= targets.length;
        double loss = 0;
        double hits = 0;
        double errors = 0;
        double absolute = 0;
        double spread = 0;
        for (int i = 0; i < targets.length; i++) {
            double error = (double) outputs[i] - targets[i];
            loss += form.value(outputs[i], targets[i]);
            hits += form.hits(outputs[i], targets[i]);
            errors += error * error;
            absolute += Math.abs(error);
            spread += (targets[i] - mean) * (targets[i] - mean);
        }
        double r2 = spread == 0 ? 0 : 1 - errors / spread;
        return new Evaluation(
                set.rows(),
                form,
                loss / targets.length,
                form.isBinary() ? hits / targets.length : r2,
                form.isBinary() ? 0 : absolute / targets.length,
                null,
                new int[0],
                new float[0],
                List.of());
    }
}
