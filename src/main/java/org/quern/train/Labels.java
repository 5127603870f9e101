package org.quern.train;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How well outputs do that each say yes or no: every label by itself, and all of a row together.
 *
 * @param rows that were measured
 * @param exactMatch fraction of them with every label right
 */
public record Labels(int rows, List<Score> scores, double exactMatch) {

    /**
     * One label.
     *
     * @param yes rows that have it
     * @param wrong rows that were told the other
     * @param precision NaN where 0 would be divided by 0, as all that follow: {@link
     *     ConfusionMatrix.ClassScore} of the rows that have it
     * @param rocAuc see {@link Ranking#rocAuc}
     * @param prAuc see {@link Ranking#prAuc}
     */
    public record Score(
            String name,
            int yes,
            int wrong,
            double precision,
            double recall,
            double f1,
            double rocAuc,
            double prAuc) {}

    /** Of logits and targets [rows × labels]; yes is a logit above 0, and a target above 0.5. */
    static Labels of(List<String> names, float[] logits, float[] targets) {
        int width = names.size();
        int rows = targets.length / width;
        int[] wrong = new int[rows];
        List<Score> scores = new ArrayList<>();
        for (int label = 0; label < width; label++) {
            int[] is = new int[rows];
            int[] told = new int[rows];
            for (int row = 0; row < rows; row++) {
                is[row] = targets[row * width + label] > 0.5f ? 1 : 0;
                told[row] = logits[row * width + label] > 0 ? 1 : 0;
                wrong[row] += is[row] ^ told[row];
            }
            ConfusionMatrix matrix = ConfusionMatrix.of(List.of("", ""), is, told);
            ConfusionMatrix.ClassScore yes = matrix.scores().get(1);
            Ranking ranking = ranking(names, logits, targets, label);
            scores.add(
                    new Score(
                            names.get(label),
                            yes.rows(),
                            IntStream.of(matrix.wrongPerClass()).sum(),
                            yes.precision(),
                            yes.recall(),
                            yes.f1(),
                            ranking.rocAuc(),
                            ranking.prAuc()));
        }
        double exact = IntStream.of(wrong).filter(count -> count == 0).count();
        return new Labels(rows, List.copyOf(scores), exact / rows);
    }

    /** How the rows that have a label are told from the others. */
    static Ranking ranking(List<String> names, float[] logits, float[] targets, int label) {
        int width = names.size();
        return Ranking.of(
                names.get(label),
                targets.length / width,
                row -> targets[row * width + label] > 0.5f,
                row -> logits[row * width + label]);
    }

    /** Fraction of all answers that are right. */
    public double accuracy() {
        int wrong = scores.stream().mapToInt(Score::wrong).sum();
        double all = (double) rows * scores.size();
        return (all - wrong) / all;
    }

    /** The same of the more common answer to each label, which needs no model. */
    public double baseline() {
        int right = scores.stream().mapToInt(one -> Math.max(one.yes(), rows - one.yes())).sum();
        return right / ((double) rows * scores.size());
    }

    /**
     * Mean F1 of the labels, without those that no row has and none was told: scikit-learn's {@code
     * f1_score(average="macro")} but for these, which that counts as 0.
     */
    public double macroF1() {
        return scores.stream()
                .mapToDouble(Score::f1)
                .filter(f1 -> !Double.isNaN(f1))
                .average()
                .orElse(Double.NaN);
    }
}
