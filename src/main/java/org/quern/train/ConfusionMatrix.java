package org.quern.train;

import static org.quern.QuernException.copied;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * How often each true class was predicted as each class.
 *
 * @param counts rows true, columns predicted
 */
public record ConfusionMatrix(List<String> classes, int[][] counts) {

    /**
     * Precision TP / (TP + FP), recall TP / (TP + FN) and F1, 2 TP / (2 TP + FP + FN), of one
     * class. NaN where 0 would be divided by 0: precision if it was never predicted, recall if no
     * row is of it, F1 if both.
     */
    public record ClassScore(
            String name, int rows, int wrong, double precision, double recall, double f1) {}

    /** The class that most rows are of, and the accuracy of predicting it for every row. */
    public record Baseline(String name, double accuracy) {}

    /** A true class taken for another, and how often. */
    public record Confusion(String actual, String predicted, int count) {}

    public ConfusionMatrix {
        classes = copied(classes, "classes");
    }

    public static ConfusionMatrix of(List<String> classes, int[] actual, int[] predicted) {
        int[][] counts = new int[copied(classes, "classes").size()][classes.size()];
        boolean alike = given(actual, "actual").length == given(predicted, "predicted").length;
        expect(
                alike,
                "%,d predicted classes for %,d rows: give one for each",
                predicted.length,
                actual.length);
        for (int row = 0; row < actual.length; row++) {
            if (Math.min(actual[row], predicted[row]) < 0
                    || Math.max(actual[row], predicted[row]) >= counts.length) {
                throw usage("row %,d has a class outside 0 to %d", row, counts.length - 1);
            }
            counts[actual[row]][predicted[row]]++;
        }
        return new ConfusionMatrix(classes, counts);
    }

    public int total() {
        return Arrays.stream(counts).mapToInt(ConfusionMatrix::sum).sum();
    }

    /** Fraction on the diagonal; NaN without rows. */
    public double accuracy() {
        return ratio(IntStream.range(0, counts.length).map(c -> counts[c][c]).sum(), total());
    }

    /** What needs no model: the most common class of these rows, the first of equal ones. */
    public Baseline baseline() {
        int best = 0;
        for (int c = 1; c < counts.length; c++) {
            best = sum(counts[c]) > sum(counts[best]) ? c : best;
        }
        return new Baseline(classes.get(best), ratio(sum(counts[best]), total()));
    }

    /**
     * Mean recall of the classes that have rows: scikit-learn's {@code balanced_accuracy_score}.
     */
    public double balancedAccuracy() {
        return mean(ClassScore::recall);
    }

    /**
     * Mean F1 of the classes that have rows or were predicted, so that one that was predicted but
     * has no rows counts as 0: scikit-learn's {@code f1_score(average="macro")}.
     */
    public double macroF1() {
        return mean(ClassScore::f1);
    }

    private double mean(ToDoubleFunction<ClassScore> of) {
        return scores().stream()
                .mapToDouble(of)
                .filter(score -> !Double.isNaN(score))
                .average()
                .orElse(Double.NaN);
    }

    /** Rows of each true class that were predicted as another. */
    public int[] wrongPerClass() {
        int[] wrong = new int[counts.length];
        for (int c = 0; c < wrong.length; c++) {
            wrong[c] = sum(counts[c]) - counts[c][c];
        }
        return wrong;
    }

    /** Precision, recall and F1 of each class. */
    public List<ClassScore> scores() {
        List<ClassScore> scores = new ArrayList<>();
        int[] wrong = wrongPerClass();
        for (int c = 0; c < counts.length; c++) {
            int column = c;
            int actual = sum(counts[c]);
            int predicted = Arrays.stream(counts).mapToInt(row -> row[column]).sum();
            double precision = ratio(counts[c][c], predicted);
            double recall = ratio(counts[c][c], actual);
            double f1 = ratio(2 * counts[c][c], actual + predicted);
            scores.add(new ClassScore(classes.get(c), actual, wrong[c], precision, recall, f1));
        }
        return scores;
    }

    /** The {@code most} most frequent mistakes, most frequent first, equal ones in class order. */
    public List<Confusion> mostConfused(int most) {
        List<Confusion> all = new ArrayList<>();
        for (int a = 0; a < counts.length; a++) {
            for (int p = 0; p < counts.length; p++) {
                if (a != p && counts[a][p] > 0) {
                    all.add(new Confusion(classes.get(a), classes.get(p), counts[a][p]));
                }
            }
        }
        all.sort(Comparator.comparingInt(Confusion::count).reversed());
        return List.copyOf(all.subList(0, Math.max(0, Math.min(most, all.size()))));
    }

    private static int sum(int[] row) {
        return Arrays.stream(row).sum();
    }

    private static double ratio(int part, int whole) {
        return (double) part / whole;
    }

    /** A table: a line for each true class, a column for each predicted one. */
    @Override
    public String toString() {
        IntStream names = classes.stream().mapToInt(String::length);
        int cell = Math.max(names.max().orElse(0), Integer.toString(total()).length());
        String format = "%" + cell + "s";
        StringBuilder text = new StringBuilder(format.formatted(""));
        classes.forEach(name -> text.append(' ').append(format.formatted(name)));
        for (int row = 0; row < counts.length; row++) {
            text.append('\n').append(format.formatted(classes.get(row)));
            for (int count : counts[row]) {
                text.append(' ').append(format.formatted(count));
            }
        }
        return text.toString();
    }
}
