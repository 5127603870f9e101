package org.quern.train;

import static org.quern.QuernException.data;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.quern.QuernException;
import org.quern.io.AtomicFile;
import org.quern.io.ModelFile;

/**
 * The folder of a run: {@code run.json} and {@code history.csv}, what happened; {@code
 * last.safetensors}, {@code best.safetensors} and {@code epoch-0001.safetensors} …, the weights;
 * {@code last.state.safetensors}, all that a resume needs.
 *
 * <p>After each epoch the weights are written first and the state last, each file atomically. A
 * process that is killed in between leaves weights one epoch ahead of the state; a resume trains
 * that epoch again, to the same bits.
 */
public final class RunFolder {
    private static final String STATE = "last.state.safetensors";
    private static final String RUN = "run.json";
    private static final String HISTORY = "history.csv";

    private final Path folder;
    private final Map<String, String> settings;
    private final List<String> classes;
    private final int keep;

    private RunFolder(Path folder, Map<String, String> settings, List<String> classes, int keep) {
        this.folder = folder;
        this.settings = Map.copyOf(settings);
        this.classes = List.copyOf(classes);
        this.keep = keep;
    }

    /**
     * A folder for a new run, created if need be.
     *
     * @param settings the configuration and whatever else must be the same when it is resumed
     * @param classes names of the classes, for the model files
     * @param keep epochs whose weights are kept besides last and best
     * @throws org.quern.QuernException if the folder holds a run, or anything else
     */
    public static RunFolder create(
            Path folder, Map<String, String> settings, List<String> classes, int keep) {
        check(folder);
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new QuernException(
                    QuernException.Kind.DATA,
                    "%s cannot be made a folder (%s): give --out another one"
                            .formatted(folder, e.getClass().getSimpleName()),
                    e);
        }
        if (!Files.isWritable(folder)) {
            throw data("no permission to write in %s: give --out another folder", folder);
        }
        return new RunFolder(folder, settings, classes, keep);
    }

    /**
     * Checks that a new run may use a folder, without touching it.
     *
     * @throws org.quern.QuernException if the folder holds a run, or anything else
     */
    public static void check(Path folder) {
        if (!Files.exists(folder)) {
            return;
        }
        if (!Files.isDirectory(folder)) {
            throw data("%s is a file: give --out a new or empty folder", folder);
        }
        if (Files.exists(folder.resolve(STATE))) {
            throw data(
                    "%s holds a run already: go on with it by --resume %s, or give --out another"
                            + " folder",
                    folder, folder);
        }
        List<Path> content = list(folder, "*");
        if (!content.isEmpty()) {
            throw data(
                    "%s is not empty (%s): give --out a new or empty folder",
                    folder, content.get(0).getFileName());
        }
    }

    /**
     * A run to go on with.
     *
     * @param run where to save from now on
     * @param checkpoint where it stands
     * @param settings as given to {@link #create}
     */
    public record Resumed(RunFolder run, Checkpoint checkpoint, Map<String, String> settings) {}

    /**
     * Opens the folder of an earlier run.
     *
     * @throws org.quern.QuernException if there is no state in it, or it is damaged
     */
    public static Resumed resume(Path folder, List<String> classes, int keep) {
        Path state = folder.resolve(STATE);
        if (!Files.exists(state)) {
            throw data("%s holds no run to go on with: there is no %s in it", folder, STATE);
        }
        StateFile.Saved saved = StateFile.read(state);
        return new Resumed(
                new RunFolder(folder, saved.settings(), classes, keep),
                saved.checkpoint(),
                saved.settings());
    }

    /** The same run once its classes are known. */
    public RunFolder withClasses(List<String> names) {
        return new RunFolder(folder, settings, names, keep);
    }

    /** Where it is. */
    public Path folder() {
        return folder;
    }

    /** Writes the weights of a trainer, without state, into a file of this folder. */
    public void saveWeights(Trainer trainer, String name) {
        write(trainer, trainer.parameters(), name);
    }

    /**
     * Saves where a run stands after an epoch.
     *
     * @param best whether that epoch is the best so far
     */
    public void save(Trainer trainer, boolean best) {
        Checkpoint checkpoint = trainer.checkpoint();
        if (best) {
            write(trainer, checkpoint.best(), "best.safetensors");
        }
        saveWeights(trainer, "last.safetensors");
        int epoch = checkpoint.epochs().size();
        if (keep > 0) {
            saveWeights(trainer, epochFile(epoch));
            prune(epoch);
        }
        AtomicFile.write(folder.resolve(HISTORY), historyCsv(checkpoint.epochs()));
        StateFile.write(folder.resolve(STATE), checkpoint, settings);
    }

    /** Saves where a run stands within an epoch: at its start, or where it was interrupted. */
    public void saveState(Trainer trainer) {
        StateFile.write(folder.resolve(STATE), trainer.checkpoint(), settings);
        saveWeights(trainer, "last.safetensors");
    }

    /** Writes {@code run.json}. */
    public void writeRun(String json) {
        AtomicFile.write(folder.resolve(RUN), json);
    }

    private void write(Trainer trainer, float[] parameters, String name) {
        TrainingConfig config = trainer.config();
        Map<String, String> notes =
                Map.of(
                        "epoch", Integer.toString(trainer.checkpoint().epochs().size()),
                        "seed", Long.toString(config.seed()));
        ModelFile.write(
                folder.resolve(name),
                new ModelFile.SavedModel(
                        config.model(), config.loss(), parameters, classes, notes));
    }

    private static String epochFile(int epoch) {
        return String.format(Locale.ROOT, "epoch-%04d.safetensors", epoch);
    }

    private void prune(int epoch) {
        for (Path old : list(folder, "epoch-*.safetensors")) {
            if (old.getFileName().toString().compareTo(epochFile(epoch - keep)) <= 0) {
                try {
                    Files.deleteIfExists(old);
                } catch (IOException e) {
                    throw new QuernException(
                            QuernException.Kind.DATA, old + " cannot be removed", e);
                }
            }
        }
    }

    private static List<Path> list(Path folder, String pattern) {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder, pattern)) {
            stream.forEach(found::add);
        } catch (IOException e) {
            throw new QuernException(
                    QuernException.Kind.DATA, folder + " cannot be listed: " + e.getMessage(), e);
        }
        return found;
    }

    private static String historyCsv(List<EpochResult> epochs) {
        StringBuilder csv =
                new StringBuilder(
                        "epoch,loss,accuracy,validation_loss,validation_accuracy,learning_rate,"
                                + "seconds,step_micros\n");
        for (EpochResult e : epochs) {
            csv.append(e.epoch())
                    .append(',')
                    .append(e.loss())
                    .append(',')
                    .append(e.accuracy())
                    .append(',')
                    .append(e.validationLoss() == null ? "" : e.validationLoss())
                    .append(',')
                    .append(e.validationAccuracy() == null ? "" : e.validationAccuracy())
                    .append(',')
                    .append(e.learningRate())
                    .append(',')
                    .append(e.seconds())
                    .append(',')
                    .append(e.stepMicros())
                    .append('\n');
        }
        return csv.toString();
    }
}
