package org.quern.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import org.quern.run.RunSettings;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/**
 * The options that decide what a run computes, each a setting of {@link RunSettings} of the same
 * name. What was not given is null.
 */
final class SettingOptions {
    @Spec(Target.MIXEE)
    CommandSpec command;

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description =
                    "MNIST's folder, an .npz or .csv file, or a folder of images for each class."
                            + " Default: MNIST, else generated digits.")
    String data;

    @Mixin TableOptions table;

    @Option(names = "--limit", paramLabel = "N", description = "Train on N rows only.")
    Integer limit;

    @Option(
            names = "--split",
            paramLabel = "FRACTION",
            description = "Rows to test on, where the data has no test rows (0.2).")
    Double split;

    @Option(
            names = "--validation",
            paramLabel = "FRACTION",
            description =
                    "Training rows to validate on after each epoch (0; 0.1 for early stopping).")
    Double validation;

    @Option(
            names = "--overfit",
            paramLabel = "N",
            description = "Train and test on the same N rows: can the model learn them at all?")
    Integer overfit;

    @Mixin ModelOptions layers;

    @Option(
            names = "--outputs",
            paramLabel = "N",
            description = "Outputs of the model (one for each class).")
    Integer outputs;

    @Option(
            names = "--loss",
            paramLabel = "NAME",
            description = "cross-entropy or mse (cross-entropy).")
    String loss;

    @Option(names = "--optimizer", paramLabel = "NAME", description = "adam or sgd (adam).")
    String optimizer;

    @Option(names = "--lr", paramLabel = "RATE", description = "Learning rate (0.001).")
    Double lr;

    @Option(
            names = "--schedule",
            paramLabel = "TEXT",
            description =
                    "constant, \"step EPOCHS FACTOR\" or cosine; \"warmup STEPS\" may stand"
                            + " before it (constant).")
    String schedule;

    @Option(names = "--beta1", paramLabel = "X", description = "Adam's decay of the mean (0.9).")
    Double beta1;

    @Option(
            names = "--beta2",
            paramLabel = "X",
            description = "Adam's decay of the mean square (0.999).")
    Double beta2;

    @Option(names = "--epsilon", paramLabel = "X", description = "Adam's epsilon (1e-7).")
    Double epsilon;

    @Option(names = "--momentum", paramLabel = "X", description = "SGD's momentum (0).")
    Double momentum;

    @Option(names = "--weight-decay", paramLabel = "X", description = "Decoupled weight decay (0).")
    Double weightDecay;

    @Option(names = "--batch", paramLabel = "N", description = "Rows of a batch (32).")
    Integer batch;

    @Option(names = "--epochs", paramLabel = "N", description = "Times all rows are seen (5).")
    Integer epochs;

    @Option(
            names = "--early-stopping",
            paramLabel = "N",
            description =
                    "Stop after N epochs without a better validation loss (off); with"
                            + " --validation 0, training loss.")
    Integer earlyStopping;

    @Option(
            names = "--min-delta",
            paramLabel = "X",
            description = "Least improvement that counts for it (0).")
    Double minDelta;

    @Option(
            names = "--distort",
            paramLabel = "TEXT",
            description =
                    "Draw images anew for each epoch: such as \"rotate 10, scale 0.1, shift 1,"
                            + " bend 2\", in degrees, parts and pixels (none).")
    String distort;

    @Option(names = "--seed", paramLabel = "N", description = "Key of all that is random (1).")
    Long seed;

    @Mixin BackendOptions running;

    /** The settings that were given, by name. */
    Map<String, String> given() {
        Map<String, String> given = new LinkedHashMap<>();
        for (OptionSpec option : command.commandLine().getParseResult().matchedOptions()) {
            String name = option.longestName().substring(2);
            if (RunSettings.has(name) || name.equals("recipe")) {
                given.put(name, option.getValue().toString());
            }
        }
        return given;
    }
}
