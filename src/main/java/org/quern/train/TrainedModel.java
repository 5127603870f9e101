package org.quern.train;

import static org.quern.QuernException.data;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.quern.data.Dataset;
import org.quern.data.Parts;
import org.quern.data.Splits;
import org.quern.io.ModelFile;
import org.quern.model.Model;
import org.quern.plan.Loss;

/**
 * A trained model from a file or from a run's folder.
 *
 * @param saved the model
 * @param settings the run's; of a file, the defaults
 * @param fromRun whether it is from a run's folder
 */
public record TrainedModel(ModelFile.SavedModel saved, RunSettings settings, boolean fromRun) {

    /**
     * Reads a model. Of a run, the weights that it ended with: the last, or under early stopping
     * the best.
     *
     * @param path a safetensors file, or the folder of a run
     * @throws org.quern.QuernException if it is neither, or damaged
     */
    public static TrainedModel open(Path path) {
        if (!Files.isDirectory(path)) {
            return open(path, null);
        }
        RunSettings settings = RunSettings.ofRun(RunFolder.settings(path));
        Path best = path.resolve("best.safetensors");
        boolean stopped = settings.config(1).earlyStopping() != null && Files.exists(best);
        return new TrainedModel(
                ModelFile.read(stopped ? best : path.resolve("last.safetensors"), null),
                settings,
                true);
    }

    /**
     * Reads a file.
     *
     * @param spec the model, for a file that does not say, such as PyTorch's; null to take it from
     *     the file
     * @throws org.quern.QuernException if it is damaged, or of another model
     */
    public static TrainedModel open(Path file, Model spec) {
        if (!Files.exists(file)) {
            throw data("%s does not exist: give a safetensors file or a run's folder", file);
        }
        return new TrainedModel(ModelFile.read(file, spec), RunSettings.DEFAULT, false);
    }

    /**
     * Rows to measure the model on, labelled in the model's order of classes; under mean squared
     * error, labels are the numbers to predict.
     *
     * @param test whether the test rows are wanted, else those trained on; all rows, where the
     *     source has no test rows and is not the run's
     * @param own whether the source is what the run was trained on, so that its test rows are those
     *     that it was not trained on
     * @throws org.quern.QuernException if a row has a class that the model does not know
     */
    public Dataset rows(Splits source, boolean test, boolean own) {
        if (own) {
            Parts parts = settings.parts(source);
            return known(test ? parts.test() : parts.train());
        }
        Splits given =
                saved.loss() == Loss.MEAN_SQUARED_ERROR ? source.withLabelsAsTargets() : source;
        return known(test && given.test() != null ? given.test() : given.train());
    }

    private Dataset known(Dataset set) {
        List<String> mine = saved.classes();
        if (!set.hasLabels() || mine.isEmpty() || set.classes().equals(mine)) {
            return set;
        }
        int[] labels = new int[set.rows()];
        for (int row = 0; row < labels.length; row++) {
            String name = set.classes().get(set.labels()[row]);
            labels[row] = mine.indexOf(name);
            if (labels[row] < 0) {
                throw data(
                        "%s: row %d is of class \"%s\", which the model does not know: it knows %s",
                        set.name(), row, name, String.join(", ", mine));
            }
        }
        return set.withLabels(labels, mine);
    }
}
