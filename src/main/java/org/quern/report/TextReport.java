package org.quern.report;

import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.quern.data.Dataset;
import org.quern.data.Pictures;
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
     */
    public static String of(String part, Evaluation evaluation) {
        ConfusionMatrix confusion = evaluation.confusion();
        double accuracy = evaluation.accuracy();
        double loss = evaluation.loss();
        if (confusion == null) {
            String measure = evaluation.measure().title();
            double error = evaluation.meanAbsoluteError();
            return format(
                    "%s R2 %.4f, %s %.6g, mean absolute error %.6g on %,d rows",
                    part, accuracy, measure, loss, error, evaluation.rows());
        }
        int wrong = evaluation.mistakes().size();
        List<String> lines = new ArrayList<>();
        lines.add(
                format(
                        "%s accuracy %.4f, loss %.4f: %,d of %,d wrong",
                        part, accuracy, loss, wrong, evaluation.rows()));
        lines.addAll(matrix(confusion));
        lines.addAll(scores(confusion));
        if (wrong > 0) {
            String confused =
                    confusion.mostConfused(MOST).stream()
                            .map(
                                    of ->
                                            of.actual()
                                                    + " as "
                                                    + of.predicted()
                                                    + " ("
                                                    + of.count()
                                                    + ")")
                            .collect(Collectors.joining(", "));
            String worst =
                    evaluation.mistakes().stream()
                            .limit(MOST)
                            .map(mistake -> told(evaluation, mistake))
                            .collect(Collectors.joining(", "));
            lines.addAll(List.of("", "most confused   " + confused, "worst mistakes  " + worst));
        }
        return String.join("\n", lines);
    }

    private static List<String> matrix(ConfusionMatrix confusion) {
        List<String> names = confusion.classes();
        int name = names.stream().mapToInt(String::length).max().orElse(0);
        int cell = Math.max(name, Integer.toString(confusion.total()).length()) + 1;
        if (name + cell * names.size() > WIDEST) {
            return List.of();
        }
        Table table = new Table("", name, cell).row("");
        table.row("confusion (rows true, columns predicted)").row("", names);
        for (int c = 0; c < names.size(); c++) {
            IntStream counts = IntStream.of(confusion.counts()[c]);
            table.row(
                    names.get(c),
                    counts.mapToObj(n -> n == 0 ? "." : Integer.toString(n)).toList());
        }
        return table.lines();
    }

    private static List<String> scores(ConfusionMatrix confusion) {
        Table table = new Table("  ", -1, 7, 6, 9, 6).row("");
        table.row("class", "rows", "wrong", "precision", "recall", "F1");
        for (ConfusionMatrix.ClassScore score : confusion.scores()) {
            table.row(
                    score.name(),
                    format("%,d", score.rows()),
                    format("%,d", score.wrong()),
                    format("%.4f", score.precision()),
                    format("%.4f", score.recall()),
                    format("%.4f", score.f1()));
        }
        return table.lines();
    }

    private static String told(Evaluation evaluation, Evaluation.Mistake mistake) {
        List<String> names = evaluation.confusion().classes();
        String actual = names.get(mistake.actual());
        String predicted = names.get(mistake.predicted());
        return format(
                "row %d: %s as %s (%.4f)", mistake.row(), actual, predicted, mistake.confidence());
    }

    /**
     * The surest mistakes as pictures in text, each with its true class, the predicted one and the
     * probability that it was given; rows that are no images, as a list.
     *
     * @param colour whether a terminal will show it, with colours
     */
    public static String gallery(Evaluation evaluation, Dataset rows, int most, boolean colour) {
        if (evaluation.confusion() == null) {
            return "no gallery: a model trained by %s has no mistakes to show"
                    .formatted(evaluation.measure().title());
        }
        List<Evaluation.Mistake> mistakes = evaluation.mistakes().stream().limit(most).toList();
        if (mistakes.isEmpty()) {
            return "no gallery: there are no mistakes";
        }
        List<String> names = evaluation.confusion().classes();
        Pictures pictures = Pictures.of(rows);
        String shown =
                mistakes.stream()
                        .map(one -> told(evaluation, one))
                        .collect(Collectors.joining("\n"));
        if (pictures != null) {
            PictureRows drawn = new PictureRows(pictures, colour);
            for (Evaluation.Mistake one : mistakes) {
                String actual = names.get(one.actual());
                String predicted = names.get(one.predicted());
                String caption = format("%s as %s %.4f", actual, predicted, one.confidence());
                drawn.add(pictures.pixels(one.row()), caption);
            }
            shown = drawn.text();
        }
        return format(
                "the %s surest of %,d mistakes (true as predicted, probability)\n\n%s",
                mistakes.size(), evaluation.mistakes().size(), shown);
    }
}
