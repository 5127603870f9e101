package org.quern.report;

import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.quern.train.ConfusionMatrix;
import org.quern.train.Evaluation;

/** The result of a test, for a terminal of 80 columns or a log. */
public final class TextReport {
    private static final int MOST = 5;
    private static final int WIDEST = 100;

    private TextReport() {}

    /**
     * Accuracy and loss; for a classifier also the confusion matrix (unless it is too wide to be
     * read), rows, mistakes, precision, recall and F1 of each class, the most confused pairs and
     * the surest mistakes by row.
     *
     * @param part what was measured on, for instance {@code test}
     */
    public static String of(String part, Evaluation evaluation) {
        ConfusionMatrix confusion = evaluation.confusion();
        if (confusion == null) {
            return format(
                    "%s R2 %.4f, %s %.6g, mean absolute error %.6g on %,d rows",
                    part,
                    evaluation.accuracy(),
                    evaluation.measure().title(),
                    evaluation.loss(),
                    evaluation.meanAbsoluteError(),
                    evaluation.rows());
        }
        List<String> lines = new ArrayList<>();
        lines.add(
                format(
                        "%s accuracy %.4f, loss %.4f: %,d of %,d wrong",
                        part,
                        evaluation.accuracy(),
                        evaluation.loss(),
                        evaluation.mistakes().size(),
                        evaluation.rows()));
        matrix(confusion, lines);
        scores(confusion, lines);
        if (!evaluation.mistakes().isEmpty()) {
            lines.add("");
            lines.add("most confused   " + confused(confusion));
            lines.add("worst mistakes  " + worst(evaluation));
        }
        return String.join("\n", lines);
    }

    private static void matrix(ConfusionMatrix confusion, List<String> lines) {
        List<String> names = confusion.classes();
        int name = names.stream().mapToInt(String::length).max().orElse(0);
        int cell = Math.max(name, Integer.toString(confusion.total()).length()) + 1;
        if (name + cell * names.size() > WIDEST) {
            return;
        }
        lines.add("");
        lines.add("confusion (rows true, columns predicted)");
        lines.add(" ".repeat(name) + cells(names, cell));
        for (int c = 0; c < names.size(); c++) {
            List<String> counts = new ArrayList<>();
            for (int count : confusion.counts()[c]) {
                counts.add(count == 0 ? "." : Integer.toString(count));
            }
            lines.add(format("%" + name + "s", names.get(c)) + cells(counts, cell));
        }
    }

    private static String cells(List<String> texts, int width) {
        return texts.stream()
                .map(text -> format("%" + width + "s", text))
                .collect(Collectors.joining());
    }

    private static void scores(ConfusionMatrix confusion, List<String> lines) {
        int name =
                Math.max(
                        "class".length(),
                        confusion.classes().stream().mapToInt(String::length).max().orElse(0));
        lines.add("");
        lines.add(
                format(
                        "%-" + name + "s  %7s  %6s  %9s  %6s  %6s",
                        "class",
                        "rows",
                        "wrong",
                        "precision",
                        "recall",
                        "F1"));
        for (ConfusionMatrix.ClassScore score : confusion.scores()) {
            lines.add(
                    format(
                            "%-" + name + "s  %,7d  %,6d  %9.4f  %6.4f  %6.4f",
                            score.name(),
                            score.rows(),
                            score.wrong(),
                            score.precision(),
                            score.recall(),
                            score.f1()));
        }
    }

    private static String confused(ConfusionMatrix confusion) {
        return confusion.mostConfused(MOST).stream()
                .map(pair -> pair.actual() + " as " + pair.predicted() + " (" + pair.count() + ")")
                .collect(Collectors.joining(", "));
    }

    private static String worst(Evaluation evaluation) {
        List<String> names = evaluation.confusion().classes();
        return evaluation.mistakes().stream()
                .limit(MOST)
                .map(
                        mistake ->
                                format(
                                        "row %d: %s as %s (%.4f)",
                                        mistake.row(),
                                        names.get(mistake.actual()),
                                        names.get(mistake.predicted()),
                                        mistake.confidence()))
                .collect(Collectors.joining(", "));
    }
}
