package org.quern.report;

import static java.util.stream.Collectors.joining;
import static org.quern.report.Numbers.digits;
import static org.quern.report.Numbers.format;
import static org.quern.report.Numbers.four;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.data.Dataset;
import org.quern.data.Pictures;
import org.quern.train.ConfusionMatrix;
import org.quern.train.Evaluation;
import org.quern.train.Labels;
import org.quern.train.Ranking;
import org.quern.train.RegressionScore;

/** The result of a test, for a terminal of 80 columns or a log. */
public final class TextReport {
    private static final int MOST = 5;
    private static final int MOST_OUTPUTS = 20;
    private static final int WIDEST = 100;

    private TextReport() {}

    /**
     * In regression R², RMSE beside that of the targets' mean, and MAE, of each output if there are
     * several. Of labels the same as of classes, of each label. For a classifier accuracy beside
     * that of the most common class, loss, macro-F1 and balanced accuracy, of two classes the areas
     * under the curves; the confusion matrix (unless it is too wide to be read), rows, mistakes,
     * precision, recall and F1 of each class, the most confused pairs and the surest mistakes by
     * row.
     */
    public static String of(String part, Evaluation evaluation) {
        if (!evaluation.numbers().isEmpty()) {
            return regression(part, evaluation);
        }
        if (evaluation.labels() != null) {
            return labels(part, evaluation);
        }
        ConfusionMatrix confusion = evaluation.confusion();
        int wrong = evaluation.mistakes().size();
        List<String> lines = new ArrayList<>();
        lines.add(
                format(
                        "%s accuracy %.4f (always '%s': %.4f), loss %s: %,d of %,d wrong",
                        part,
                        evaluation.accuracy(),
                        confusion.baseline().name(),
                        confusion.baseline().accuracy(),
                        four(evaluation.loss()),
                        wrong,
                        evaluation.rows()));
        String macro = four(confusion.macroF1());
        String balanced = four(confusion.balancedAccuracy());
        lines.add(format("macro-F1 %s, balanced accuracy %s", macro, balanced));
        if (evaluation.ranking() != null) {
            lines.add(ranking(evaluation.ranking()));
        }
        lines.addAll(matrix(confusion));
        lines.addAll(scores(confusion));
        if (wrong > 0) {
            List<String> confused = new ArrayList<>();
            for (ConfusionMatrix.Confusion of : confusion.mostConfused(MOST)) {
                confused.add(of.actual() + " as " + of.predicted() + " (" + of.count() + ")");
            }
            lines.addAll(List.of("", "most confused   " + String.join(", ", confused)));
            lines.add("worst mistakes  " + told(evaluation, MOST, ", "));
        }
        return String.join("\n", lines);
    }

    private static String regression(String part, Evaluation evaluation) {
        List<RegressionScore> outputs = evaluation.numbers();
        String text =
                format(
                        "%s R2 %s, RMSE %s (the mean: %s), MAE %s",
                        part,
                        four(evaluation.r2()),
                        digits(evaluation.rmse()),
                        digits(evaluation.baselineRmse()),
                        digits(evaluation.mae()));
        if (outputs.size() == 1) {
            return text + format(" on %,d rows", evaluation.rows());
        }
        text +=
                format(
                        "\nmeans over %,d outputs, on %,d rows\n",
                        outputs.size(), evaluation.rows());
        Table table = new Table("  ", -6, 6).row("");
        table.row("output", "RMSE", "the mean", "MAE", "R2");
        for (RegressionScore of : outputs.subList(0, shown(outputs))) {
            String baseline = digits(of.baseline());
            table.row(of.name(), digits(of.rmse()), baseline, digits(of.mae()), four(of.r2()));
        }
        return text + more(table, outputs).text();
    }

    private static String labels(String part, Evaluation evaluation) {
        Labels labels = evaluation.labels();
        String text =
                format(
                        "%s accuracy %.4f (baseline: %.4f), exact match %.4f, loss %s\n",
                        part,
                        evaluation.accuracy(),
                        evaluation.baselineAccuracy(),
                        labels.exactMatch(),
                        four(evaluation.loss()));
        text += format("macro-F1 %s on %,d rows\n", four(labels.macroF1()), evaluation.rows());
        Table table = new Table("  ", -6, 5, 5, 9, 6).row("");
        table.row("label", "yes", "wrong", "precision", "recall", "F1", "ROC AUC", "PR AUC");
        for (Labels.Score of : labels.scores().subList(0, shown(labels.scores()))) {
            table.row(
                    of.name(),
                    format("%,d", of.yes()),
                    format("%,d", of.wrong()),
                    four(of.precision()),
                    four(of.recall()),
                    four(of.f1()),
                    four(of.rocAuc()),
                    four(of.prAuc()));
        }
        return text + more(table, labels.scores()).text();
    }

    private static int shown(List<?> outputs) {
        return Math.min(MOST_OUTPUTS, outputs.size());
    }

    private static Table more(Table table, List<?> outputs) {
        int more = outputs.size() - MOST_OUTPUTS;
        return more > 0 ? table.row(format("and %,d more", more)) : table;
    }

    private static String ranking(Ranking ranking) {
        if (Double.isNaN(ranking.rocAuc())) {
            return "ROC AUC -, PR AUC -: all rows are of one class";
        }
        return format(
                "'%s': ROC AUC %.4f (chance: 0.5000), PR AUC %.4f (chance: %.4f)",
                ranking.positive(), ranking.rocAuc(), ranking.prAuc(), ranking.prevalence());
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
            Stream<String> cells = counts.mapToObj(n -> n == 0 ? "." : Integer.toString(n));
            table.row(names.get(c), cells.toList());
        }
        return table.lines();
    }

    private static List<String> scores(ConfusionMatrix confusion) {
        Table table = new Table("  ", -1, 7, 6, 9, 6).row("");
        table.row("class", "rows", "wrong", "precision", "recall", "F1");
        for (ConfusionMatrix.ClassScore score : confusion.scores()) {
            String rows = format("%,d", score.rows());
            String wrong = format("%,d", score.wrong());
            String precision = four(score.precision());
            table.row(score.name(), rows, wrong, precision, four(score.recall()), four(score.f1()));
        }
        return table.lines();
    }

    private static String told(Evaluation evaluation, int most, String gap) {
        return evaluation.mistakes().stream()
                .limit(most)
                .map(one -> "row " + one.row() + ": " + told(evaluation, one, " (%.4f)"))
                .collect(joining(gap));
    }

    private static String told(Evaluation evaluation, Evaluation.Mistake mistake, String format) {
        List<String> names = evaluation.confusion().classes();
        String both = names.get(mistake.actual()) + " as " + names.get(mistake.predicted());
        return both + format(format, mistake.confidence());
    }

    /** One image. */
    public static String picture(Pictures pictures, int row, boolean colour) {
        byte[] pixels = pictures.pixels(row);
        PictureRows.Picture picture =
                new PictureRows.Picture(pixels, pictures.width(), pictures.height());
        return String.join("\n", picture.lines(colour));
    }

    /**
     * The surest mistakes as pictures in text, each with its true class, the predicted one and the
     * probability that it was given; rows that are no images, as a list.
     *
     * @param colour whether a terminal will show it, with colours
     */
    public static String gallery(Evaluation evaluation, Dataset rows, int most, boolean colour) {
        if (evaluation.confusion() == null) {
            String measure = evaluation.measure().title();
            return "no gallery: a model trained by " + measure + " has no mistakes to show";
        }
        List<Evaluation.Mistake> mistakes = evaluation.mistakes().stream().limit(most).toList();
        if (mistakes.isEmpty()) {
            return "no gallery: there are no mistakes";
        }
        Pictures pictures = Pictures.of(rows);
        String shown = told(evaluation, most, "\n");
        if (pictures != null) {
            PictureRows drawn = new PictureRows(pictures, colour);
            for (Evaluation.Mistake one : mistakes) {
                drawn.add(pictures.pixels(one.row()), told(evaluation, one, " %.4f"));
            }
            shown = drawn.text();
        }
        return format(
                "the %s surest of %,d mistakes (true as predicted, probability)\n\n%s",
                mistakes.size(), evaluation.mistakes().size(), shown);
    }
}
