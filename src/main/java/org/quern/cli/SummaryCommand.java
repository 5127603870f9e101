package org.quern.cli;

import static org.quern.QuernException.usage;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.quern.report.SummaryText;
import org.quern.run.Setting;
import org.quern.run.TrainedModel;
import org.quern.train.TrainingConfig;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code quern summary}. */
@Command(
        name = "summary",
        description = "Prints a model's layers, parameters and memory.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  quern summary",
            "  quern summary --recipe first",
            "  quern summary --input 4 --model \"dense 16 tanh, dense 3\""
        })
final class SummaryCommand implements Callable<Integer> {
    private final Console console;

    @Mixin final CommandSpec network = SettingOptions.of(Setting.Group.NETWORK);

    @Parameters(
            arity = "0..1",
            paramLabel = "MODEL|RUN",
            description = "A safetensors file or a run's folder.")
    Path file;

    @Option(
            names = "--input",
            paramLabel = "EXTENTS",
            split = "x",
            description = "Shape of one example (28x28).")
    int[] input = {28, 28};

    @Option(names = "--batch", paramLabel = "N", description = "Rows of a batch (32).")
    int batch = TrainingConfig.DEFAULT_BATCH;

    @Mixin HelpOption help;

    SummaryCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        if (file != null && !SettingOptions.given(network).isEmpty()) {
            throw usage("%s says what model it is of: leave --recipe and --model out", file);
        }
        TrainingConfig config =
                file == null
                        ? SettingOptions.settings(network).config(input)
                        : TrainingConfig.of(TrainedModel.open(file).saved().model());
        console.line(SummaryText.of(config.withBatch(batch).plan()));
        return 0;
    }
}
