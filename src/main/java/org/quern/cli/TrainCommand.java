package org.quern.cli;

import static java.util.stream.Collectors.joining;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.format;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.QuernException.Kind;
import org.quern.backend.Backends;
import org.quern.data.Splits;
import org.quern.io.ModelFile;
import org.quern.report.SweepText;
import org.quern.report.TextReport;
import org.quern.report.page.RunPage;
import org.quern.run.RunFolder;
import org.quern.run.RunReport;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.Sweep;
import org.quern.run.SweepFolder;
import org.quern.run.TensorBoard;
import org.quern.run.Training;
import org.quern.train.Evaluation;
import org.quern.train.History;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;
import org.quern.web.LivePage;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

@Command(
        name = "train",
        description = "Trains a network and tests it.",
        footer = {
            "  quern train",
            "  quern train --out runs/a --epochs 20 --validation 0.1 --early-stopping 3",
            "  quern train --watch --report report.html --gallery",
            "  quern train --data digits.csv --model \"dense 100 gelu, dense 10\"",
            "",
            "Exit codes: 0 done, 1 target missed or diverged, 2 usage, 3 data or file,",
            "4 backend, 5 device, 130 interrupted."
        })
final class TrainCommand implements Runnable {
    /** Options that keep or show the model of one training, or tell of it alone. */
    private static final Set<String> OF_ONE =
            Set.of(
                    "--out",
                    "--resume",
                    "--keep",
                    "--save",
                    "--report",
                    "--tensorboard",
                    "--watch",
                    "--gallery",
                    "--timing");

    @Mixin final Options.Settings options = new Options.Settings(false, Setting.Group.ofRun());

    @Option(
            names = "--out",
            paramLabel = "RUN",
            description = "Keep checkpoints, history and results in this folder.")
    Path out;

    @Option(
            names = "--resume",
            paramLabel = "RUN",
            description = "Continue the run in this folder, with its settings.")
    Path resume;

    @Option(
            names = "--auto-resume",
            description = "Go on with the run in --out, if there is one: a command to repeat.")
    boolean autoResume;

    @Option(
            names = "--keep",
            paramLabel = "N",
            description = "Also keep the checkpoints of the last N epochs (0).")
    Integer keep;

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

    @Option(
            names = "--tensorboard",
            paramLabel = "DIR",
            description = "Write events for TensorBoard to this folder.")
    Path tensorboard;

    @Mixin ModelOptions.Gallery gallery;

    @Option(
            names = "--target-accuracy",
            paramLabel = "X",
            description = "Exit with 1 if the test accuracy, or R2 of numbers, is below.")
    Double target;

    @Option(
            names = "--timing",
            description = "Say where the wall time went, from the process's start on.")
    boolean timing;

    @Option(names = "--dry-run", description = "Run one batch to check the setup; save nothing.")
    boolean dryRun;

    @Mixin final Options.Trains trains = new Options.Trains();

    @Mixin Options.Common common;

    private Console console;
    private WallTime times;
    private RunSettings settings;

    /** Where the run is kept, held against other runs; null if nowhere, or not yet. */
    private RunFolder folder;

    @Override
    public void run() {
        console = trains.console(common);
        times = new WallTime(console, timing);
        expect(keep == null || keep >= 0, "keep %d: give 0 or more", keep);
        gallery.check();
        String fraction = "target-accuracy %s: give a fraction, such as 0.95";
        expect(target == null || target <= 1, fraction, target);
        expect(!autoResume || out != null, "--auto-resume goes with --out RUN");
        if (autoResume && resume == null && RunFolder.holdsRun(out)) {
            resume = out;
            out = null;
        }
        boolean keeps =
                Stream.of(out, resume, save, report, tensorboard).anyMatch(Objects::nonNull);
        if (dryRun && keeps) {
            throw usage(
                    "--dry-run keeps nothing: leave --out, --resume, --save, --report and"
                            + " --tensorboard out");
        }
        Path data = Options.path(options.settings().get(Setting.DATA));
        Stream.of(save, report)
                .filter(Objects::nonNull)
                .filter(file -> out == null || !out.equals(file.getParent())) // made by then
                .forEach(file -> Options.checkOutputs(Arrays.asList(data, resume), file));
        if (tensorboard != null) {
            TensorBoard.check(tensorboard);
        }
        if (options.settings().get(Setting.FOLDS) > 0) {
            checkFolds();
        }
        try {
            settings = resume == null ? asked() : resumed();
            train();
        } finally {
            if (folder != null) {
                folder.close();
            }
        }
    }

    /** Refuses what keeps or shows the model of one training. */
    private void checkFolds() {
        String given =
                common.command.commandLine().getParseResult().matchedOptions().stream()
                        .map(OptionSpec::longestName)
                        .filter(OF_ONE::contains)
                        .collect(joining(" and "));
        expect(given.isEmpty(), "--folds keeps no model of its trainings: drop %s", given);
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
                    "--out %s and --resume %s: a resumed run stays in its folder, drop --out",
                    out, resume);
        }
        folder = RunFolder.resume(resume, keep);
        SweepFolder.refuseTraining(folder);
        return RunSettings.resumed(folder.settings(), options.given(), resume);
    }

    private void train() {
        String located = DataSource.locate(console, settings.get(Setting.DATA));
        settings = settings.settled(Map.of("data", located));
        DataSource.Loading loading = DataSource.load(common.quern().begun, located, settings);
        Backends.Choice choice = settings.choose();
        console.about("device", choice.text());
        times.lap("device");
        long waiting = System.nanoTime();
        Splits splits = loading.join();
        times.data(loading.nanos, System.nanoTime() - waiting);
        settings = settings.settled(Map.of("backend", choice.backend().name()));
        String wanted = settings.get(Setting.MODEL);
        if (resume == null) {
            settings = settings.on(splits);
        } else if (choice.backend().onHost()) {
            settings = settings.onHost();
        }
        boolean folds = settings.get(Setting.FOLDS) > 0;
        Splits parts = settings.parts(splits, folds ? 1 : 0);
        RunHeader.data(console, splits, parts, settings);
        times.lap("data");
        try (Training training = new Training(settings, parts, choice.backend())) {
            Trainer trainer = training.trainer();
            if (trainer.executor().notice() != null) {
                console.about("", trainer.executor().notice());
            }
            String engine = trainer.executor().engine(training.rows());
            if (engine != null) {
                console.about("engine", engine);
            }
            String model = settings.get(Setting.MODEL);
            String sized = model.equals(wanted) ? "" : "; last layer sized to the data";
            console.about("model", model + sized);
            RunHeader.training(console, settings, trainer, parts);
            times.opened(trainer);
            if (!folds) {
                train(training, splits.description());
                String taken = trainer.executor().engine(training.rows());
                if (engine != null && !engine.equals(taken)) {
                    console.about("engine", "in the end " + taken);
                }
            }
        }
        if (folds) {
            crossValidate(splits, choice);
        }
    }

    /** A training for each fold, side by side. */
    private void crossValidate(Splits splits, Backends.Choice choice) {
        List<Sweep.Member> members = Sweep.members(settings, Map.of());
        Sweep sweep = new Sweep(splits, choice.backend(), settings.get(Setting.THREADS));
        String how = format("; %,d at a time, no model is kept", sweep.sideBySide(members).most());
        RunHeader.folds(console, splits, settings, how);
        Consumer<Sweep.Result> tell =
                result -> {
                    if (!trains.quiet) {
                        console.line(SweepText.fold(result));
                    }
                };
        List<Sweep.Result> results =
                common.quern().interrupts.during(() -> sweep.run(members, tell), sweep::stop);
        String done = format("%,d of %,d folds are done", results.size(), members.size());
        if (results.size() < members.size()) {
            throw new QuernException(Kind.INTERRUPTED, "interrupted: " + done);
        }
        long failed = results.stream().filter(result -> result.failure() != null).count();
        if (failed > 0) {
            String text = "%,d of %,d folds diverged: there is no mean";
            throw new QuernException(Kind.TARGET, format(text, failed, results.size()));
        }
        console.show(console.look().bold(SweepText.folds(results)));
        checkTarget(SweepText.accuracy(results));
    }

    private void train(Training training, String data) {
        Trainer trainer = training.trainer();
        String backend = settings.get(Setting.BACKEND);
        RunReport told = RunReport.of(training, backend, data, common.words());
        try (LivePage live = watch == null ? null : live(training, told);
                TensorBoard events = tensorboard == null ? null : events()) {
            try {
                if (events != null) {
                    trainer.listen(events);
                }
                train(training, told, live);
            } catch (QuernException e) {
                if (live != null) {
                    live.stop(e);
                }
                throw e;
            }
        }
    }

    /** From the first file of the run's folder on: who interrupts it is told how to go on. */
    private History fit(Training training, RunReport told) {
        Trainer trainer = training.trainer();
        Splits parts = training.parts();
        int epochs = settings.get(Setting.EPOCHS);
        open(trainer, parts);
        if (resume != null) {
            resume(told);
        }
        if (folder != null) {
            if (folder.notice() != null) {
                console.note(folder.notice());
            }
            trainer.listen(folder.saving(told, console::error));
        }
        if (!trains.quiet) {
            trainer.listen(
                    new ProgressLine(
                            new Console.RedrawnLine(console),
                            training.rows(),
                            trainer.config().loss(),
                            epochs));
        }
        if (parts.validation() != null && epochs > 1) {
            console.about("", "* marks the lowest validation loss so far");
        }
        return training.fit();
    }

    private void train(Training training, RunReport told, LivePage live) {
        Trainer trainer = training.trainer();
        Splits parts = training.parts();
        History history =
                common.quern().interrupts.during(() -> fit(training, told), trainer::interrupt);
        times.trained();
        if (history.end() == History.End.INTERRUPTED) {
            throw interrupted(trainer);
        }
        told.end(history);
        if (parts.validation() != null || settings.get(Setting.EARLY_STOPPING) > 0) {
            console.about("tested", told.tested() + cure(history));
        }
        Evaluation evaluation = training.test();
        times.lap("evaluation");
        console.show(TextReport.of("test", evaluation, console.look()));
        gallery.print(console, evaluation, parts.test());
        times.tell(told.test(evaluation));
        save(training);
        if (live != null || report != null) {
            RunPage page = page(trainer, told).test(evaluation, parts.test());
            page.weights(trainer.parameters());
            if (live != null) {
                live.end(page);
            }
            if (report != null) {
                ModelCommands.writePage(console, report, page.html());
            }
        }
        times.print(trainer);
        keep(trainer, told);
        checkTarget(evaluation.score());
    }

    /** How the best weights would be tested, where the last ones are. */
    private String cure(History history) {
        if (history.bestEpoch() == history.epochs().size()
                || settings.get(Setting.EARLY_STOPPING) > 0) {
            return "";
        }
        return folder == null
                ? " (--early-stopping takes the best)"
                : " (quern evaluate --use best takes it)";
    }

    private void checkTarget(double score) {
        if (target != null && score < target) {
            String what = settings.loss().takesLogits() ? "accuracy" : "R2";
            String missed = "test %s %.4f is below the target %s";
            throw new QuernException(Kind.TARGET, format(missed, what, score, target));
        }
    }

    private LivePage live(Training training, RunReport told) {
        Trainer trainer = training.trainer();
        LivePage live =
                new LivePage(watch, page(trainer, told), told.curve(), training.rows().rows());
        console.about("watch", live.address());
        trainer.listen(live);
        return live;
    }

    private TensorBoard events() {
        boolean classifies = settings.loss().takesLogits();
        TensorBoard events = new TensorBoard(tensorboard, classifies, console::error);
        console.about("events", "%s (tensorboard --logdir %1$s)", tensorboard);
        return events;
    }

    private RunPage page(Trainer trainer, RunReport told) {
        String title = ModelCommands.title(resume == null ? out : resume);
        TrainingConfig config = trainer.config();
        return new RunPage(title, told.values(), config.model(), config.loss());
    }

    private void open(Trainer trainer, Splits parts) {
        if (resume != null) {
            folder.restore(trainer, parts);
        } else if (out != null) {
            Map<String, String> texts = settings.texts(options.given());
            folder = RunFolder.create(out, texts, parts, keep == null ? 0 : keep);
            folder.saveState(trainer);
        }
    }

    private void resume(RunReport told) {
        int epochs = folder.checkpoint().epochs().size();
        told.with("resumedAfter", epochs);
        if (epochs > 0) {
            try {
                told.resumed(RunFolder.readRun(resume), epochs);
            } catch (QuernException e) {
                console.note("the curves of the steps begin anew: " + e.getMessage());
            }
        }
    }

    private void save(Training training) {
        if (save != null) {
            ModelFile.write(save, training.model());
            console.about("saved", save.toString());
        }
    }

    /** Last of all: a run that cannot be kept has still told what it has to tell. */
    private void keep(Trainer trainer, RunReport told) {
        if (folder != null) {
            folder.saveAtLast(trainer);
            folder.writeRun(told.json());
            console.about("run", folder.folder().toString());
        }
    }

    private QuernException interrupted(Trainer trainer) {
        int epoch = trainer.checkpoint().epochs().size() + 1;
        String kept = "nothing was kept (--out RUN keeps checkpoints)";
        if (folder != null) {
            folder.saveState(trainer);
            kept = "go on with: quern train --resume " + folder.folder();
        }
        String where = "interrupted in epoch %d after step %,d; %s";
        return new QuernException(Kind.INTERRUPTED, format(where, epoch, trainer.step(), kept));
    }
}
