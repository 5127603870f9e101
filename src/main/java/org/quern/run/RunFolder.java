package org.quern.run;

import static org.quern.QuernException.data;

import com.google.gson.JsonArray;
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
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.quern.data.Distortion;
import org.quern.data.Splits;
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

    private final Path folder;
    private final Map<String, String> settings;
    private final int keep;
    private final RunLock lock;

    /** The state that the run goes on from; null for a new one. */
    private final StateFile saved;

    private Splits parts;
    private Map<String, String> notes;

    /** Locks a folder for a new run of these settings, or with null for the one that is there. */
    private RunFolder(Path folder, Map<String, String> settings, int keep) {
        this.folder = folder;
        this.keep = keep;
        lock = RunLock.of(folder);
        try {
            if (settings != null) {
                checkEmpty(folder); // another run may have come and gone since
            }
            saved = settings == null ? StateFile.read(folder.resolve(STATE)) : null;
            this.settings = settings == null ? settings(saved) : settings;
        } catch (RuntimeException e) {
            lock.close();
            throw e;
        }
    }

    /**
     * A folder for a new run, created if need be, that is refused as by {@link #check}; {@code
     * settings} must be the same on a resume; the weights of the last {@code keep} epochs are kept,
     * too.
     */
    public static RunFolder create(
            Path folder, Map<String, String> settings, Splits parts, int keep) {
        check(folder);
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            String why = e.getClass().getSimpleName();
            throw data(e, "%s cannot be made a folder (%s): give --out another one", folder, why);
        }
        if (!Files.isWritable(folder)) {
            throw data("no permission to write in %s: give --out another folder", folder);
        }
        RunFolder run = new RunFolder(folder, settings, keep);
        run.take(parts);
        return run;
    }

    /** Refuses a folder with a run or anything else in it, or that a run is about to use. */
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

    /** Opens the folder of an earlier run, to go on with it; refused if that is going on. */
    public static RunFolder resume(Path folder, int keep) {
        stateOf(folder); // before the lock: none is left where there is no run
        return new RunFolder(folder, null, keep);
    }

    /** Brings a trainer to where the run stands; refused if its configuration is another. */
    public void restore(Trainer trainer, Splits rows) {
        for (Map.Entry<String, String> is : trainer.config().texts().entrySet()) {
            // runs older than distortion do not mention it
            String old = is.getKey().equals("distortion") ? Distortion.NONE.text() : null;
            String was = saved.config().getOrDefault(is.getKey(), old);
            if (!is.getValue().equals(was)) {
                throw data(
                        "checkpoint %s is of a run with %s \"%s\", not \"%s\": resume it as it was,"
                                + " or start a new run",
                        folder.resolve(STATE), is.getKey(), was, is.getValue());
            }
        }
        trainer.restore(saved.checkpoint());
        take(rows);
    }

    private void take(Splits rows) {
        parts = rows;
        notes = Results.range(rows.train());
    }

    /** Where the run stood when it was opened to go on. */
    public Checkpoint checkpoint() {
        return saved.checkpoint();
    }

    /** The settings of the run, as given to {@link #create}. */
    public Map<String, String> settings() {
        return settings;
    }

    /** The settings of a run, which may be going on, as given to {@link #create}. */
    public static Map<String, String> settings(Path folder) {
        return settings(StateFile.read(stateOf(folder)));
    }

    /** Runs that are older than a seed of their own for the rows drew them by the run's. */
    private static Map<String, String> settings(StateFile saved) {
        Map<String, String> all = new LinkedHashMap<>(saved.settings());
        if (all.containsKey("seed") && !all.containsKey(Setting.SPLIT_SEED.name())) {
            all.put(Setting.SPLIT_SEED.name(), all.get("seed"));
            all.putIfAbsent(Setting.STRATIFY.name(), Setting.textOf(Setting.OnOff.OFF));
            all.putIfAbsent(Setting.STANDARDIZE.name(), Setting.textOf(Setting.OnOff.OFF));
        }
        return all;
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
        return lock.notice;
    }

    @Override
    public void close() {
        lock.close();
    }

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

    /** Saves where a run stands after an epoch, which may be the best so far. */
    public void save(Trainer trainer, boolean best) {
        Checkpoint checkpoint = trainer.checkpoint();
        int epoch = checkpoint.epochs().size();
        if (best) {
            writeWeights(trainer, checkpoint.best(), epoch, "best.safetensors");
        }
        writeWeights(trainer, checkpoint.state(), epoch, LAST);
        if (keep > 0) {
            String name = String.format(Locale.ROOT, "epoch-%04d.safetensors", epoch);
            writeWeights(trainer, checkpoint.state(), epoch, name);
            prune(epoch);
        }
        AtomicFile.write(folder.resolve("history.csv"), StateFile.history(checkpoint.epochs()));
        writeState(trainer, checkpoint);
    }

    /** Saves where a run stands within an epoch: at its start, or where it was interrupted. */
    public void saveState(Trainer trainer) {
        Checkpoint checkpoint = trainer.checkpoint();
        writeState(trainer, checkpoint);
        writeWeights(trainer, checkpoint.state(), checkpoint.epochs().size(), LAST);
    }

    private void writeState(Trainer trainer, Checkpoint checkpoint) {
        new StateFile(checkpoint, trainer.config().texts(), settings).write(folder.resolve(STATE));
    }

    /** What {@code run.json} says; refused where no epoch of a run was finished. */
    public static JsonObject readRun(Path folder) {
        Path file = folder.resolve(RUN);
        if (!Files.exists(file)) {
            String none =
                    "%s holds no run: there is no %s in it; give the folder that train --out was"
                            + " given";
            String unfinished =
                    "%s holds a run without a finished epoch: go on with it by train --resume %s";
            boolean begun = Files.exists(folder.resolve(STATE));
            throw data(begun ? unfinished : none, folder, begun ? folder : RUN);
        }
        try {
            if (JsonParser.parseString(Files.readString(file)) instanceof JsonObject run
                    && run.has("quern")
                    && run.get("epochs") instanceof JsonArray) {
                return run;
            }
        } catch (JsonParseException | CharacterCodingException e) {
            String why = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
            throw data(e, "%s is damaged: it is no JSON (%s)", file, why);
        } catch (IOException e) {
            throw data(e, "%s cannot be read (%s)", file, e.getClass().getSimpleName());
        }
        throw data("%s is not what Quern wrote of a run", file);
    }

    public void writeRun(String json) {
        AtomicFile.write(folder.resolve(RUN), json);
    }

    /** Writes the parameters that {@code numbers} starts with. */
    private void writeWeights(Trainer trainer, float[] numbers, int epoch, String name) {
        float[] parameters = Arrays.copyOf(numbers, (int) trainer.plan().parameters().size());
        Map<String, String> all = new HashMap<>(notes);
        all.put("epoch", Integer.toString(epoch));
        ModelFile.write(folder.resolve(name), Results.model(trainer, parameters, parts, all));
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
