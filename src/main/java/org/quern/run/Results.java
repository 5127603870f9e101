package org.quern.run;

import static java.util.stream.Collectors.joining;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.data.Statistics;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Scaling;
import org.quern.plan.Folding;
import org.quern.plan.Plan;
import org.quern.train.Evaluation;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/**
 * What a run ends with: a model that takes the rows that a user has, and how well it does.
 *
 * @hidden
 */
public final class Results {
    static final String RANGE = "range";

    /** How a remark ends on images that may be the negative of what they should be. */
    public static final String SWAPPED = "are light and dark swapped?";

    /** Images of a tenth of training's range are in another unit, or empty. */
    private static final double NARROW = 0.1;

    /** In deviations of all values: digits by themselves differ by less than 1. */
    private static final double FAR = 1.5;

    private Results() {}

    /**
     * A model with some parameters of a trainer; notes say the seed and the label, too.
     *
     * @param parts the rows that it was trained on
     */
    public static SavedModel model(
            Trainer trainer, float[] parameters, Splits parts, Map<String, String> notes) {
        TrainingConfig config = trainer.config();
        Map<String, String> all = new HashMap<>(notes);
        all.put("seed", Long.toString(config.seed()));
        if (parts.label() != null && !parts.label().isEmpty()) {
            all.put("label", parts.label());
        }
        return new SavedModel(
                config.model(),
                config.loss(),
                folded(trainer, parameters, parts),
                parts.train().classes(),
                parts.columns(),
                all);
    }

    /** A note on the values of images that were trained on, for {@link #strange}; else none. */
    public static Map<String, String> range(Dataset train) {
        if (!train.isImage()) {
            return Map.of();
        }
        Statistics of = Statistics.of(train);
        DoubleStream all = DoubleStream.of(of.min(), of.mean(), of.max(), of.deviation());
        return Map.of(RANGE, all.mapToObj(Double::toString).collect(joining(" ")));
    }

    /** A line for each thing about a table's columns that few expect; none as a rule. */
    public static List<String> notes(Columns columns, Plan plan) {
        List<String> notes = new ArrayList<>(given(columns, "columns").lost());
        boolean numbers = !given(plan, "plan").loss().takesLogits();
        if (columns.standardize() && numbers && !Folding.takesTargets(plan)) {
            notes.add(
                    "the label is not standardized, because the last layer has an activation: drop"
                            + " the activation, unless all labels lie in its range");
        }
        if (!columns.leftOut().isEmpty()) {
            notes.add("left out: " + columns.leftOut());
        }
        return notes;
    }

    /** What to say of pixels that are divided by 255 though none is above 1; null as a rule. */
    public static String dim(Dataset train, Scaling scaling) {
        if (!given(train, "rows").isPixels() || !Scaling.UNIT.equals(scaling)) {
            return null;
        }
        for (byte pixel : train.pixels()) {
            if (pixel != 0 && pixel != 1) {
                return null;
            }
        }
        return "no pixel is above 1, but they are divided by 255: give --scale 1 if 1 is white";
    }

    /**
     * How images differ from those that a model was trained on; null if they do not, or if nothing
     * is known of these.
     */
    static String strange(Map<String, String> notes, Dataset images) {
        if (!notes.containsKey(RANGE)) {
            return null;
        }
        double[] known;
        try {
            Stream<String> numbers = Stream.of(notes.get(RANGE).split(" "));
            known = numbers.mapToDouble(Double::parseDouble).toArray();
        } catch (NumberFormatException e) {
            known = new double[0];
        }
        require(known.length == 4, "the model's range of values cannot be understood");
        Statistics is = Statistics.of(images);
        double width = known[2] - known[0];
        boolean narrow = is.max() - is.min() < width * NARROW;
        if (narrow || is.max() > known[2] + width || is.min() < known[0] - width) {
            return "values from %s to %s, but training saw %s to %s: bring them to that range"
                    .formatted(
                            number(is.min()), number(is.max()), number(known[0]), number(known[2]));
        }
        return Math.abs(is.mean() - known[1]) <= known[3] * FAR
                ? null
                : "the mean is %s, but training's was %s: "
                        .concat(SWAPPED)
                        .formatted(number(is.mean()), number(known[1]));
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, value == Math.rint(value) ? "%.0f" : "%.1f", value);
    }

    /** How well a trained network does on the test rows, as {@code quern evaluate} says it. */
    public static Evaluation test(Trainer trainer, Splits parts) {
        return parts.columns() == null
                ? trainer.evaluate(parts.test())
                : trainer.evaluate(folded(trainer, trainer.parameters(), parts), parts.test());
    }

    private static float[] folded(Trainer trainer, float[] parameters, Splits parts) {
        return parts.columns() == null
                ? parameters
                : Folding.fold(trainer.plan(), parameters, parts.columns());
    }
}
