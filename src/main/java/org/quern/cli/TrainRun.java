package org.quern.cli;

import static org.quern.QuernException.data;
import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.format;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.QuernException;
import org.quern.backend.Backends;
import org.quern.backend.DeviceDataset;
import org.quern.data.Dataset;
import org.quern.data.Parts;
import org.quern.data.Splits;
import org.quern.files.AtomicFile;
import org.quern.io.ModelFile;
import org.quern.report.TextReport;
import org.quern.run.DataDefaults;
import org.quern.run.RunFolder;
import org.quern.run.RunReport;
import org.quern.run.RunSettings;
import org.quern.train.DataFingerprint;
import org.quern.train.Evaluation;
import org.quern.train.History;
import org.quern.train.Trainer;

/** One call of {@code quern train}, from its options to its last line. */
final class TrainRun implements AutoCloseable {
    private static final String FINGERPRINT = "fingerprint";

    private final Console console;
    private final Interrupts interrupts;
    private final TrainCommand options;
    private final Stopwatch stopwatch;
    private final WallTime timing;
    private RunSettings settings = RunSettings.DEFAULT;
    private RunFolder.Resumed resumed;

    /** Where the run is kept, held against other runs; null if nowhere, or not yet. */
    private RunFolder folder;

    TrainRun(Console console, Interrupts interrupts, TrainCommand options) {
        this.console = console;
        this.interrupts = interrupts;
        this.options = options;
        stopwatch = new Stopwatch(console);
        timing = options.timing ? new WallTime(stopwatch) : null;
    }

    void run() {
        settle();
        DataSource source = new DataSource(console);
        settings = settings.with(Map.of("data", source.locate(settings.data())));
        EagerLoad.Loading begun = options.begun.loading(settings.data());
        EagerLoad.Loading loading =
                begun != null
                        ? begun
                        : new EagerLoad.Loading(() -> source.read(settings, settings.data()));
        Backends.Choice choice = Backends.choose(settings.backend(), settings.options());
        console.about("device", choice.text());
        stopwatch.lap("device");
        long waiting = System.nanoTime();
        Splits splits = loading.join();
        if (timing != null) {
            timing.data(loading.nanos(), System.nanoTime() - waiting);
        }
        settings = settings.with(Map.of("backend", choice.backend().name()));
        if (resumed != null && choice.backend().onHost()) {
            settings = settings.onHost(options.settings.given());
        }
        String asked = settings.text("model");
        if (resumed == null) {
            settings = DataDefaults.complete(settings, splits, options.settings.given().keySet());
        }
        Parts parts = settings.parts(splits);
        RunHeader.data(console, splits, parts, settings);
        stopwatch.lap("data");
        try (Trainer trainer =
                Trainer.open(
                        settings.config(parts.train().shape()),
                        choice.backend(),
                        settings.options())) {
            if (trainer.executor().notice() != null) {
                console.about("", trainer.executor().notice());
            }
            String engine = trainer.executor().engine(parts.train());
            if (engine != null) {
                console.about("engine", engine);
            }
            console.about(
                    "model",
                    settings.text("model")
                            + (settings.text("model").equals(asked)
                                    ? ""
                                    : "; last layer sized to the data"));
            console.about("", RunHeader.memory(trainer.plan()));
            console.about("config", RunHeader.config(settings, trainer.config()));
            String stopping = RunHeader.stopping(settings, trainer.config(), parts);
            if (stopping != null) {
                console.about("stopping", stopping);
            }
            stopwatch.lap("device");
            if (timing != null) {
                timing.opened(trainer);
                trainer.tellFirstStep().listen(timing);
            }
            train(trainer, splits, parts);
            String taken = trainer.executor().engine(parts.train());
            if (engine != null && !engine.equals(taken)) {
                console.about("engine", "in the end " + taken);
            }
        }
    }

    /** Finds the settings: the options', or those of the run that is resumed. */
    private void settle() {
        Map<String, String> given = options.settings.given();
        if (options.keep < 0) {
            throw usage("keep %d: give 0 or more", options.keep);
        }
        options.gallery.check();
        if (options.dryRun
                && (options.out != null
                        || options.resume != null
                        || options.save != null
                        || options.report != null)) {
            throw usage("--dry-run keeps nothing: leave --out, --resume, --save and --report out");
        }
        if (options.save != null) {
            AtomicFile.check(options.save);
        }
        if (options.report != null) {
            AtomicFile.check(options.report);
        }
        if (options.resume == null) {
            settings = settings.with(given);
            if (settings.config(1).earlyStopping() != null) {
                settings = settings.validated(given.keySet());
            }
            if (options.dryRun) {
                settings = settings.forOneBatch();
            }
            if (options.out != null) {
                RunFolder.check(options.out);
            }
            return;
        }
        if (options.out != null) {
            throw usage(
                    "--out %s and --resume %s: a resumed run stays in its folder, leave --out out",
                    options.out, options.resume);
        }
        resumed = RunFolder.resume(options.resume, List.of(), options.keep);
        folder = resumed.run();
        settings = RunSettings.ofRun(resumed.settings());
        settings.refuseOthers(given, options.resume.toString());
        settings = settings.with(given);
    }

    private void train(Trainer trainer, Splits splits, Parts parts) {
        DeviceDataset.checkTargets(trainer.plan(), parts.train());
        DeviceDataset.checkTargets(trainer.plan(), parts.test());
        RunReport report =
                new RunReport(trainer, settings.backend(), splits.description(), settings.epochs())
                        .parts(parts);
        try (RunPages pages = new RunPages(console, options, trainer, report)) {
            open(trainer, parts.train());
            if (resumed != null) {
                report.resumedAfter(resumed.checkpoint().epochs().size());
            }
            if (folder != null) {
                if (folder.notice() != null) {
                    console.about("note", folder.notice());
                }
                trainer.listen(new Saving(folder, report));
            }
            trainer.listen(progressLine(trainer, parts.train()));
            History history =
                    interrupts.during(
                            () -> trainer.fit(parts.train(), parts.validation(), settings.epochs()),
                            trainer::interrupt);
            stopwatch.lap(timing == null ? "training" : "steps");
            if (history.end() == History.End.INTERRUPTED) {
                throw interrupted(trainer);
            }
            Evaluation evaluation = trainer.evaluate(parts.test());
            stopwatch.lap("evaluation");
            console.line(TextReport.of("test", evaluation));
            options.gallery.print(console, evaluation, parts.test());
            report.end(history).test(evaluation).seconds(stopwatch.seconds());
            Map<String, Double> where = timing == null ? null : timing.seconds();
            if (timing != null) {
                report.timing(timing.json(where));
            }
            keep(trainer, parts, report);
            pages.finished(evaluation, parts.test());
            if (timing == null) {
                console.about("seconds", RunHeader.seconds(stopwatch.seconds()));
            } else {
                timing.print(console, where, trainer);
            }
            checkTarget(evaluation);
        }
    }

    private void keep(Trainer trainer, Parts parts, RunReport report) {
        if (options.save != null) {
            ModelFile.write(
                    options.save,
                    new ModelFile.SavedModel(
                            trainer.config().model(),
                            trainer.config().loss(),
                            trainer.parameters(),
                            parts.train().classes(),
                            RunSettings.notes(settings.texts(), settings.seed())));
            console.about("saved", options.save.toString());
        }
        if (folder != null) {
            folder.writeRun(report.json());
            console.about("run", folder.folder().toString());
        }
    }

    private void checkTarget(Evaluation evaluation) {
        if (options.target != null && evaluation.accuracy() < options.target) {
            throw new QuernException(
                    QuernException.Kind.TARGET,
                    format(
                            "test accuracy %.4f is below the target %s",
                            evaluation.accuracy(), options.target));
        }
    }

    /** Opens the run's folder, if it has one, with a first checkpoint in it. */
    private void open(Trainer trainer, Dataset train) {
        if (resumed != null) {
            String was = resumed.settings().get(FINGERPRINT);
            String is = DataFingerprint.of(train);
            if (!is.equals(was)) {
                throw data(
                        "%s was trained on other data (%s, not %s): resume it with the same data",
                        options.resume, was, is);
            }
            resumed.restore(trainer);
            folder = folder.withClasses(train.classes());
        } else if (options.out != null) {
            Map<String, String> saved = new LinkedHashMap<>(settings.texts());
            saved.put(FINGERPRINT, DataFingerprint.of(train));
            folder = RunFolder.create(options.out, saved, train.classes(), options.keep);
            folder.saveState(trainer);
        }
    }

    @Override
    public void close() {
        if (folder != null) {
            folder.close();
        }
    }

    private ProgressLine progressLine(Trainer trainer, Dataset train) {
        return new ProgressLine(
                console,
                train.shape().length > 1 ? "images" : "rows",
                train.hasLabels(),
                train.rows(),
                settings.epochs());
    }

    private QuernException interrupted(Trainer trainer) {
        String where =
                format(
                        "interrupted in epoch %d after step %,d",
                        trainer.checkpoint().epochs().size() + 1, trainer.step());
        if (folder == null) {
            return new QuernException(
                    QuernException.Kind.INTERRUPTED,
                    where + "; nothing was kept (--out RUN keeps checkpoints)");
        }
        folder.saveState(trainer);
        return new QuernException(
                QuernException.Kind.INTERRUPTED,
                where + "; go on with: quern train --resume " + folder.folder());
    }
}
