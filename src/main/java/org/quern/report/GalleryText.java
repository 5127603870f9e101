package org.quern.report;

import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.List;
import org.quern.data.Dataset;
import org.quern.data.Pictures;
import org.quern.train.Evaluation;

/** Mistakes as pictures in text; rows that are no images, as a list. */
public final class GalleryText {
    private GalleryText() {}

    /**
     * The surest mistakes, each with its true class, the predicted one and the probability that it
     * was given.
     *
     * @param rows that were measured
     * @param most how many at most
     * @param colour whether a terminal will show it, with colours
     */
    public static String of(Evaluation evaluation, Dataset rows, int most, boolean colour) {
        if (evaluation.confusion() == null) {
            return "no gallery: a model trained by %s has no mistakes to show"
                    .formatted(evaluation.measure().title());
        }
        List<Evaluation.Mistake> mistakes = evaluation.mistakes().stream().limit(most).toList();
        if (mistakes.isEmpty()) {
            return "no gallery: there are no mistakes";
        }
        List<String> classes = evaluation.confusion().classes();
        Pictures pictures = Pictures.of(rows);
        PictureRows shown = new PictureRows(colour);
        List<String> lines = new ArrayList<>();
        for (Evaluation.Mistake mistake : mistakes) {
            String actual = classes.get(mistake.actual());
            String predicted = classes.get(mistake.predicted());
            if (pictures == null) {
                lines.add(
                        format(
                                "row %d: %s as %s (%.4f)",
                                mistake.row(), actual, predicted, mistake.confidence()));
            } else {
                shown.add(
                        new TextPicture(
                                pictures.pixels(mistake.row()),
                                pictures.width(),
                                pictures.height()),
                        format("%s as %s %.4f", actual, predicted, mistake.confidence()));
            }
        }
        return format(
                        "the %s surest of %,d mistakes (true as predicted, probability)\n\n",
                        mistakes.size(), evaluation.mistakes().size())
                + (pictures == null ? String.join("\n", lines) : shown.text());
    }
}
