package org.quern.run;

import static java.util.stream.Collectors.joining;
import static org.quern.QuernException.data;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;

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
import java.util.Objects;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.data.Splits;
import org.quern.files.AtomicFile;
import org.quern.io.Json;
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
 * <p>After each epoch {@code run.json} is written first, then the weights, the state last, each
 * file atomically. A process that is killed in between leaves weights one epoch ahead of the state;
 * a resume trains that epoch again, to the same bits.
 *
 * <p>Who writes to it holds it alone, by a lock on {@code run.lock}, until closed. Reading asks for
 * no lock: who reads the weights and then {@code run.json} finds their epoch in it.
 */
public final class RunFolder implements AutoCloseable {
    private static final String STATE = "last.state.safetensors";
    private static final String LAST = "last.safetensors";
    private static final Pattern EPOCH_FILE = Pattern.compile("epoch-(\\d{4,9})\\.safetensors");
    private static final String RUN = "run.json";
    private static final String BEST = "best.safetensors";
    private static final String HISTORY = "history.csv";

    /** Files that a run writes. */
    private static final Pattern OWN =
            Pattern.compile(
                    "run\\.json|history\\.csv|(last|last\\.state|best|epoch-\\d{4,9})"
                            + "\\.safetensors");

    /** Among the settings in the state; not in those of {@link #create}. */
    private static final String KEEP = "keep";

    /** Among them: of the rows that it is trained on. */
    static final String FINGERPRINT = "fingerprint";

    private final Path folder;
    private final Map<String, String> settings;
    private final int keep;
    private final RunLock lock;

    /** The state that the run goes on from; null for a new one. */
    private final StateFile saved;

    private Splits parts;
    private Map<String, String> notes;
    private String notice;

    /** The best epoch whose weights could not be written yet; 0 if there is none. */
    private int bestUnsaved;

    /** Whether the last epoch could not be written. */
    private boolean unsaved;

    /** Locks a folder for a new run of these settings, or with null for the one that is there. */
    private RunFolder(Path folder, Map<String, String> settings, Integer keep) {
        this.folder = folder;
        lock = RunLock.of(folder);
        try {
            clear(folder, lock);
            if (settings != null) {
                checkEmpty(folder); // another run may have come and gone since
            }
            refuseLinks(folder);
            saved = settings == null ? StateFile.read(folder.resolve(STATE)) : null;
            this.settings = settings == null ? settings(saved) : settings;
            this.keep = keep == null ? keptBefore(saved) : keep;
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
        AtomicFile.createOutput(folder);
        String text = "no permission to write in %s: give --out another folder";
        require(Files.isWritable(folder), text, folder);
        Map<String, String> all = new LinkedHashMap<>(settings);
        all.put(FINGERPRINT, parts.train().fingerprint());
        RunFolder run = new RunFolder(folder, all, keep);
        run.take(parts);
        return run;
    }

    /** Refuses a folder with a run or anything else in it, or that a run is about to use. */
    public static void check(Path folder) {
        if (!Files.exists(given(folder, "folder"))) {
            return;
        }
        String message = "%s is a file: give --out a new or empty folder";
        require(Files.isDirectory(folder), message, folder);
        if (Files.exists(folder.resolve(RunLock.FILE))) {
            try (RunLock lock = RunLock.of(folder)) { // says who holds it
                clear(folder, lock);
            }
        }
        checkEmpty(folder);
    }

    /** Whether a run can be gone on with in a folder: it was not killed before it kept anything. */
    public static boolean holdsRun(Path folder) {
        return Files.exists(given(folder, "folder").resolve(STATE));
    }

    /** Removes what killed processes left half written: who holds the lock is the only writer. */
    private static void clear(Path folder, RunLock lock) {
        if (lock.notice != null) {
            return; // no lock, and so perhaps others
        }
        for (Path part : list(folder, ".*.part")) {
            String file = AtomicFile.unfinished(part);
            if (file != null && OWN.matcher(file).matches()) {
                remove(part);
            }
        }
    }

    private static void remove(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw data(e, "%s cannot be removed (%s)", file, AtomicFile.reason(e));
        }
    }

    /** Refuses to write through links, which may lead anywhere in a folder that others packed. */
    private static void refuseLinks(Path folder) {
        for (Path file : list(folder, "*")) {
            if (OWN.matcher(file.getFileName().toString()).matches()) {
                refuseLink(file);
            }
        }
    }

    /** Refuses a file that would be written elsewhere than in its folder. */
    public static Path refuseLink(Path file) {
        String other = "%s is a symbolic link, which no run makes: remove it";
        require(!Files.isSymbolicLink(given(file, "file")), other, file);
        return file;
    }

    private static void checkEmpty(Path folder) {
        String text =
                "%s holds a run already: go on with it by --auto-resume or --resume %s, or give"
                        + " --out another folder";
        require(!holdsRun(folder), text, folder, folder);
        List<Path> content = list(folder, "*");
        content.remove(folder.resolve(RunLock.FILE));
        if (!content.isEmpty()) {
            String message = "%s is not empty (%s): give --out a new or empty folder";
            throw data(message, folder, content.get(0).getFileName());
        }
    }

    /**
     * Opens the folder of an earlier run, to go on with it; refused if that is going on. With null
     * as many epochs are kept as before.
     */
    public static RunFolder resume(Path folder, Integer keep) {
        stateOf(folder); // before the lock: none is left where there is no run
        return new RunFolder(folder, null, keep);
    }

    /** Brings a trainer to where the run stands; refused if its configuration is another. */
    public void restore(Trainer trainer, Splits rows) {
        given(trainer, "trainer");
        String print = given(rows, "rows").train().fingerprint();
        String unlike = "%s was trained on other data (%s, not %s): resume it with the same data";
        String before = settings.get(FINGERPRINT);
        if (before == null) { // kept by a program, not by create
            String unknown = "%s does not say what data it was trained on: taken to be the same";
            notice = unknown.formatted(folder);
        } else {
            require(print.equals(before), unlike, folder, before, print);
        }
        checkpoint(); // refuses a run that was begun here
        saved.restore(trainer, folder.resolve(STATE).toString());
        take(rows);
    }

    private void take(Splits rows) {
        parts = rows;
        notes = Results.range(rows.train());
    }

    /** Where the run stood when it was opened to go on. */
    public Checkpoint checkpoint() {
        expect(saved != null, "%s was begun here: there is nothing to go on with", folder);
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

    private static Map<String, String> settings(StateFile saved) {
        Map<String, String> all = new LinkedHashMap<>(saved.settings());
        all.remove(KEEP);
        return all;
    }

    private static int keptBefore(StateFile saved) {
        String keep = saved.settings().getOrDefault(KEEP, "0");
        if (!keep.matches("\\d{1,9}")) {
            throw data("the run's state says to keep \"%s\" epochs: give --keep", keep);
        }
        return Integer.parseInt(keep);
    }

    private static Path stateOf(Path folder) {
        String text = "%s holds no run: there is no %s in it";
        require(holdsRun(folder), text, folder, STATE);
        return folder.resolve(STATE);
    }

    /** What is to be said of its lock, or of its data once restored; null if nothing is. */
    public String notice() {
        String both =
                Stream.of(lock.notice, notice).filter(Objects::nonNull).collect(joining("; "));
        return both.isEmpty() ? null : both;
    }

    @Override
    public void close() {
        lock.close();
    }

    public Path folder() {
        return folder;
    }

    /**
     * What keeps the folder up to date, epoch by epoch, {@code run.json} included. An epoch that
     * cannot be written ends no run: the next one is written in its place.
     *
     * @param failed takes what is to be said of an epoch that could not be written
     */
    public Listener saving(RunReport report, Consumer<String> failed) {
        return saving(report, failed, 0);
    }

    /** The same, but not oftener than every so many nanoseconds; the last epoch is then unsaved. */
    Listener saving(RunReport report, Consumer<String> failed, long apart) {
        return new Listener() {
            private long last = System.nanoTime();

            @Override
            public Verdict epochEnd(EpochResult result, boolean best, Trainer trainer) {
                bestUnsaved = best ? result.epoch() : bestUnsaved;
                if (System.nanoTime() - last < apart) {
                    unsaved = true;
                    return Verdict.GO_ON;
                }
                try {
                    report.epochs(trainer.checkpoint().epochs());
                    writeRun(report.json());
                    save(trainer);
                    unsaved = false;
                    last = System.nanoTime();
                } catch (QuernException e) {
                    if (e.kind() != QuernException.Kind.DATA) {
                        throw e; // of the device, not of the disk
                    }
                    unsaved = true;
                    String text = "epoch %d is NOT SAVED: %s; training goes on";
                    failed.accept(text.formatted(result.epoch(), e.getMessage()));
                }
                return Verdict.GO_ON;
            }
        };
    }

    /** Tries once more to save the last epoch, if it is not; throws why it cannot be. */
    public void saveAtLast(Trainer trainer) {
        if (unsaved) {
            save(given(trainer, "trainer"));
            unsaved = false;
        }
    }

    /** Saves where a run stands after an epoch, which may be the best so far. */
    public void save(Trainer trainer, boolean best) {
        given(trainer, "trainer");
        bestUnsaved = best ? trainer.checkpoint().epochs().size() : bestUnsaved;
        save(trainer);
    }

    private void save(Trainer trainer) {
        Checkpoint checkpoint = trainer.checkpoint();
        int epoch = checkpoint.epochs().size();
        writeBest(trainer, checkpoint);
        writeWeights(trainer, checkpoint.state(), epoch, LAST);
        if (keep > 0) {
            String name = String.format(Locale.ROOT, "epoch-%04d.safetensors", epoch);
            writeWeights(trainer, checkpoint.state(), epoch, name);
            prune(epoch);
        }
        AtomicFile.write(file(HISTORY), StateFile.history(checkpoint.epochs()));
        writeState(trainer, checkpoint);
    }

    /** Saves where a run stands within an epoch: at its start, or where it was interrupted. */
    public void saveState(Trainer trainer) {
        Checkpoint checkpoint = given(trainer, "trainer").checkpoint();
        writeBest(trainer, checkpoint);
        writeState(trainer, checkpoint);
        writeWeights(trainer, checkpoint.state(), checkpoint.epochs().size(), LAST);
    }

    private void writeBest(Trainer trainer, Checkpoint checkpoint) {
        if (bestUnsaved > 0) {
            writeWeights(trainer, checkpoint.best(), bestUnsaved, BEST);
            bestUnsaved = 0;
        }
    }

    private void writeState(Trainer trainer, Checkpoint checkpoint) {
        Map<String, String> all = new LinkedHashMap<>(settings);
        if (keep > 0) {
            all.put(KEEP, Integer.toString(keep));
        }
        new StateFile(checkpoint, trainer.config().texts(), all).write(file(STATE));
    }

    /** A file of the run, to be written. */
    private Path file(String name) {
        return refuseLink(folder.resolve(name));
    }

    /** The finished epochs of a run, to the bits. */
    static List<EpochResult> epochs(Path folder) {
        Path file = folder.resolve(HISTORY);
        try {
            return StateFile.epochs(Files.readString(file));
        } catch (IOException e) {
            throw data(e, "%s cannot be read (%s)", file, AtomicFile.reason(e));
        } catch (QuernException | NumberFormatException e) {
            throw data(e, "%s is damaged (%s)", file, e.getMessage());
        }
    }

    /** What {@code run.json} says; refused where no epoch of a run was finished. */
    public static JsonObject readRun(Path folder) {
        Path file = given(folder, "folder").resolve(RUN);
        if (!Files.exists(file)) {
            String none =
                    "%s holds no run: there is no %s in it; give the folder that train --out was"
                            + " given";
            String unfinished =
                    "%s holds a run, but no run.json, which each epoch writes: go on with it by"
                            + " train --resume %s";
            boolean begun = Files.exists(folder.resolve(STATE));
            throw data(begun ? unfinished : none, folder, begun ? folder : RUN);
        }
        try {
            if (JsonParser.parseString(Files.readString(file)) instanceof JsonObject run
                    && run.has("quern")
                    && run.get("epochs") instanceof JsonArray) {
                return run;
            }
        } catch (JsonParseException e) {
            throw data(e, "%s is damaged: it is no JSON (%s)", file, Json.why(e));
        } catch (CharacterCodingException e) {
            throw data(e, "%s is damaged: it is not UTF-8 text", file);
        } catch (IOException e) {
            throw data(e, "%s cannot be read (%s)", file, AtomicFile.reason(e));
        }
        throw data("%s is not what Quern wrote of a run", file);
    }

    /**
     * What {@code run.json} said when a model was written, whose run may be going on.
     *
     * @param model read before, and so of an epoch that is in {@code run.json}
     * @return null if the run has ended since with another model: read both again
     */
    public static JsonObject readRun(Path folder, TrainedModel model) {
        JsonObject run = readRun(folder);
        JsonArray epochs = run.getAsJsonArray("epochs");
        int of = given(model, "model").epoch();
        if (run.has("end")) {
            return of == epochs.size() || model.settings().get(Setting.EARLY_STOPPING) > 0 || of < 0
                    ? run
                    : null;
        }
        if (model.settings().get(Setting.EARLY_STOPPING) == 0 && of >= 0) {
            while (epochs.size() > of) {
                epochs.remove(epochs.size() - 1);
            }
        }
        return run;
    }

    public void writeRun(String json) {
        AtomicFile.write(file(RUN), given(json, "json"));
    }

    /** Writes the parameters that {@code numbers} starts with. */
    private void writeWeights(Trainer trainer, float[] numbers, int epoch, String name) {
        float[] parameters = Arrays.copyOf(numbers, (int) trainer.plan().parameters().size());
        Map<String, String> all = new HashMap<>(notes);
        all.put("epoch", Integer.toString(epoch));
        ModelFile.write(file(name), Results.model(trainer, parameters, parts, all));
    }

    private void prune(int epoch) {
        for (Path old : list(folder, "epoch-*.safetensors")) {
            Matcher name = EPOCH_FILE.matcher(old.getFileName().toString());
            if (name.matches() && Integer.parseInt(name.group(1)) <= epoch - keep) {
                remove(old);
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
