package org.quern.cli;

import java.nio.file.Path;
import java.util.List;
import org.quern.run.TrainedModel;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The options that say which trained model is meant. */
final class ModelSource {
    @Parameters(
            index = "0",
            paramLabel = "MODEL|RUN",
            description = "A safetensors file or a run's folder.")
    Path path;

    @Mixin SettingOptions.Network network;

    @Option(
            names = "--input",
            paramLabel = "EXTENTS",
            split = "x",
            description = "With --model: shape of one example (28x28).")
    int[] input = {28, 28};

    @Option(
            names = "--classes",
            paramLabel = "NAMES",
            split = ",",
            description =
                    "For a file without class names: those of the outputs, in their order (their"
                            + " numbers from 0).")
    List<String> classes = List.of();

    /** Reads the model. */
    TrainedModel open() {
        TrainedModel model =
                network.given().isEmpty()
                        ? TrainedModel.open(path)
                        : TrainedModel.open(path, network.settings().config(input).model());
        return classes.isEmpty() ? model : model.named(classes);
    }
}
