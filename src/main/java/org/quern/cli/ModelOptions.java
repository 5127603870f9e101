package org.quern.cli;

import static org.quern.QuernException.expect;
import static org.quern.report.Numbers.format;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.data.TableFormat;
import org.quern.io.ModelReader;
import org.quern.model.Scaling;
import org.quern.report.DataText;
import org.quern.report.TextReport;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.TrainedModel;
import org.quern.train.Evaluation;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Options by which commands are told of a trained model, and of the rows to try it on. */
final class ModelOptions {
    static final String FILE_OR_RUN =
            "A model file (" + ModelReader.FORMATS + ") or a run's folder.";

    private ModelOptions() {}

    static final class Source {
        @Parameters(index = "0", paramLabel = "MODEL|RUN", description = FILE_OR_RUN)
        Path path;

        @Mixin Options.Network network;

        @Option(
                names = "--classes",
                paramLabel = "A,B,...",
                hideParamSyntax = true,
                split = ",",
                description =
                        "For a file without class names: those of the outputs, in their order"
                                + " (their numbers from 0).")
        List<String> classes = List.of();

        @Option(
                names = "--use",
                paramLabel = "WEIGHTS",
                description =
                        "Of a run: best (by validation loss) or last. Default: last, or best if the"
                                + " run had --early-stopping.")
        Use use;

        enum Use {
            BEST,
            LAST
        }

        /** Reads the model; prints what had to be guessed of it, or was left out. */
        TrainedModel open(Console console) {
            TrainedModel model = open();
            model.remarks().forEach(console::note);
            boolean images = model.saved().model().inputShape().size() > 1;
            boolean unscaled = model.saved().model().scaling().equals(Scaling.NONE);
            if (images && unscaled && !network.isGiven() && ModelReader.saysModel(path)) {
                String note =
                        "%s does not scale its input: pixels are from 0 to 255; give --scale"
                                + " 0.003921569 if it was trained on pixels from 0 to 1";
                console.note(note.formatted(path));
            }
            if (network.isGiven() && !network.given().containsKey(Setting.SCALE.name())) {
                console.note(
                        "%s does not say how its input is scaled: %s, unless --scale says otherwise"
                                .formatted(path, unscaled ? "taken as it is" : "divided by 255"));
            }
            return model;
        }

        /** Of another program's file that says what model it is of, what it takes is told. */
        private boolean scalesAlone() {
            Set<String> scale = Set.of(Setting.SCALE.name(), Setting.SHIFT.name());
            boolean alone = network.input == null && scale.containsAll(network.given().keySet());
            return alone && network.isGiven() && ModelReader.saysModel(path);
        }

        private TrainedModel open() {
            String run = "--use goes with a run's folder: leave it out for a file";
            expect(use == null || Files.isDirectory(path), run);
            if (use != null) {
                TrainedModel of = TrainedModel.ofRun(path, use.name().toLowerCase(Locale.ROOT));
                return classes.isEmpty() ? of : of.named(classes);
            }
            String alone = "--input goes with --model: add the model, or leave --input out";
            expect(network.input == null || !network.given().isEmpty(), alone);
            TrainedModel model =
                    scalesAlone()
                            ? TrainedModel.open(path).scaled(network.config().model().scaling())
                            : network.isGiven()
                                    ? TrainedModel.open(path, network.config().model())
                                    : TrainedModel.open(path);
            return classes.isEmpty() ? model : model.named(classes);
        }
    }

    static final class Gallery {
        @Option(
                names = "--gallery",
                paramLabel = "N",
                arity = "0..1",
                fallbackValue = "10",
                description = "Show the N most confident mistakes as pictures (10).")
        Integer count;

        void check() {
            expect(count == null || count >= 1, "gallery %d: give 1 or more", count);
        }

        void print(Console console, Evaluation evaluation, Dataset rows) {
            if (count != null) {
                console.line("");
                console.show(TextReport.gallery(evaluation, rows, count, console.look()));
            }
        }
    }

    /** Rows to measure a model on, and how they were read, as the end of a line. */
    record Rows(Dataset set, String reading, List<String> notes) {
        void tell(Console console) {
            console.about("data", set.name() + ", " + DataText.rows(set) + reading);
            notes.forEach(console::note);
        }
    }

    static final class TrainedOptions {
        @Mixin Source source;

        @Option(
                names = "--data",
                paramLabel = "PATH",
                description = "As for train. Default: the run's data, else MNIST.")
        String data;

        @Mixin final Options.Settings table = new Options.Settings(false, Setting.Group.TABLE);

        @Option(
                names = "--split",
                paramLabel = "PART",
                description = "test or train: which rows of the data (test).")
        Part part;

        @Mixin Options.Running running;

        enum Part {
            TEST,
            TRAIN
        }

        Part part() {
            return part == null ? Part.TEST : part;
        }

        /** Where the data is, as it was given; empty if it was not. */
        String data() {
            return data == null ? "" : data;
        }

        Rows rows(TrainedModel trained, Console console) {
            boolean own = trained.fromRun() && data == null;
            String path = own ? trained.settings().get(Setting.DATA) : data();
            RunSettings reading = own ? trained.settings().with(table.given()) : reading(trained);
            TableFormat format = own ? reading.format() : trained.format(reading);
            Splits splits = DataSource.read(reading, format, DataSource.locateReal(console, path));
            String whole =
                    "--split: %s has no test rows of its own, and is taken whole: leave it out";
            expect(own || part == null || splits.test() != null, whole, splits.description());
            List<String> notes = new ArrayList<>();
            if (!own && splits.test() == null && isTrainedOn(trained)) {
                notes.add(
                        "all rows are measured, those trained on, too: leave --data out for the"
                                + " test rows alone");
            }
            Dataset rows = trained.rows(splits, part() == Part.TEST, own, notes);
            return new Rows(rows, DataText.reading(splits), notes);
        }

        /** Whether the data is that of the run, given again. */
        private boolean isTrainedOn(TrainedModel trained) {
            String of = trained.settings().get(Setting.DATA);
            try {
                return !of.isEmpty() && Files.isSameFile(Path.of(of), Path.of(data));
            } catch (IOException | InvalidPathException e) {
                return false; // one of them is not there any more, or is a name such as mnist
            }
        }

        /** How to read a file that is not the run's: as the run's was, or as is given. */
        RunSettings reading(TrainedModel trained) {
            boolean fixed = trained.saved().columns() != null;
            String own = "--category: the model knows its categories: leave --category out";
            expect(!fixed || !table.given().containsKey("category"), own);
            RunSettings was = trained.settings();
            Map<String, String> same = new HashMap<>();
            for (String name : List.of("label", "missing", "separator")) {
                same.put(name, was.text(name));
            }
            return RunSettings.DEFAULT.with(same).with(table.given());
        }
    }
}
