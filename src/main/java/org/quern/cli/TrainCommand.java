package org.quern.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
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
    private final Console console;
    private final Interrupts interrupts;

    /** What the command line has begun already. */
    final EagerLoad begun;

    @Mixin SettingOptions settings;

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

    TrainCommand(Console console, Interrupts interrupts, EagerLoad begun) {
        this.console = console;
        this.interrupts = interrupts;
        this.begun = begun;
    }

    @Override
    public Integer call() {
        try (TrainRun run = new TrainRun(console, interrupts, this)) {
            run.run();
        }
        return 0;
    }
}
