package org.quern.run;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;
import static org.quern.QuernException.usage;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.data.TableFormat;
import org.quern.data.TableFormat.Labels;
import org.quern.io.ModelFile;
import org.quern.io.ModelReader;
import org.quern.model.Model;
import org.quern.model.Scaling;

/**
 * A trained model from a file or a run's folder.
 *
 * @param settings of the run; a file's are the defaults
 * @param fold which of the folds the run was tested on, from 1; 0 without folds, -1 if it is not
 *     told yet
 * @param trainedOn the fingerprint of the rows that a run was trained on; null if it is not known
 * @param remarks a line for each thing that was guessed, or left out, when its file was read
 */
public record TrainedModel(
        ModelFile.SavedModel saved,
        RunSettings settings,
        boolean fromRun,
        int fold,
        String trainedOn,
        List<String> remarks) {
    /** A model that nothing has to be said about. */
    public TrainedModel(ModelFile.SavedModel saved, RunSettings settings, boolean fromRun) {
        this(saved, settings, fromRun, 0, null, List.of());
    }

    /**
     * Reads a file as by {@link ModelReader}, or of a run's folder the weights that the run ended
     * with: the last, or under early stopping the best.
     */
    public static TrainedModel open(Path path) {
        return Files.isDirectory(given(path, "path"))
                ? ofRun(path, null)
                : open(path, (Model) null);
    }

    /** Those of a run's folder: the {@code best} or the {@code last}; null as {@link #open}. */
    public static TrainedModel ofRun(Path folder, String weights) {
        Map<String, String> kept = RunFolder.settings(folder);
        RunSettings settings = RunSettings.ofRun(kept, folder);
        Path best = folder.resolve("best.safetensors");
        boolean stopped = settings.get(Setting.EARLY_STOPPING) > 0 && Files.exists(best);
        String taken = weights == null ? stopped ? "best" : "last" : weights;
        Path file = folder.resolve(taken + ".safetensors");
        int fold = settings.get(Setting.FOLDS) == 0 ? 0 : KeptMember.fold(folder);
        String trainedOn = kept.get(RunFolder.FINGERPRINT);
        ModelFile.SavedModel saved = ModelFile.read(file, null);
        return new TrainedModel(saved, settings, true, fold, trainedOn, List.of());
    }

    /**
     * Reads a file. {@code spec} is its model where the file does not say, as PyTorch's do not;
     * null where it does.
     *
     * @throws org.quern.QuernException if it is damaged, or of another model
     */
    public static TrainedModel open(Path file, Model spec) {
        given(file, "file");
        String text = "%s does not exist: give a model file (%s) or a run's folder";
        require(Files.exists(file), text, file, ModelReader.FORMATS);
        ModelReader.Reading read = ModelReader.read(file, spec);
        ModelFile.SavedModel saved = read.model();
        Map<String, String> asked = Map.of("label", saved.notes().getOrDefault("label", ""));
        RunSettings settings = RunSettings.DEFAULT.with(asked);
        return new TrainedModel(saved, settings, false, 0, null, read.remarks());
    }

    /** The same with a name for each output; refused if its file says otherwise. */
    public TrainedModel named(List<String> classes) {
        given(classes, "classes");
        int outputs = saved.model().outputSize();
        String message = "classes %s: the model has %d outputs, so give %d different names";
        boolean fits = classes.size() == outputs && Set.copyOf(classes).size() == outputs;
        expect(fits, message, String.join(",", classes), outputs, outputs);
        if (!saved.classes().isEmpty() && !saved.classes().equals(classes)) {
            throw usage(
                    "classes %s: the model's file names them %s: leave --classes out",
                    String.join(",", classes), String.join(",", saved.classes()));
        }
        return new TrainedModel(saved.named(classes), settings, fromRun, fold, trainedOn, remarks);
    }

    /** The same with its input scaled; refused if its file says how, or if it is of a table. */
    public TrainedModel scaled(Scaling scaling) {
        boolean silent = saved.model().scaling().equals(Scaling.NONE) && saved.columns() == null;
        expect(silent, "the model's file says how its input is scaled: leave --scale out");
        ModelFile.SavedModel scaled =
                new ModelFile.SavedModel(
                        saved.model().scaled(scaling),
                        saved.loss(),
                        saved.parameters(),
                        saved.classes(),
                        saved.notes());
        return new TrainedModel(scaled, settings, fromRun, fold, trainedOn, remarks);
    }

    /** What is known of a table whose rows are for the model: its columns, and what labels are. */
    public TableFormat format(RunSettings table) {
        boolean classes = saved.loss().classifies();
        TableFormat format =
                given(table, "table")
                        .format()
                        .withLabels(classes ? Labels.CLASSES : Labels.NUMBERS);
        return saved.columns() == null ? format : format.withKnown(saved.columns().header());
    }

    /**
     * Rows to measure the model on, labelled in the model's order of classes; in a regression,
     * labels are the numbers to predict. Refused if a row has a class that the model does not know.
     *
     * @param test whether the test rows are wanted, else those trained on; all rows, where the
     *     source has no test rows and is not the run's
     * @param own whether the source is what the run was trained on, which has its own test rows
     * @param notes takes a line for what is not as in training: see {@link Columns#encoded}
     */
    public Dataset rows(Splits source, boolean test, boolean own, List<String> notes) {
        given(source, "data");
        if (own) {
            String unknown =
                    "the run is one of %s folds of a sweep, and says which when it has ended: go on"
                            + " with the sweep, or give other rows by --data";
            require(fold >= 0, unknown, settings.text(Setting.FOLDS.name()));
            if (source.test() == null
                    && trainedOn != null) { // which rows are drawn by their places
                String unlike =
                        "%s is not as it was in training: which of its rows were trained on is not"
                                + " known; give rows that were not by --data";
                boolean same = settings.parts(source, fold).train().fingerprint().equals(trainedOn);
                require(same, unlike, source.description());
            }
            Splits parts = settings.carved(source, fold);
            return measurable(test ? parts.test() : parts.train(), notes);
        }
        Splits given = saved.loss().classifies() ? source : source.withLabelsAsTargets();
        return measurable(test && given.test() != null ? given.test() : given.train(), notes);
    }

    /** The epoch of a run that it is of; -1 if its file does not say. */
    public int epoch() {
        String epoch = saved.notes().getOrDefault("epoch", "");
        return epoch.matches("\\d{1,9}") ? Integer.parseInt(epoch) : -1;
    }

    /** Whether {@link #input} tells of images whose values are unlike those trained on. */
    public boolean knowsValues() {
        return saved.notes().containsKey(Results.RANGE);
    }

    /** Rows as the model takes them: of a table with its columns, their floats by these. */
    public Dataset input(Dataset rows, List<String> notes) {
        given(rows, "rows");
        if (saved.columns() != null) {
            return saved.columns().encoded(rows.asTable(), notes);
        }
        Dataset set = rows.asValues();
        String strange = Results.strange(saved.notes(), set);
        if (strange != null) {
            given(notes, "notes").add(set.name() + ": " + strange);
        }
        return set;
    }

    /**
     * The same with labels in the model's order of classes; where its file names none, a label is
     * the number of an output.
     */
    Dataset measurable(Dataset rows, List<String> notes) {
        Dataset set = input(rows, notes);
        if (!saved.loss().classifies()) {
            return set;
        }
        String unnamed = "the model, whose file names no classes (give --classes),";
        return saved.classes().isEmpty()
                ? set.inClassesKnownTo(unnamed, saved.outputNames())
                : set.inClassesKnownTo("the model", saved.classes());
    }
}
