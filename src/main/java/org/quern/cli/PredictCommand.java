package org.quern.cli;

import static org.quern.QuernException.usage;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.quern.data.DataReader;
import org.quern.data.Dataset;
import org.quern.data.Input;
import org.quern.data.Splits;
import org.quern.report.DataText;
import org.quern.report.PredictionText;
import org.quern.run.TrainedModel;
import org.quern.train.Predictor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code quern predict}. */
@Command(
        name = "predict",
        description = "Says what a trained model takes an example for.",
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {
            "",
            "Examples:",
            "  quern predict runs/a digit.png",
            "  quern predict runs/a --index 7",
            "  quern predict iris.safetensors --csv-row 5.1,3.5,1.4,0.2"
        })
final class PredictCommand implements Callable<Integer> {
    private static final int MOST = 10;

    private final Console console;

    @Mixin TrainedOptions trained;

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "FILE",
            description =
                    "An image as large as the model's input, or a .csv file with or without"
                            + " labels.")
    Path file;

    @Option(names = "--index", paramLabel = "N", description = "Row of the data, from 0.")
    Integer index;

    @Option(
            names = "--csv-row",
            paramLabel = "VALUES",
            description = "The input's values, separated by commas.")
    String csvRow;

    @Option(names = "--invert", description = "Make dark on light into light on dark, as in MNIST.")
    boolean invert;

    @Mixin HelpOption help;

    PredictCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        if (Arrays.asList(file, index, csvRow).stream().filter(x -> x != null).count() != 1) {
            throw usage("give one of: an image or .csv file, --index N, --csv-row VALUES");
        }
        TrainedModel model = trained.open();
        Dataset rows = rows(model);
        Input.check(rows, model.saved().model().inputShape());
        if (invert) {
            rows = Input.inverted(rows);
        } else if (file != null && rows.rows() == 1 && Input.isDarkOnLight(rows)) {
            console.about(
                    "note", "mostly light; MNIST's digits are light on dark: try with --invert");
        }
        try (Predictor predictor = trained.predictor(model)) {
            print(rows, predictor.predict(rows), model);
        }
        return 0;
    }

    private Dataset rows(TrainedModel model) {
        if (csvRow != null) {
            return Input.parse(csvRow);
        }
        if (index != null) {
            return Input.row(trained.rows(model, new DataSource(console)).set(), index);
        }
        return file.toString().toLowerCase(Locale.ROOT).endsWith(".csv")
                ? table(model)
                : DataReader.image(file);
    }

    private Dataset table(TrainedModel model) {
        int features = model.saved().model().inputSize();
        Splits read = DataReader.rows(file, trained.table(model).format(), features);
        Dataset rows = read.train();
        Object label = SettingOptions.given(trained.table).get("label");
        if (label != null && !rows.hasLabels()) {
            throw usage(
                    "--label %s: %s has %d columns, which all are values for this model",
                    label, file, rows.features());
        }
        console.about("data", new TrainedOptions.Rows(rows, DataText.reading(read)).text());
        return rows;
    }

    private void print(Dataset rows, float[] outputs, TrainedModel model) {
        PredictionText text =
                new PredictionText(model.saved().outputNames(), model.saved().loss().classifies());
        int width = outputs.length / rows.rows();
        for (int row = 0; row < rows.rows(); row++) {
            float[] one = Arrays.copyOfRange(outputs, row * width, (row + 1) * width);
            String label = rows.hasLabels() ? rows.classes().get(rows.labels()[row]) : "";
            label = label.isEmpty() ? "" : ", labelled " + label;
            if (rows.rows() == 1) {
                console.line("%s: %s%s", rows.name(), text.brief(one), label);
                console.line(text.full(one, MOST));
            } else {
                console.line("row %d: %s%s", row, text.brief(one), label);
            }
        }
    }
}
