package org.quern.train;

import static org.quern.QuernException.data;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import org.quern.data.Classes;
import org.quern.data.Dataset;
import org.quern.plan.Loss;

/**
 * How well a model does on rows whose answers are known. All figures are float64, made from the
 * float32 outputs.
 *
 * @param loss mean of {@code measure}; of numbers in the units of the targets, which training may
 *     have standardized
 * @param outputs what was measured, [rows × outputs]
 * @param numbers in regression, the scores of each output; empty otherwise
 * @param labels under binary cross-entropy, the scores of each output; null otherwise
 * @param ranking of two classes, how the rows of the second are told from those of the first; of
 *     one label, how those that have it are told; null otherwise
 * @param confusion of classes, who was taken for whom; null otherwise
 * @param predicted the class of each row, the first of equal outputs; empty without classes
 * @param confidence the probability given to that class; empty without classes
 * @param mistakes the rows classified wrongly, the surest first; empty without classes
 */
public record Evaluation(
        int rows,
        Loss measure,
        double loss,
        float[] outputs,
        List<RegressionScore> numbers,
        Labels labels,
        Ranking ranking,
        ConfusionMatrix confusion,
        int[] predicted,
        float[] confidence,
        List<Mistake> mistakes) {

    /** A row classified wrongly, with the probability of the class it was taken for. */
    public record Mistake(int row, int actual, int predicted, float confidence) {}

    /** Fraction of the rows classified rightly, or of all labels told rightly; NaN for numbers. */
    public double accuracy() {
        return confusion != null
                ? confusion.accuracy()
                : labels != null ? labels.accuracy() : Double.NaN;
    }

    /** The same of the most common class, or answer to each label; NaN for numbers. */
    public double baselineAccuracy() {
        return confusion != null
                ? confusion.baseline().accuracy()
                : labels != null ? labels.baseline() : Double.NaN;
    }

    /**
     * The coefficient of determination R², the plain mean over the outputs, as {@code r2_score} of
     * scikit-learn has it by default; NaN for a classifier.
     */
    public double r2() {
        return mean(RegressionScore::r2);
    }

    /** Root of the mean squared error, the mean over the outputs; NaN for a classifier. */
    public double rmse() {
        return mean(RegressionScore::rmse);
    }

    /** {@link #rmse} of the mean of the targets, predicted for every row; NaN for a classifier. */
    public double baselineRmse() {
        return mean(RegressionScore::baseline);
    }

    /** Mean of |output − target|, the mean over the outputs; NaN for a classifier. */
    public double mae() {
        return mean(RegressionScore::mae);
    }

    /** What models are compared by, 1 at best: the accuracy, or in regression R². */
    public double score() {
        return numbers.isEmpty() ? accuracy() : r2();
    }

    private double mean(ToDoubleFunction<RegressionScore> of) {
        return numbers.stream().mapToDouble(of).average().orElse(Double.NaN);
    }

    /**
     * Measures outputs [rows × outputs] of a model's last layer, logits under either cross-entropy.
     *
     * @param set the rows, with labels (of classes that the model knows) or targets
     */
    public static Evaluation of(Loss loss, float[] outputs, Dataset set) {
        given(loss, "loss");
        given(outputs, "outputs");
        given(set, "rows");
        for (int i = 0; i < outputs.length; i++) {
            if (!Float.isFinite(outputs[i])) {
                int width = Math.max(1, outputs.length / set.rows());
                throw data(
                        "%s: output %,d of row %,d is %s, so there is nothing to measure: the model"
                                + " has diverged, or the row's values are far larger than those"
                                + " that it was trained on",
                        set.name(), i % width, i / width, outputs[i]);
            }
        }
        return loss.classifies() ? classification(outputs, set) : ofTargets(loss, outputs, set);
    }

    private static Evaluation classification(float[] logits, Dataset set) {
        require(set.hasLabels(), "%s has no class labels to compare with", set.name());
        int columns = logits.length / set.rows();
        String text = "%,d outputs are not a whole number for each of %,d rows";
        require(columns != 0 && logits.length % set.rows() == 0, text, logits.length, set.rows());
        String message = "%s has %d classes, but the model knows %d";
        boolean fits = set.classes().size() <= columns;
        require(fits, message, set.name(), set.classes().size(), columns);
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
                logits,
                List.of(),
                null,
                columns == 2 ? ranking(names.get(1), logits, set.labels()) : null,
                ConfusionMatrix.of(names, set.labels(), predicted),
                predicted,
                confidence,
                List.copyOf(mistakes));
    }

    /**
     * By how much the second logit is above the first: it does not saturate as probabilities do.
     */
    private static Ranking ranking(String second, float[] logits, int[] labels) {
        return Ranking.of(
                second,
                labels.length,
                row -> labels[row] == 1,
                row -> (double) logits[2 * row + 1] - logits[2 * row]);
    }

    private static Evaluation ofTargets(Loss form, float[] outputs, Dataset set) {
        float[] targets = set.targets();
        String other = "%s has no targets to compare with, or not as many as outputs";
        require(targets != null && targets.length == outputs.length, other, set.name());
        int width = set.targetWidth();
        form.check(set.name(), targets, width);
        List<String> names = Classes.ofOutputs(set.classes(), width);
        boolean binary = form.isBinary();
        List<RegressionScore> numbers = new ArrayList<>();
        for (int output = 0; !binary && output < width; output++) {
            numbers.add(RegressionScore.of(names.get(output), outputs, targets, output, width));
        }
        double loss = 0;
        for (int i = 0; i < targets.length; i++) {
            loss += form.value(outputs[i], targets[i]);
        }
        return new Evaluation(
                set.rows(),
                form,
                loss / targets.length,
                outputs,
                List.copyOf(numbers),
                binary ? Labels.of(names, outputs, targets) : null,
                binary && width == 1 ? Labels.ranking(names, outputs, targets, 0) : null,
                null,
                new int[0],
                new float[0],
                List.of());
    }

    /** Two lines: the score, and the loss. Predictions and mistakes are not among them. */
    @Override
    public String toString() {
        String scores =
                numbers.isEmpty()
                        ? format("accuracy %.4f (baseline %.4f)", accuracy(), baselineAccuracy())
                        : format("R2 %.4f, RMSE %.5g, MAE %.5g", r2(), rmse(), mae());
        String wrong = confusion == null ? "" : format(", %,d wrong", mistakes.size());
        return scores + wrong + format("\nloss %.4f (%s) on %,d rows", loss, measure.text(), rows);
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
