package org.quern.cli;

import static org.quern.report.Numbers.bytes;
import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.data.Exploration;
import org.quern.data.Splits;
import org.quern.data.Statistics;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Plan;
import org.quern.report.DataText;
import org.quern.run.Results;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

final class RunHeader {
    /** Two orders of magnitude above what initial weights are made for. */
    private static final double LARGE = 100;

    private RunHeader() {}

    /** Says what data it is, how many rows each part has, and how it was read and goes in. */
    static void data(Console console, Splits splits, Splits parts, RunSettings settings) {
        Dataset train = parts.train();
        Dataset validation = parts.validation();
        String validated = validation == null ? "" : format(", %,d to validate", validation.rows());
        int folds = settings.get(Setting.FOLDS);
        String counts =
                folds > 0
                        ? format("%,d rows", splits.train().rows())
                        : format(
                                "%,d to train%s, %,d to test",
                                train.rows(), validated, parts.test().rows());
        String classes = train.hasLabels() ? ", " + DataText.classes(train) : "";
        Columns columns = parts.columns();
        String shape = columns == null ? DataText.shape(train.shape()) : DataText.columns(columns);
        String what = DataSource.described(console, splits, settings.get(Setting.DATA));
        console.about("data", "%s: %s, %s%s", what, counts, shape, classes);
        reading(console, splits, parts, settings);
    }

    static void reading(Console console, Splits splits, Splits parts, RunSettings settings) {
        Dataset train = splits.train();
        if (parts.columns() != null) {
            table(console, splits, parts, settings);
            return;
        }
        Scaling scaling = settings.config(train.shape()).model().scaling();
        Statistics statistics = train.isImage() ? null : Statistics.of(train);
        String read = splits.reading().isEmpty() ? "" : splits.reading() + "; ";
        String values =
                statistics == null ? "pixels 0 to 255" : "values " + DataText.range(statistics);
        console.about("", read + values + scaling(scaling));
        String dim = Results.dim(train, scaling);
        if (dim != null) {
            console.note(dim);
        }
        if (statistics != null && scaling.equals(Scaling.NONE) && statistics.largest() > LARGE) {
            console.note(
                    "values as large as %s go in as they are, and training does best with values"
                            + " near 1: bring the columns to one range, or multiply all by --scale",
                    Statistics.number(statistics.largest()));
        }
        if (statistics != null && scaling.equals(Scaling.UNIT)) {
            console.note("these are no pixels: --scale 1 leaves them as they are");
        }
        if (settings.loss().classifies()) {
            manyClasses(console, train);
        }
        balance(console, parts, settings);
    }

    private static void table(Console console, Splits splits, Splits parts, RunSettings settings) {
        Columns columns = parts.columns();
        // with folds, parts are those of the first alone
        String reading = (settings.get(Setting.FOLDS) > 0 ? splits : parts).reading();
        String read = reading.isEmpty() ? "" : reading + "; ";
        Scaling scaling = settings.config(parts.train().shape()).model().scaling();
        String how = columns.standardize() ? "standardized" : "not standardized" + scaling(scaling);
        if (columns.targets().stream().anyMatch(one -> one.deviation() != 1)) {
            how += columns.targets().size() == 1 ? ", label too" : ", labels too";
            how += ", and so the loss";
        }
        console.about("", read + how + DataText.gaps(columns));
        Plan plan = settings.config(parts.train().shape()).plan();
        Results.notes(columns, plan).forEach(console::note);
        if (settings.loss().classifies()) {
            manyClasses(console, splits.train());
        } else if (!settings.asksFor(Setting.LOSS)
                && settings.loss().equals(Loss.MEAN_SQUARED_ERROR)
                && isYesOrNo(splits.train())) {
            console.note(
                    "the label is 0 or 1 and is predicted as a number, for the model has one"
                            + " output: for two classes give --loss binary, or make it dense 2");
        }
        balance(console, parts, settings);
    }

    private static boolean isYesOrNo(Dataset train) {
        float[] targets = train.targets();
        return targets != null
                && IntStream.range(0, targets.length)
                        .allMatch(i -> targets[i] == 0 || targets[i] == 1);
    }

    /** Says which rows are trained on several times over. */
    private static void balance(Console console, Splits parts, RunSettings settings) {
        if (settings.get(Setting.BALANCE)) {
            String first = settings.get(Setting.FOLDS) > 0 ? "without fold 1, " : "";
            console.about("balanced", first + DataText.balanced(parts.train()));
        }
    }

    /** Says what is tested on in cross-validation, and more. */
    static void folds(Console console, Splits splits, RunSettings settings, String more) {
        int folds = settings.get(Setting.FOLDS);
        console.about("folds", DataText.folds(splits, folds) + more);
        String few = DataText.fewerThan(folds, splits.train());
        if (settings.loss().takesLogits() && !few.isEmpty()) {
            console.note("fewer rows than folds, so not in each of them: %s", few);
        }
    }

    static void manyClasses(Console console, Dataset train) {
        if (Exploration.isManyClasses(train)) {
            console.note(
                    "the label has %,d different values in %,d rows: if it is a number to predict,"
                            + " give --loss mse; if it is no label, name another column by --label",
                    train.classes().size(), train.rows());
        }
    }

    /** Which rows are set aside to compare trainings by, or epochs of one. */
    static String validation(RunSettings settings, Splits parts) {
        if (parts.validation() == null) {
            return settings.get(Setting.OVERFIT) > 0
                    ? "nothing set aside: the rows are to be learned by heart (--overfit)"
                    : "nothing set aside (--validation 0)";
        }
        int rows = parts.validation().rows();
        String name = parts.validation().name();
        if (!name.startsWith(parts.train().name() + " ")) { // of the source, not carved
            return format("%,d rows that come with the data (%s)", rows, name);
        }
        return format(
                "%,d of %,d training rows set aside to validate (--validation %s)",
                rows, rows + parts.train().rows(), settings.text("validation"));
    }

    /** Says what was asked for and is of no use to any of some trainings. */
    static void unused(Console console, List<RunSettings> trainings) {
        List<String> names = new ArrayList<>(trainings.get(0).unused());
        trainings.forEach(one -> names.retainAll(one.unused()));
        for (String name : names) {
            console.note(
                    "--%s does nothing with %s and %s",
                    name, texts(trainings, "loss"), texts(trainings, "optimizer"));
        }
    }

    private static String texts(List<RunSettings> trainings, String setting) {
        Stream<String> texts = trainings.stream().map(one -> one.text(setting)).distinct();
        return texts.collect(Collectors.joining(" or "));
    }

    /** Says what a model needs to be trained, how it is, and what early stopping goes by. */
    static void training(Console console, RunSettings settings, Trainer trainer, Splits parts) {
        Plan plan = trainer.plan();
        long parameters = plan.model().parameters();
        String moments = bytes(4 * parameters * plan.optimizer().moments());
        String sizes = "%,d parameters (%s), optimizer %s, arena %s";
        console.about(
                "", sizes, parameters, bytes(4 * parameters), moments, bytes(4 * plan.arena()));
        TrainingConfig config = trainer.config();
        String rules = config.loss().summary() + ", " + config.optimizer().summary();
        String rate = Setting.plain(settings.get(Setting.RATE)) + " " + config.schedule().text();
        String epochs = settings.get(Setting.EPOCHS) == 1 ? "epoch" : "epochs";
        String lasts = settings.text("epochs") + " " + epochs;
        String distortion = settings.text("distort");
        String distorted = distortion.equals("none") ? "" : ", distorted: " + distortion;
        String how = "%s, rate %s, batch %d, %s, seed %d%s";
        console.about("config", how, rules, rate, config.batch(), lasts, config.seed(), distorted);
        unused(console, List.of(settings));
        if (config.earlyStopping() != null) {
            String by = parts.validation() == null ? "training" : "validation";
            console.about("stopping", "by the %s loss, %s", by, validation(settings, parts));
        }
    }

    private static String scaling(Scaling scaling) {
        if (scaling.equals(Scaling.UNIT) || scaling.equals(Scaling.NONE)) {
            return scaling.equals(Scaling.UNIT) ? ", divided by 255" : ", as they are";
        }
        String shift = scaling.shift() == 0 ? "" : " plus " + scaling.shift();
        return ", times " + scaling.scale() + shift;
    }
}
