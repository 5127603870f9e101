package org.quern.cli;

import static org.quern.report.Numbers.format;

import java.util.Locale;
import java.util.Map;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.report.DataText;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.TrainedModel;
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

    TrainedModel open() {
        return source.open();
    }

    /**
     * Rows to measure a model on.
     *
     * @param reading how they were read, as the end of a line
     */
    record Rows(Dataset set, String reading) {
        /** For the line on the data. */
        String text() {
            return format("%s, %,d rows%s", set.name(), set.rows(), reading);
        }
    }

    /** The rows that are meant, in the model's classes. */
    Rows rows(TrainedModel trained, Console console) {
        DataSource from = new DataSource(console);
        boolean own = trained.fromRun() && data == null;
        String path = own ? trained.settings().get(Setting.DATA) : data == null ? "" : data;
        Splits splits =
                from.read(
                        own ? trained.settings().with(table.given()) : table(trained),
                        from.locate(path));
        return new Rows(trained.rows(splits, part == Part.TEST, own), DataText.reading(splits));
    }

    /**
     * What is known of a CSV file that is not the run's own: the model's label, if none is given.
     */
    RunSettings table(TrainedModel trained) {
        return RunSettings.DEFAULT
                .with(Map.of("label", trained.settings().get(Setting.LABEL)))
                .with(table.given());
    }

    String partName() {
        return part.name().toLowerCase(Locale.ROOT);
    }
}
