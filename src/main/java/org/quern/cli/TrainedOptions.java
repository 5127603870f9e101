package org.quern.cli;

import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.format;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.report.DataText;
import org.quern.report.TextReport;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.TrainedModel;
import org.quern.train.Evaluation;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The options that say which trained model is meant, and on which data. */
final class TrainedOptions {
    @Mixin Source source;

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description = "As for train. Default: the run's data, else MNIST.")
    String data;

    @Mixin SettingOptions.Table table;

    @Option(
            names = "--split",
            paramLabel = "PART",
            description = "test or train: which rows of the data (test).")
    Part part = Part.TEST;

    @Mixin SettingOptions.Running running;

    enum Part {
        TEST,
        TRAIN
    }

    /** Which trained model is meant. */
    static final class Source {
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
                        "For a file without class names: those of the outputs, in their order"
                                + " (their numbers from 0).")
        List<String> classes = List.of();

        TrainedModel open() {
            TrainedModel model =
                    network.given().isEmpty()
                            ? TrainedModel.open(path)
                            : TrainedModel.open(path, network.settings().config(input).model());
            return classes.isEmpty() ? model : model.named(classes);
        }
    }

    /** Whether mistakes are shown as pictures. */
    static final class Gallery {
        @Option(
                names = "--gallery",
                paramLabel = "N",
                arity = "0..1",
                fallbackValue = "10",
                description = "Show the N surest mistakes as pictures (10).")
        Integer count;

        void check() {
            if (count != null && count < 1) {
                throw usage("gallery %d: give 1 or more", count);
            }
        }

        void print(Console console, Evaluation evaluation, Dataset rows) {
            if (count != null) {
                console.line("");
                console.line(TextReport.gallery(evaluation, rows, count, console.colour()));
            }
        }
    }

    /** Rows to measure a model on, and how they were read, as the end of a line. */
    record Rows(Dataset set, String reading) {
        String text() {
            return format("%s, %,d rows%s", set.name(), set.rows(), reading);
        }
    }

    /** The rows that are meant, in the model's classes. */
    Rows rows(TrainedModel trained, Console console) {
        boolean own = trained.fromRun() && data == null;
        String path = own ? trained.settings().get(Setting.DATA) : data == null ? "" : data;
        RunSettings reading = own ? trained.settings().with(table.given()) : table(trained);
        Splits splits = DataSource.read(reading, DataSource.locate(console, path));
        return new Rows(trained.rows(splits, part == Part.TEST, own), DataText.reading(splits));
    }

    /** What is known of a table that is not the run's own: the model's label, if none is given. */
    RunSettings table(TrainedModel trained) {
        return RunSettings.DEFAULT
                .with(Map.of("label", trained.settings().get(Setting.LABEL)))
                .with(table.given());
    }
}
