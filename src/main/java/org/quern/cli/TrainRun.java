package org.quern.cli;

import static org.quern.QuernException.data;
import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.format;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.QuernException;
import org.quern.backend.Backends;
import org.quern.backend.Resident;
import org.quern.data.Dataset;
import org.quern.data.Parts;
import org.quern.data.Splits;
import org.quern.io.AtomicFile;
import org.quern.io.ModelFile;
import org.quern.report.TextReport;
import org.quern.train.DataFingerprint;
import org.quern.train.Evaluation;
import org.quern.train.History;
import org.quern.train.RunFolder;
import org.quern.train.RunReport;
import org.quern.train.RunSettings;
import org.quern.train.Trainer;

/** One call of {@code quern train}, from its options to its last line. */
final class TrainRun {
    private static final String FINGERPRINT = "fingerprint";

    private final Console console;
    private final Interrupts interrupts;
    private final TrainCommand options;
    private final Stopwatch stopwatch;
    private final Timing timing;
    private RunSettings settings = RunSettings.DEFAULT;
    private RunFolder.Resumed resumed;

    TrainRun(Console console, Interrupts interrupts, TrainCommand options) {
        this.console = console;
        this.interrupts = interrupts;
        this.options = options;
        stopwatch = new Stopwatch(console);
        timing = options.timing ? new Timing(stopwatch) : null;
    }

    void run() {
        settle();
        DataSource source = new DataSource(console);
        settings = settings.with(Map.of("data", source.locate(settings.data())));
        Loading begun = options.begun.loading(settings.data());
        Loading loading =
                begun != null
                        ? begun
                        : Loading.of(() -> source.read(settings.data(), settings.label()));
        Backends.Choice choice = Backends.choose(settings.backend(), settings.options().device());
        console.about("device", choice.backend().name() + ": " + choice.reason());
        choice.backend().prepare(settings.options());
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
        if (resumed == null && !options.settings.scaled() && !splits.train().isPixels()) {
            settings = settings.with(Map.of("scale", "1.0"));
        }
        Parts parts = settings.parts(splits);
        console.about("data", Headlines.data(splits.description(), parts));
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
            console.about("model", trainer.config().model().text());
            console.about("", Headlines.memory(trainer.plan()));
            console.about("config", Headlines.config(settings, trainer.config()));
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
        settings = RunSettings.ofRun(resumed.settings());
        settings.refuseOthers(given, options.resume.toString());
        settings = settings.with(given);
    }

    private void train(Trainer trainer, Splits splits, Parts parts) {
        Resident.checkTargets(trainer.plan(), parts.train());
        Resident.checkTargets(trainer.plan(), parts.test());
        RunReport report =
                new RunReport(trainer, settings.backend(), splits.description(), settings.epochs())
                        .parts(parts);
        try (RunPages pages = new RunPages(console, options, trainer, report)) {
            RunFolder folder = folder(trainer, parts.train());
            if (resumed != null) {
                report.resumedAfter(resumed.checkpoint().epochs().size());
            }
            if (folder != null) {
                trainer.listen(new Saving(folder, report));
            }
            trainer.listen(progressLine(trainer, parts.train()));
            History history =
                    interrupts.during(
                            () -> trainer.fit(parts.train(), parts.validation(), settings.epochs()),
                            trainer::interrupt);
            stopwatch.lap(timing == null ? "training" : "steps");
            if (history.end() == History.End.INTERRUPTED) {
                throw interrupted(trainer, folder);
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
            keep(trainer, parts, folder, report);
            pages.finished(evaluation, parts.test());
            if (timing == null) {
                console.about("seconds", Headlines.seconds(stopwatch.seconds()));
            } else {
                timing.print(console, where, trainer);
            }
            checkTarget(evaluation);
        }
    }

    private void keep(Trainer trainer, Parts parts, RunFolder folder, RunReport report) {
        if (options.save != null) {
            ModelFile.write(
                    options.save,
                    new ModelFile.SavedModel(
                            trainer.config().model(),
                            trainer.config().loss(),
                            trainer.parameters(),
                            parts.train().classes(),
                            Map.of("seed", Long.toString(settings.seed()))));
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

    /** The run's folder, with a first checkpoint in it; null without one. */
    private RunFolder folder(Trainer trainer, Dataset train) {
        if (resumed != null) {
            String was = resumed.settings().get(FINGERPRINT);
            String is = DataFingerprint.of(train);
            if (!is.equals(was)) {
                throw data(
                        "%s was trained on other data (%s, not %s): resume it with the same data",
                        options.resume, was, is);
            }
            resumed.restore(trainer);
            return resumed.run().withClasses(train.classes());
        }
        if (options.out == null) {
            return null;
        }
        Map<String, String> saved = new LinkedHashMap<>(settings.texts());
        saved.put(FINGERPRINT, DataFingerprint.of(train));
        RunFolder folder = RunFolder.create(options.out, saved, train.classes(), options.keep);
        folder.saveState(trainer);
        return folder;
    }

    private ProgressLine progressLine(Trainer trainer, Dataset train) {
        return new ProgressLine(
                console,
                train.shape().length > 1 ? "images" : "rows",
                train.hasLabels(),
                train.rows(),
                settings.epochs());
    }

    private static QuernException interrupted(Trainer trainer, RunFolder folder) {
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
