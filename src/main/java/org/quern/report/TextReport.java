package org.quern.report;

import static java.util.stream.Collectors.joining;
import static org.quern.report.Numbers.digits;
import static org.quern.report.Numbers.format;
import static org.quern.report.Numbers.four;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.data.Dataset;
import org.quern.data.Pictures;
import org.quern.train.ConfusionMatrix;
import org.quern.train.Evaluation;
import org.quern.train.Labels;
import org.quern.train.Ranking;
import org.quern.train.RegressionScore;

/**
 * The result of a test, for a terminal or a log.
 *
 * @hidden
 */
public final class TextReport {
    private static final int MOST = 5;
    private static final int MOST_OUTPUTS = 20;

    /** Backgrounds of a matrix's cells in xterm's 256 colours: the more, the brighter. */
    private static final int[] RIGHT = {17, 18, 19, 20, 26};

    private static final int[] WRONG = {52, 88, 124, 130, 166};

    private TextReport() {}

    /**
     * In regression R², RMSE beside that of the targets' mean, and MAE, of each output if there are
     * several. Of labels the same as of classes, of each label. For a classifier accuracy beside
     * that of the most common class, loss, macro-F1 and balanced accuracy, of two classes the areas
     * under the curves; the confusion matrix (unless it is too wide for a line), rows, mistakes,
     * precision, recall and F1 of each class, the most confused pairs and the most confident
     * mistakes by row.
     */
    public static String of(String part, Evaluation evaluation) {
        return of(part, evaluation, Look.PLAIN);
    }

    /** The same, the first line in bold and the matrix as a heat map where there are colours. */
    public static String of(String part, Evaluation evaluation, Look look) {
        if (!evaluation.numbers().isEmpty()) {
            return styled(regression(part, evaluation), look);
        }
        if (evaluation.labels() != null) {
            return styled(labels(part, evaluation), look);
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
        int matrix = lines.size();
        lines.addAll(scores(confusion, look));
        if (wrong > 0) {
            List<String> confused = new ArrayList<>();
            for (ConfusionMatrix.Confusion of : confusion.mostConfused(MOST)) {
                confused.add(of.actual() + " as " + of.predicted() + " (" + of.count() + ")");
            }
            String most = Table.oneLine(String.join(", ", confused));
            lines.addAll(List.of("", "most confused   " + most));
            lines.add("worst mistakes  " + Table.oneLine(told(evaluation, MOST, ", ")));
        }
        lines.replaceAll(Look::clean);
        lines.set(0, look.bold(lines.get(0)));
        lines.addAll(matrix, matrix(confusion, look));
        return String.join("\n", lines);
    }

    private static String styled(String text, Look look) {
        String[] parts = text.split("\n", 2);
        return look.bold(parts[0]) + (parts.length > 1 ? "\n" + Look.clean(parts[1]) : "");
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
            int rows = evaluation.rows();
            return text + format(" on %,d row%s", rows, rows == 1 ? "" : "s");
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

    private static List<String> matrix(ConfusionMatrix confusion, Look look) {
        List<String> names = confusion.classes();
        int name = names.stream().mapToInt(String::length).max().orElse(0);
        int cell = Math.max(name, Integer.toString(confusion.total()).length()) + 1;
        int width = name + cell * names.size();
        if (width > look.width()) {
            return List.of(
                    "", format("the confusion matrix needs a line of %,d characters", width));
        }
        Table table = new Table("", name, cell).row("");
        table.row("confusion (rows true, columns predicted)").row("", names);
        for (int c = 0; c < names.size(); c++) {
            IntStream counts = IntStream.of(confusion.counts()[c]);
            Stream<String> cells = counts.mapToObj(n -> n == 0 ? "." : Integer.toString(n));
            table.row(names.get(c), cells.toList());
        }
        List<String> lines = new ArrayList<>(table.lines());
        lines.replaceAll(Look::clean);
        int most = mostWrong(confusion);
        for (int c = 0; c < names.size() && look.colour(); c++) {
            int line = lines.size() - names.size() + c;
            lines.set(line, heat(lines.get(line), confusion.counts()[c], c, most, cell, look));
        }
        return lines;
    }

    private static int mostWrong(ConfusionMatrix confusion) {
        List<ConfusionMatrix.Confusion> most = confusion.mostConfused(1);
        return most.isEmpty() ? 1 : most.get(0).count();
    }

    /** A line of the matrix, right ones by their share of the row, wrong ones by the most. */
    private static String heat(
            String line, int[] counts, int right, int most, int cell, Look look) {
        int total = Math.max(1, IntStream.of(counts).sum());
        int at = line.length() - cell * counts.length;
        StringBuilder shown = new StringBuilder(line.substring(0, at));
        for (int i = 0; i < counts.length; i++, at += cell) {
            String text = line.substring(at, at + cell);
            int[] ramp = i == right ? RIGHT : WRONG;
            long level = (long) counts[i] * ramp.length / (1 + (i == right ? total : most));
            shown.append(counts[i] == 0 ? look.dim(text) : look.white(ramp[(int) level], text));
        }
        return shown.toString();
    }

    private static List<String> scores(ConfusionMatrix confusion, Look look) {
        List<String> full = scores(confusion, true);
        return full.get(1).length() <= look.width() ? full : scores(confusion, false);
    }

    private static List<String> scores(ConfusionMatrix confusion, boolean withRows) {
        int[] least = withRows ? new int[] {-1, 7, 6, 9, 6} : new int[] {-1, 5, 9, 6};
        Table table = new Table("  ", least).row("");
        List<String> head = List.of("rows", "wrong", "precision", "recall", "F1");
        table.row("class", withRows ? head : head.subList(1, head.size()));
        for (ConfusionMatrix.ClassScore score : confusion.scores()) {
            List<String> cells = new ArrayList<>();
            if (withRows) {
                cells.add(format("%,d", score.rows()));
            }
            cells.add(format("%,d", score.wrong()));
            DoubleStream scores = DoubleStream.of(score.precision(), score.recall(), score.f1());
            scores.mapToObj(Numbers::four).forEach(cells::add);
            table.row(score.name(), cells);
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
    public static String picture(Pictures pictures, int row, Look look) {
        byte[] pixels = pictures.pixels(row);
        int width = pictures.width();
        PictureRows.Picture picture =
                new PictureRows.Picture(pixels, width, pictures.height(), look.width());
        return String.join("\n", picture.lines(look.colour()));
    }

    /**
     * The most confident mistakes as pictures in text, each with its true class, the predicted one
     * and the probability that it was given; rows that are no images, as a list.
     */
    public static String gallery(Evaluation evaluation, Dataset rows, int most, Look look) {
        if (evaluation.confusion() == null) {
            String measure = evaluation.measure().title();
            return "no gallery: a model trained by " + measure + " has no mistakes to show";
        }
        List<Evaluation.Mistake> mistakes = evaluation.mistakes().stream().limit(most).toList();
        if (mistakes.isEmpty()) {
            return "no gallery: there are no mistakes";
        }
        Pictures pictures = Pictures.of(rows);
        String shown = Look.clean(told(evaluation, most, "\n"));
        if (pictures != null) {
            PictureRows drawn = new PictureRows(pictures, look);
            for (Evaluation.Mistake one : mistakes) {
                drawn.add(pictures.pixels(one.row()), told(evaluation, one, " %.4f"));
            }
            shown = drawn.text();
        }
        return format(
                "the %s most confident mistakes of %,d (true as predicted, probability)\n\n%s",
                mistakes.size(), evaluation.mistakes().size(), shown);
    }
}
