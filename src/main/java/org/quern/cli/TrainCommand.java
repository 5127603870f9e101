package org.quern.cli;

import static org.quern.QuernException.data;
import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.format;

import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import org.quern.QuernException;
import org.quern.backend.Backends;
import org.quern.backend.DeviceDataset;
import org.quern.data.Dataset;
import org.quern.data.Parts;
import org.quern.data.Splits;
import org.quern.files.AtomicFile;
import org.quern.report.TextReport;
import org.quern.run.RunFolder;
import org.quern.run.RunReport;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.train.DataFingerprint;
import org.quern.train.Evaluation;
import org.quern.train.History;
import org.quern.train.Trainer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code quern train}. */
@Command(
        name = "train",
        description = "Trains a network and tests it.",
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {
            "",
            "Examples:",
            "  quern train",
            "  quern train --out runs/a --epochs 20 --validation 0.1 --early-stopping 3",
            "  quern train --watch --report report.html --gallery",
            "  quern train --data digits.csv --model \"dense 100 gelu, dense 10\"",
            "",
            "Exit codes: 0 done, 1 target missed or diverged, 2 usage, 3 data or file,",
            "4 backend, 5 device, 130 interrupted."
        })
final class TrainCommand implements Callable<Integer> {
    private static final String FINGERPRINT = "fingerprint";

    private final Console console;
    private final Interrupts interrupts;

    /** What the command line has begun already. */
    private final EagerLoad begun;

    @Mixin final SettingOptions options = new SettingOptions(Setting.Group.ofRun());

    @Option(
            names = "--out",
            paramLabel = "RUN",
            description = "Keep checkpoints, history and results in this folder.")
    Path out;

    @Option(
            names = "--resume",
            paramLabel = "RUN",
            description = "Go on with the run in this folder, with its settings.")
    Path resume;

    @Option(
            names = "--keep",
            paramLabel = "N",
            description = "Also keep the checkpoints of the last N epochs (0).")
    int keep;

    @Option(
            names = "--save",
            paramLabel = "FILE",
            description = "Write the trained model to this safetensors file.")
    Path save;

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description = "Write a page (HTML) with curves, confusion matrix and mistakes.")
    Path report;

    @Option(
            names = "--watch",
            paramLabel = "PORT",
            arity = "0..1",
            fallbackValue = "0",
            description = "Show that page while training, on this machine alone (a free port).")
    Integer watch;

    @Mixin GalleryOption gallery;

    @Option(
            names = "--target-accuracy",
            paramLabel = "X",
            description = "Exit with 1 if the test accuracy is below.")
    Double target;

    @Option(
            names = "--timing",
            description = "Say where the wall time went, from the process's start on.")
    boolean timing;

    @Option(
            names = "--dry-run",
            description = "One batch of everything, nothing kept: does it all fit together?")
    boolean dryRun;

    @Mixin CommonOptions common;

    private Stopwatch stopwatch;
    private WallTime times;
    private RunSettings settings;

    /** Where the run is kept, held against other runs; null if nowhere, or not yet. */
    private RunFolder folder;

    TrainCommand(Console console, Interrupts interrupts, EagerLoad begun) {
        this.console = console;
        this.interrupts = interrupts;
        this.begun = begun;
    }

    @Override
    public Integer call() {
        stopwatch = new Stopwatch(console);
        times = timing ? new WallTime(stopwatch) : null;
        try {
            check();
            settings = resume == null ? asked() : resumed();
            train();
        } finally {
            if (folder != null) {
                folder.close();
            }
        }
        return 0;
    }

    private void check() {
        if (keep < 0) {
            throw usage("keep %d: give 0 or more", keep);
        }
        gallery.check();
        if (dryRun && (out != null || resume != null || save != null || report != null)) {
            throw usage("--dry-run keeps nothing: leave --out, --resume, --save and --report out");
        }
        if (save != null) {
            AtomicFile.check(save);
        }
        if (report != null) {
            AtomicFile.check(report);
        }
    }

    private RunSettings asked() {
        RunSettings asked = options.settings();
        if (asked.get(Setting.EARLY_STOPPING) > 0) {
            asked = asked.validated();
        }
        if (out != null) {
            RunFolder.check(out);
        }
        return dryRun ? asked.forOneBatch() : asked;
    }

    private RunSettings resumed() {
        if (out != null) {
            throw usage(
                    "--out %s and --resume %s: a resumed run stays in its folder, leave --out out",
                    out, resume);
        }
        folder = RunFolder.resume(resume, keep);
        Map<String, Object> given = options.given();
        RunSettings saved = RunSettings.DEFAULT.settled(folder.settings());
        saved.refuseOthers(given, resume.toString());
        return saved.with(given);
    }

    private void train() {
        DataSource source = new DataSource(console);
        String located = source.locate(settings.get(Setting.DATA));
        settings = settings.settled(Map.of("data", located));
        RunSettings reading = settings;
        EagerLoad.Loading loading = begun.loading(located);
        if (loading == null) {
            loading = new EagerLoad.Loading(() -> source.read(reading, reading.get(Setting.DATA)));
        }
        Backends.Choice choice = settings.choose();
        console.about("device", choice.text());
        stopwatch.lap("device");
        long waiting = System.nanoTime();
        Splits splits = loading.join();
        if (times != null) {
            times.data(loading.nanos(), System.nanoTime() - waiting);
        }
        settings = settings.settled(Map.of("backend", choice.backend().name()));
        if (resume != null && choice.backend().onHost()) {
            settings = settings.onHost();
        }
        String wanted = settings.get(Setting.MODEL);
        if (resume == null) {
            settings = settings.on(splits);
        }
        Parts parts = settings.parts(splits);
        RunHeader.data(console, splits, parts, settings);
        stopwatch.lap("data");
        try (Trainer trainer = settings.open(parts, choice.backend())) {
            if (trainer.executor().notice() != null) {
                console.about("", trainer.executor().notice());
            }
            String engine = trainer.executor().engine(parts.train());
            if (engine != null) {
                console.about("engine", engine);
            }
            String model = settings.get(Setting.MODEL);
            console.about(
                    "model",
                    model + (model.equals(wanted) ? "" : "; last layer sized to the data"));
            console.about("", RunHeader.memory(trainer.plan()));
            console.about("config", RunHeader.config(settings, trainer.config()));
            String stopping = RunHeader.stopping(settings, trainer.config(), parts);
            if (stopping != null) {
                console.about("stopping", stopping);
            }
            stopwatch.lap("device");
            if (times != null) {
                times.opened(trainer);
                trainer.listen(times);
            }
            train(trainer, splits, parts);
            String taken = trainer.executor().engine(parts.train());
            if (engine != null && !engine.equals(taken)) {
                console.about("engine", "in the end " + taken);
            }
        }
    }

    private void train(Trainer trainer, Splits splits, Parts parts) {
        DeviceDataset.checkTargets(trainer.plan(), parts.train());
        DeviceDataset.checkTargets(trainer.plan(), parts.test());
        int epochs = settings.get(Setting.EPOCHS);
        RunReport told =
                new RunReport(trainer, settings.get(Setting.BACKEND), splits.description(), epochs)
                        .parts(parts);
        try (RunPages pages = new RunPages(console, this, trainer, told)) {
            open(trainer, parts.train());
            if (resume != null) {
                told.with("resumedAfter", folder.checkpoint().epochs().size());
            }
            if (folder != null) {
                if (folder.notice() != null) {
                    console.about("note", folder.notice());
                }
                trainer.listen(folder.saving(told));
            }
            trainer.listen(
                    new ProgressLine(
                            console,
                            parts.train().shape().length > 1 ? "images" : "rows",
                            parts.train().hasLabels(),
                            parts.train().rows(),
                            epochs));
            History history =
                    interrupts.during(
                            () -> trainer.fit(parts.train(), parts.validation(), epochs),
                            trainer::interrupt);
            stopwatch.lap(times == null ? "training" : "steps");
            if (history.end() == History.End.INTERRUPTED) {
                throw interrupted(trainer);
            }
            Evaluation evaluation = trainer.evaluate(parts.test());
            stopwatch.lap("evaluation");
            console.line(TextReport.of("test", evaluation));
            gallery.print(console, evaluation, parts.test());
            told.end(history).test(evaluation).with("seconds", stopwatch.seconds());
            Map<String, Double> where = times == null ? null : times.seconds();
            if (times != null) {
                told.with("timing", times.json(where));
            }
            keep(trainer, parts, told);
            pages.finished(evaluation, parts.test());
            if (times == null) {
                console.about("seconds", RunHeader.seconds(stopwatch.seconds()));
            } else {
                times.print(console, where, trainer);
            }
            if (target != null && evaluation.accuracy() < target) {
                throw new QuernException(
                        QuernException.Kind.TARGET,
                        format(
                                "test accuracy %.4f is below the target %s",
                                evaluation.accuracy(), target));
            }
        }
    }

    /** Opens the run's folder, if it has one, with a first checkpoint in it. */
    private void open(Trainer trainer, Dataset train) {
        String is = DataFingerprint.of(train);
        if (resume != null) {
            String was = folder.settings().get(FINGERPRINT);
            if (!is.equals(was)) {
                throw data(
                        "%s was trained on other data (%s, not %s): resume it with the same data",
                        resume, was, is);
            }
            folder.restore(trainer, train.classes());
        } else if (out != null) {
            Map<String, String> saved = settings.texts();
            saved.put(FINGERPRINT, is);
            folder = RunFolder.create(out, saved, train.classes(), keep);
            folder.saveState(trainer);
        }
    }

    private void keep(Trainer trainer, Parts parts, RunReport told) {
        if (save != null) {
            RunFolder.writeModel(
                    save,
                    trainer,
                    trainer.parameters(),
                    parts.train().classes(),
                    settings.texts(),
                    Map.of());
            console.about("saved", save.toString());
        }
        if (folder != null) {
            folder.writeRun(told.json());
            console.about("run", folder.folder().toString());
        }
    }

    private QuernException interrupted(Trainer trainer) {
        String where =
                format(
                        "interrupted in epoch %d after step %,d",
                        trainer.checkpoint().epochs().size() + 1, trainer.step());
        if (folder != null) {
            folder.saveState(trainer);
        }
        return new QuernException(
                QuernException.Kind.INTERRUPTED,
                where
                        + (folder == null
                                ? "; nothing was kept (--out RUN keeps checkpoints)"
                                : "; go on with: quern train --resume " + folder.folder()));
    }
}
