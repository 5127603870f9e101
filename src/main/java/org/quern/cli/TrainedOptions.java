package org.quern.cli;

import java.util.Locale;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.train.Predictor;
import org.quern.train.RunSettings;
import org.quern.train.TrainedModel;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options that say which trained model is meant, and on which data. */
final class TrainedOptions {
    @Mixin ModelSource source;

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

    @Mixin BackendOptions running;

    /** Rows of a data set. */
    enum Part {
        TEST,
        TRAIN
    }

    /** Reads the model. */
    TrainedModel open() {
        return source.open();
    }

    /** The rows that are meant, in the model's classes. */
    Dataset rows(TrainedModel trained, DataSource from) {
        RunSettings settings = trained.settings();
        boolean own = trained.fromRun() && data == null;
        String path = own ? settings.data() : data == null ? "" : data;
        String column = own ? settings.label() : label == null ? "" : label;
        Splits splits = from.read(from.locate(path), column);
        return trained.rows(splits, part == Part.TEST, own);
    }

    /** The name of the rows that are meant. */
    String partName() {
        return part.name().toLowerCase(Locale.ROOT);
    }

    /** Loads the model onto the backend. */
    Predictor predictor(TrainedModel trained) {
        return running.predictor(trained.saved());
    }
}
