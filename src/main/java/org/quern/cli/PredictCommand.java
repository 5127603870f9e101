package org.quern.cli;

import static org.quern.QuernException.require;
import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.format;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.quern.data.CsvOutput;
import org.quern.data.DataReader;
import org.quern.data.Dataset;
import org.quern.data.ImageRows;
import org.quern.data.Pictures;
import org.quern.data.Splits;
import org.quern.data.TableFormat;
import org.quern.io.ModelFile.SavedModel;
import org.quern.report.DataText;
import org.quern.report.PredictionText;
import org.quern.report.TextReport;
import org.quern.run.Results;
import org.quern.run.Setting;
import org.quern.run.TrainedModel;
import org.quern.train.Predictor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "predict",
        description = "Predicts classes or numbers for images or rows of a table.",
        footer = {
            "  quern predict runs/a digit.png",
            "  quern predict runs/a scans/ digit.jpg",
            "  quern predict runs/a --index 7 --logits",
            "  quern predict runs/houses new.csv --out predictions.csv",
            "  quern predict iris.safetensors --csv-row 5.1,3.5,1.4,0.2",
            "  quern predict model.keras digit.png"
        })
final class PredictCommand implements Runnable {
    @Mixin ModelOptions.TrainedOptions trained;

    @Parameters(
            index = "1",
            arity = "0..*",
            paramLabel = "FILE",
            description =
                    "Images or folders of them, scaled to the model's input; or a .csv file with or"
                            + " without labels.")
    List<Path> files;

    @Option(names = "--index", paramLabel = "N", description = "Row of the data, from 0.")
    Integer index;

    @Option(
            names = "--csv-row",
            paramLabel = "VALUES",
            description = "A row of the model's columns, separated by commas.")
    String csvRow;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description =
                    "Write the predictions to this file (CSV): the table's own columns, then"
                            + " prediction and, of classes, the probability of each (p_NAME).")
    Path out;

    @Option(names = "--logits", description = "Show what the last layer gives, too.")
    boolean logits;

    @Option(names = "--invert", description = "Make dark on light into light on dark, as in MNIST.")
    boolean invert;

    @Mixin Options.Common common;

    private Console console;
    private TrainedModel model;
    private Dataset rows;

    /** What each row is called; of images their files. */
    private IntFunction<String> names = row -> "row " + row;

    /** The table that the rows are of, and how it was read; null of other rows. */
    private Path table;

    private TableFormat format;

    @Override
    public void run() {
        console = common.console();
        if (Stream.of(files, index, csvRow).filter(Objects::nonNull).count() != 1) {
            throw usage("give one of: images or a .csv file, --index N, --csv-row VALUES");
        }
        List<Path> read = new ArrayList<>(files == null ? List.of() : files);
        read.addAll(Arrays.asList(trained.source.path, Options.path(trained.data())));
        Options.checkOutputs(read, out);
        model = trained.source.open(console);
        SavedModel saved = model.saved();
        if (csvRow != null) {
            input(DataReader.row(csvRow, model.format(trained.reading(model))));
            names = row -> rows.name();
        } else if (index != null) {
            ModelOptions.Rows all = trained.rows(model, console);
            all.notes().forEach(console::note);
            rows = all.set().row(index);
            names = row -> rows.name();
        } else if (files.stream().anyMatch(DataReader::isTable)) {
            table = files.stream().filter(DataReader::isTable).findFirst().orElseThrow();
            if (files.size() > 1) {
                throw usage("%s: a table goes alone, without other files", table);
            }
            table();
        } else {
            images();
        }
        if (index == null && trained.reading(model).get(Setting.TRANSPOSE)) {
            rows = rows.transposed();
        }
        rows.requireInput(saved.model().inputShape());
        if (invert) {
            rows = rows.inverted();
        }
        if (files != null && table == null) {
            remark();
        }
        try (Predictor predictor = trained.running.predictor(saved)) {
            Dataset asked = rows.unlabelled(); // of classes, perhaps, that the model does not know
            float[] predicted = predictor.predict(asked);
            float[] raw = logits ? new float[predicted.length] : null;
            if (logits) {
                predictor.outputs(asked, raw);
            }
            tell(saved, raw, predicted);
        }
    }

    private void input(Dataset read) {
        List<String> notes = new ArrayList<>();
        rows = model.input(read, notes);
        notes.forEach(console::note);
    }

    private void table() {
        int features = model.saved().model().inputSize();
        format = model.format(trained.reading(model));
        Splits read = DataReader.rows(table, format, features);
        Dataset set = read.train();
        Object label = trained.table.given().get("label");
        if (label != null && !set.hasLabels() && !set.hasTargets()) {
            throw usage(
                    "--label %s: %s has %d columns, which all are values for this model",
                    label, table, set.features());
        }
        new ModelOptions.Rows(set, DataText.reading(read), List.of()).tell(console);
        input(set);
    }

    private void images() {
        String other = "%s takes rows of a table, and %s is none: give a .csv file";
        require(model.saved().columns() == null, other, trained.source.path, files.get(0));
        ImageRows images = DataReader.images(files, model.saved().model().inputShape());
        if (!images.reading().isEmpty()) {
            console.about("data", images.rows().name() + "; " + images.reading());
        }
        names = images.names()::get;
        rows = images.rows();
    }

    /** Says how images differ from those trained on; or from MNIST's, if these are not known. */
    private void remark() {
        List<String> notes = new ArrayList<>();
        for (int row = 0; row < rows.rows(); row++) {
            Dataset image = rows.row(row).named(names.apply(row));
            model.input(image, notes);
            if (!model.knowsValues() && !invert && image.isDarkOnLight()) {
                String light = ": mostly light, but MNIST's digits are light on dark: ";
                notes.add(image.name() + light + Results.SWAPPED);
            }
        }
        if (!notes.isEmpty()) {
            int count = notes.size();
            String which = count == 1 ? "" : format("%,d of %,d, first ", count, rows.rows());
            String swap = invert ? "leave --invert out" : "try with --invert";
            boolean mayHelp = notes.get(0).endsWith(Results.SWAPPED);
            console.note(which + notes.get(0) + (mayHelp ? " (" + swap + ")" : ""));
        }
    }

    private void tell(SavedModel saved, float[] raw, float[] predicted) {
        PredictionText text = new PredictionText(saved.outputNames(), saved.loss());
        int width = predicted.length / rows.rows();
        IntFunction<float[]> row = i -> Arrays.copyOfRange(predicted, i * width, (i + 1) * width);
        if (out != null) {
            write(text, row);
            return;
        }
        for (int i = 0; i < rows.rows(); i++) {
            String label = rows.hasTargets() ? text.targets(rows, i) : rows.label(i);
            String labelled = label.isEmpty() ? "" : ", labelled " + label;
            String name = rows.rows() == 1 && table != null ? rows.name() : names.apply(i);
            console.line("%s: %s%s", name, text.brief(row.apply(i)), labelled);
            if (logits && rows.rows() > 1) {
                float[] own = Arrays.copyOfRange(raw, i * width, (i + 1) * width);
                console.line("  logits " + Arrays.toString(own));
            }
        }
        if (rows.rows() == 1) {
            Pictures pictures = Pictures.of(rows);
            if (pictures != null) {
                console.show(TextReport.picture(pictures, 0, console.look()));
            }
            if (predicted.length > 1 || logits) {
                console.line(text.full(predicted, raw, console.look()));
            }
        }
    }

    private void write(PredictionText text, IntFunction<float[]> row) {
        List<String> columns = text.columns();
        IntFunction<List<String>> cells = i -> text.cells(row.apply(i));
        if (table != null) {
            CsvOutput.copy(table, format, out, columns, cells);
        } else {
            String first = files != null ? "file" : "row";
            CsvOutput.write(out, first, names, rows.rows(), columns, cells);
        }
        console.about("written", out + ": " + DataText.rows(rows));
    }
}
