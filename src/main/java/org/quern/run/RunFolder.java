package org.quern.run;

import static org.quern.QuernException.data;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.quern.data.Distortion;
import org.quern.files.AtomicFile;
import org.quern.io.ModelFile;
import org.quern.train.Checkpoint;
import org.quern.train.EpochResult;
import org.quern.train.Listener;
import org.quern.train.Trainer;

/**
 * The folder of a run: {@code run.json} and {@code history.csv}, what happened; {@code
 * last.safetensors}, {@code best.safetensors} and {@code epoch-0001.safetensors} …, the weights;
 * {@code last.state.safetensors}, all that a resume needs.
 *
 * <p>After each epoch the weights are written first and the state last, each file atomically. A
 * process that is killed in between leaves weights one epoch ahead of the state; a resume trains
 * that epoch again, to the same bits.
 *
 * <p>Who writes to it holds it alone, by a lock on {@code run.lock}, until closed; reading asks for
 * no lock.
 */
public final class RunFolder implements AutoCloseable {
    private static final String STATE = "last.state.safetensors";
    private static final String LAST = "last.safetensors";
    private static final Pattern EPOCH_FILE = Pattern.compile("epoch-(\\d{4,9})\\.safetensors");
    private static final String RUN = "run.json";
    private static final String HISTORY = "history.csv";

    private final Path folder;
    private final Map<String, String> settings;
    private final int keep;
    private final RunLock lock;
    private final StateFile saved;
    private List<String> classes;

    /** With the state that the run goes on from; null for a new one. */
    private RunFolder(
            Path folder, Map<String, String> settings, int keep, RunLock lock, StateFile saved) {
        this.folder = folder;
        this.settings = settings;
        this.keep = keep;
        this.lock = lock;
        this.saved = saved;
    }

    /**
     * A folder for a new run, created if need be.
     *
     * @param settings the configuration and whatever else must be the same when it is resumed
     * @param classes names of the classes, for the model files
     * @param keep epochs whose weights are kept besides last and best
     * @throws org.quern.QuernException as {@link #check}
     */
    public static RunFolder create(
            Path folder, Map<String, String> settings, List<String> classes, int keep) {
        check(folder);
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw data(
                    e,
                    "%s cannot be made a folder (%s): give --out another one",
                    folder,
                    e.getClass().getSimpleName());
        }
        if (!Files.isWritable(folder)) {
            throw data("no permission to write in %s: give --out another folder", folder);
        }
        RunLock lock = RunLock.of(folder);
        try {
            checkEmpty(folder); // another run may have come and gone since
            RunFolder run = new RunFolder(folder, settings, keep, lock, null);
            run.classes = classes;
            return run;
        } catch (RuntimeException e) {
            lock.close();
            throw e;
        }
    }

    /**
     * Checks that a new run may use a folder, without making it.
     *
     * @throws org.quern.QuernException if the folder holds a run, or anything else, or another run
     *     is about to use it
     */
    public static void check(Path folder) {
        if (!Files.exists(folder)) {
            return;
        }
        if (!Files.isDirectory(folder)) {
            throw data("%s is a file: give --out a new or empty folder", folder);
        }
        if (Files.exists(folder.resolve(RunLock.FILE))) {
            RunLock.of(folder).close(); // says who holds it
        }
        checkEmpty(folder);
    }

    private static void checkEmpty(Path folder) {
        if (Files.exists(folder.resolve(STATE))) {
            throw data(
                    "%s holds a run already: go on with it by --resume %s, or give --out another"
                            + " folder",
                    folder, folder);
        }
        List<Path> content = list(folder, "*");
        content.remove(folder.resolve(RunLock.FILE));
        if (!content.isEmpty()) {
            throw data(
                    "%s is not empty (%s): give --out a new or empty folder",
                    folder, content.get(0).getFileName());
        }
    }

    /**
     * Opens the folder of an earlier run, to go on with it.
     *
     * @throws org.quern.QuernException if there is no state in it, or it is damaged, or the run is
     *     going on already
     */
    public static RunFolder resume(Path folder, int keep) {
        Path state = stateOf(folder); // before the lock: none is left where there is no run
        RunLock lock = RunLock.of(folder);
        try {
            StateFile saved = StateFile.read(state);
            return new RunFolder(folder, saved.settings(), keep, lock, saved);
        } catch (RuntimeException e) {
            lock.close();
            throw e;
        }
    }

    /**
     * Brings a trainer to where the run stands.
     *
     * @param names of the classes, for the model files
     * @throws org.quern.QuernException if its configuration is another; the message names the first
     *     difference
     */
    public void restore(Trainer trainer, List<String> names) {
        trainer.config()
                .texts()
                .forEach(
                        (name, is) -> {
                            // runs from before there was any do not tell of distortion
                            String was = saved.config().getOrDefault(name, Distortion.NONE.text());
                            if (!is.equals(was)) {
                                throw data(
                                        "checkpoint %s is of a run with %s \"%s\", not \"%s\":"
                                                + " resume it as it was, or start a new run",
                                        state(), name, was, is);
                            }
                        });
        trainer.restore(saved.checkpoint());
        classes = names;
    }

    /** Where the run stood when it was opened to go on. */
    public Checkpoint checkpoint() {
        return saved.checkpoint();
    }

    /** The settings of the run, as given to {@link #create}. */
    public Map<String, String> settings() {
        return settings;
    }

    /**
     * The settings of a run, which may be going on.
     *
     * @return as given to {@link #create}
     * @throws org.quern.QuernException if there is no state in the folder, or it is damaged
     */
    public static Map<String, String> settings(Path folder) {
        return StateFile.read(stateOf(folder)).settings();
    }

    private static Path stateOf(Path folder) {
        Path state = folder.resolve(STATE);
        if (!Files.exists(state)) {
            throw data("%s holds no run to go on with: there is no %s in it", folder, STATE);
        }
        return state;
    }

    /** What is to be said of its lock; null if nothing is. */
    public String notice() {
        return lock.notice();
    }

    /** Lets others write to it. */
    @Override
    public void close() {
        lock.close();
    }

    /** Where it is. */
    public Path folder() {
        return folder;
    }

    /** What keeps the folder up to date, epoch by epoch, {@code run.json} included. */
    public Listener saving(RunReport report) {
        return new Listener() {
            @Override
            public Verdict epochEnd(EpochResult result, boolean best, Trainer trainer) {
                writeRun(report.epochs(trainer.checkpoint().epochs()).json());
                save(trainer, best);
                return Verdict.GO_ON;
            }
        };
    }

    /**
     * Saves where a run stands after an epoch.
     *
     * @param best whether that epoch is the best so far
     */
    public void save(Trainer trainer, boolean best) {
        Checkpoint checkpoint = trainer.checkpoint();
        if (best) {
            writeWeights(trainer, checkpoint, checkpoint.best(), "best.safetensors");
        }
        writeWeights(trainer, checkpoint, checkpoint.state(), LAST);
        int epoch = checkpoint.epochs().size();
        if (keep > 0) {
            writeWeights(
                    trainer,
                    checkpoint,
                    checkpoint.state(),
                    String.format(Locale.ROOT, "epoch-%04d.safetensors", epoch));
            prune(epoch);
        }
        AtomicFile.write(folder.resolve(HISTORY), StateFile.history(checkpoint.epochs()));
        writeState(trainer, checkpoint);
    }

    /** Saves where a run stands within an epoch: at its start, or where it was interrupted. */
    public void saveState(Trainer trainer) {
        Checkpoint checkpoint = trainer.checkpoint();
        writeState(trainer, checkpoint);
        writeWeights(trainer, checkpoint, checkpoint.state(), LAST);
    }

    private void writeState(Trainer trainer, Checkpoint checkpoint) {
        new StateFile(checkpoint, trainer.config().texts(), settings).write(state());
    }

    private Path state() {
        return folder.resolve(STATE);
    }

    /**
     * What {@code run.json} of a run says.
     *
     * @throws org.quern.QuernException if the folder holds no run, no epoch of it was finished, or
     *     the file is damaged
     */
    public static JsonObject readRun(Path folder) {
        Path file = folder.resolve(RUN);
        if (!Files.exists(file)) {
            throw Files.exists(folder.resolve(STATE))
                    ? data(
                            "%s holds a run without a finished epoch: go on with it by train"
                                    + " --resume %s",
                            folder, folder)
                    : data(
                            "%s holds no run: there is no %s in it; give the folder that train"
                                    + " --out was given",
                            folder, RUN);
        }
        try {
            JsonElement run = JsonParser.parseString(Files.readString(file));
            if (run.isJsonObject()
                    && run.getAsJsonObject().has("quern")
                    && run.getAsJsonObject().get("epochs") instanceof JsonArray) {
                return run.getAsJsonObject();
            }
        } catch (JsonParseException | CharacterCodingException e) {
            String why = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
            throw data(e, "%s is damaged: it is no JSON (%s)", file, why);
        } catch (IOException e) {
            throw data(e, "%s cannot be read (%s)", file, e.getClass().getSimpleName());
        }
        throw data("%s is not what Quern wrote of a run", file);
    }

    /** Writes {@code run.json}. */
    public void writeRun(String json) {
        AtomicFile.write(folder.resolve(RUN), json);
    }

    /** Writes the parameters that {@code numbers} starts with. */
    private void writeWeights(
            Trainer trainer, Checkpoint checkpoint, float[] numbers, String name) {
        int parameters = Math.toIntExact(trainer.plan().parameters().size());
        Map<String, String> notes = notes(trainer, settings);
        notes.put("epoch", Integer.toString(checkpoint.epochs().size()));
        ModelFile.write(
                folder.resolve(name),
                new ModelFile.SavedModel(
                        trainer.config().model(),
                        trainer.config().loss(),
                        Arrays.copyOf(numbers, parameters),
                        classes,
                        notes));
    }

    /** What a model's file says of its training, of settings by name; not all need be there. */
    public static Map<String, String> notes(Trainer trainer, Map<String, String> settings) {
        Map<String, String> notes = new LinkedHashMap<>();
        notes.put("seed", Long.toString(trainer.config().seed()));
        String label = settings.getOrDefault("label", "");
        if (!label.isEmpty()) {
            notes.put("label", label);
        }
        return notes;
    }

    private void prune(int epoch) {
        for (Path old : list(folder, "epoch-*.safetensors")) {
            Matcher name = EPOCH_FILE.matcher(old.getFileName().toString());
            if (name.matches() && Integer.parseInt(name.group(1)) <= epoch - keep) {
                try {
                    Files.deleteIfExists(old);
                } catch (IOException e) {
                    throw data(e, "%s cannot be removed", old);
                }
            }
        }
    }

    private static List<Path> list(Path folder, String pattern) {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder, pattern)) {
            stream.forEach(found::add);
        } catch (IOException e) {
            throw data(e, "%s cannot be listed: %s", folder, e.getMessage());
        }
        return found;
    }
}
