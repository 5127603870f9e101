package org.quern.run;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Scaling;
import org.quern.train.Evaluation;
import org.quern.train.History;
import org.quern.train.Trainer;

/**
 * What {@code quern train} does, for a program: from rows to a tested model, by the same settings
 * with the same defaults, to the same bits.
 *
 * <pre>{@code
 * Dataset rows = Dataset.ofRows("houses", Header.of(House.class).target("price"), houses);
 * RunSettings settings = RunSettings.DEFAULT.with(Setting.MODEL, "dense 32 relu, dense 1");
 * try (Training training = Training.open(rows, settings)) {
 *     training.fit();
 *     System.out.println(training.test().accuracy());
 *     training.model().save(file);
 * }
 * }</pre>
 *
 * <p>Of a table, columns are fitted on the rows to train on; {@code parts().columns()} says what
 * became of each, {@link #notes} which count for nothing. The model takes rows, and the test is
 * told, in the units of the table.
 *
 * <p>Holds the device's memory until closed. Not thread-safe, except the trainer's interrupt.
 */
public final class Training implements AutoCloseable {
    private final RunSettings settings;
    private final Splits parts;
    private final Trainer trainer;
    private Dataset rows;

    /**
     * Gets ready with settings that lack nothing.
     *
     * @param parts what {@link RunSettings#parts} makes of the data
     * @throws org.quern.QuernException if they do not fit together
     */
    public Training(RunSettings settings, Splits parts, Backend backend) {
        this(settings, parts, backend, given(settings, "settings").options());
    }

    /** One of several, for which the device is opened otherwise. */
    Training(RunSettings settings, Splits parts, Backend backend, Backend.Options options) {
        this.settings = settings;
        this.parts = given(parts, "parts");
        trainer = settings.open(parts, backend, options);
        try {
            DeviceDataset.checkTargets(trainer.plan(), parts.train());
            DeviceDataset.checkTargets(trainer.plan(), parts.test());
        } catch (RuntimeException e) {
            trainer.close();
            throw e;
        }
    }

    /** Carves test rows, and validation rows if the settings ask for some, out of all rows. */
    public static Training open(Dataset rows, RunSettings settings) {
        for (Setting<?> one : Setting.of(Setting.Group.TABLE)) {
            String text = "%s is for a file: of a program's rows, a Header says what they are";
            expect(!given(settings, "settings").asksFor(one), text, one.name());
        }
        return open(Splits.of(rows), settings);
    }

    /**
     * Gets ready to train on a source of data, which may have test rows of its own, such as {@code
     * DataReader.read(path, asked.format())}.
     *
     * @param asked what is to be otherwise than by default; what only the data tells is found out:
     *     how wide the last layer is, and that numbers are predicted by the mean squared error
     * @throws org.quern.QuernException if the settings do not fit the data
     */
    public static Training open(Splits data, RunSettings asked) {
        int folds = given(asked, "settings").get(Setting.FOLDS);
        expect(folds == 0, "folds %d are several trainings: Sweep runs them", folds);
        RunSettings validated = asked.get(Setting.EARLY_STOPPING) > 0 ? asked.validated() : asked;
        RunSettings settings = validated.on(data);
        return new Training(settings, settings.parts(data), settings.choose().backend());
    }

    /** Trains for as many epochs as the settings say, or until it is stopped. */
    public History fit() {
        return trainer.fitUntil(rows(), parts.validation(), settings.get(Setting.EPOCHS));
    }

    /** How well the network does on the test rows. */
    public Evaluation test() {
        return Results.test(trainer, parts);
    }

    /** The model as it is now, for {@link RowPredictor}, safetensors and ONNX. */
    public SavedModel model() {
        Map<String, String> notes = Results.range(parts.train());
        return Results.model(trainer, trainer.parameters(), parts, notes);
    }

    /** A line for each thing that is left out or counts for nothing; empty as a rule. */
    public List<String> notes() {
        List<String> notes = new ArrayList<>();
        Dataset test = parts.test();
        if (test != null && parts.train().isPixels() != test.isPixels()) {
            String strange = Results.strange(Results.range(parts.train()), test);
            if (strange != null) {
                notes.add("test rows: " + strange);
            }
        }
        Scaling scaling = trainer.plan().model().scaling();
        Stream.ofNullable(Results.dim(parts.train(), scaling)).forEach(notes::add);
        Columns columns = parts.columns();
        notes.addAll(columns == null ? List.of() : Results.notes(columns, trainer.plan()));
        String with = " does nothing with %s and %s";
        String these = with.formatted(settings.text("loss"), settings.text("optimizer"));
        settings.unused().forEach(name -> notes.add(name + these));
        return notes;
    }

    /** The settings, with what was found out. */
    public RunSettings settings() {
        return settings;
    }

    /** The rows to train on, several times over where classes are to be balanced. */
    public Dataset rows() {
        if (rows == null) {
            rows = settings.toTrain(parts);
        }
        return rows;
    }

    /** The rows of the run, as they were drawn. */
    public Splits parts() {
        return parts;
    }

    /** Who trains: takes listeners, and can be interrupted. */
    public Trainer trainer() {
        return trainer;
    }

    @Override
    public void close() {
        trainer.close();
    }
}
