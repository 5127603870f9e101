package org.quern.cli;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.train.Predictor;
import org.quern.train.RunSettings;
import org.quern.train.TrainedModel;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The options that say which trained model is meant, and on which data. */
final class TrainedOptions {
    @Parameters(
            index = "0",
            paramLabel = "MODEL|RUN",
            description = "A safetensors file or a run's folder.")
    Path path;

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description = "As for train. Default: the run's data, else MNIST.")
    String data;

    @Option(
            names = "--label",
            paramLabel = "COLUMN",
            description = "For CSV: name or index of the label's column.")
    String label;

    @Option(
            names = "--split",
            paramLabel = "PART",
            description = "test or train: which rows of the data (test).")
    Part part = Part.TEST;

    @Mixin ModelOptions layers;

    @Option(
            names = "--input",
            paramLabel = "EXTENTS",
            split = "x",
            description = "With --model: shape of one example (28x28).")
    int[] input = {28, 28};

    @Mixin BackendOptions running;

    /** Rows of a data set. */
    enum Part {
        TEST,
        TRAIN
    }

    /** Reads the model. */
    TrainedModel open() {
        Map<String, String> given = layers.given();
        return given.isEmpty()
                ? TrainedModel.open(path)
                : TrainedModel.open(path, RunSettings.DEFAULT.with(given).config(input).model());
    }

    /** The rows that are meant, in the model's classes. */
    Dataset rows(TrainedModel trained, DataSource source) {
        RunSettings settings = trained.settings();
        boolean own = trained.fromRun() && data == null;
        String path = own ? settings.data() : data == null ? "" : data;
        String column = own ? settings.label() : label == null ? "" : label;
        Splits splits = source.read(source.locate(path), column);
        return trained.rows(splits, part == Part.TEST, own);
    }

    /** The name of the rows that are meant. */
    String partName() {
        return part.name().toLowerCase(Locale.ROOT);
    }

    /** Loads the model onto the backend. */
    Predictor predictor(TrainedModel trained) {
        return new Predictor(
                trained.saved().model(),
                trained.saved().loss(),
                trained.saved().parameters(),
                running.choose().backend(),
                running.options());
    }
}
