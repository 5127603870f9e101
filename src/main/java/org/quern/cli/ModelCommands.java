package org.quern.cli;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.format;

import com.google.gson.JsonObject;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.quern.backend.Backends;
import org.quern.files.AtomicFile;
import org.quern.io.KerasWriter;
import org.quern.io.ModelFile.SavedModel;
import org.quern.io.OnnxFile;
import org.quern.report.Comparison;
import org.quern.report.Numbers;
import org.quern.report.SummaryText;
import org.quern.report.TextReport;
import org.quern.report.page.Page;
import org.quern.report.page.RunPage;
import org.quern.run.RunFolder;
import org.quern.run.TrainedModel;
import org.quern.train.Evaluation;
import org.quern.train.Predictor;
import org.quern.train.TrainingConfig;
import org.quern.web.DrawServer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What can be done with trained models and runs, a command each. */
final class ModelCommands {
    private ModelCommands() {}

    @Command(
            name = "summary",
            description = "Prints a model's layers, parameters and memory.",
            footer = {
                "  quern summary",
                "  quern summary --recipe first",
                "  quern summary --input 4 --model \"dense 16 tanh, dense 3\""
            })
    static void summary(
            @Mixin Options.Network model,
            @Parameters(
                            arity = "0..1",
                            paramLabel = "MODEL|RUN",
                            description = ModelOptions.FILE_OR_RUN)
                    Path file,
            @Option(
                            names = "--batch",
                            paramLabel = "N",
                            defaultValue = "" + TrainingConfig.DEFAULT_BATCH,
                            description = "Rows of a batch (32).")
                    int batch,
            @Mixin Options.Common common) {
        TrainingConfig config = model.config();
        if (file != null) {
            ModelOptions.Source source = new ModelOptions.Source();
            source.path = file;
            source.network = model;
            config = TrainingConfig.of(source.open(common.console()).saved().model());
        }
        common.console().line(SummaryText.of(config.withBatch(batch).plan()));
    }

    @Command(
            name = "evaluate",
            description = "Tests a trained model on labelled rows.",
            footer = {
                "  quern evaluate runs/a",
                "  quern evaluate runs/a --split train",
                "  quern evaluate runs/a --gallery 20",
                "  quern evaluate model.safetensors --data digits.csv",
                "  quern evaluate torch.safetensors --model \"dense 48 relu, dense 10\"",
                "  quern evaluate model.keras --data digits.csv"
            })
    static void evaluate(
            @Mixin ModelOptions.TrainedOptions trained,
            @Mixin ModelOptions.Gallery gallery,
            @Mixin Options.Common common) {
        Console console = common.console();
        gallery.check();
        TrainedModel model = trained.source.open(console);
        ModelOptions.Rows rows = trained.rows(model, console);
        Backends.Choice choice = trained.running.settings().choose();
        console.about("device", choice.text());
        try (Predictor predictor = trained.running.predictor(model.saved(), choice)) {
            rows.tell(console);
            console.about("model", model.saved().model().text());
            if (model.epoch() > 0) {
                console.about("", format("the weights of epoch %d", model.epoch()));
            }
            Evaluation evaluation = predictor.evaluate(rows.set());
            String part = trained.part().name().toLowerCase(Locale.ROOT);
            console.show(TextReport.of(part, evaluation, console.look()));
            gallery.print(console, evaluation, rows.set());
        }
    }

    @Command(
            name = "export",
            description =
                    "Writes a trained model as ONNX, Keras or safetensors, for other programs.",
            footer = {
                "  quern export runs/a --onnx digits.onnx",
                "  quern export torch.safetensors --model \"dense 10\" --onnx m.onnx",
                "  quern export runs/a --keras digits.keras",
                "  quern export model.keras --safetensors model.safetensors"
            })
    static void export(
            @Mixin ModelOptions.Source source,
            @Option(
                            names = "--onnx",
                            paramLabel = "FILE",
                            description = "Write the model to this file as ONNX.")
                    Path onnx,
            @Option(
                            names = "--keras",
                            paramLabel = "FILE",
                            description = "Write the model to this file, as Keras 3 saves its own.")
                    Path keras,
            @Option(
                            names = "--safetensors",
                            paramLabel = "FILE",
                            description = "Write the model to this file as Quern saves its own.")
                    Path safetensors,
            @Mixin Options.Common common) {
        List<Path> files = Stream.of(onnx, keras, safetensors).filter(Objects::nonNull).toList();
        expect(
                !files.isEmpty(),
                "give --onnx FILE, --keras FILE or --safetensors FILE, or several");
        boolean named = keras == null || keras.toString().endsWith(".keras");
        expect(
                named,
                "--keras %s: Keras tells file formats by extension: use a name that ends in .keras",
                keras);
        Set<Path> names = new HashSet<>();
        String twice = "%s is given twice: name a file for each format";
        files.forEach(file -> expect(names.add(file), twice, file));
        Options.checkOutputs(List.of(source.path), files.toArray(Path[]::new));
        Console console = common.console();
        SavedModel saved = source.open(console).saved();
        if (onnx != null) {
            OnnxFile.write(onnx, saved);
            console.line(onnx + ": ONNX opset " + OnnxFile.OPSET + "; " + ends(saved));
        }
        if (keras != null) {
            KerasWriter.write(keras, saved);
            console.line(keras + ": Keras 3; " + ends(saved));
            console.about("loss", "compile it with " + KerasWriter.loss(saved));
            if (!saved.classes().isEmpty()) {
                console.about("classes", "a Keras file has no place for their names");
            }
        }
        if (saved.columns() != null && (onnx != null || keras != null)) {
            console.about("input", String.join(", ", saved.columns().names()));
        }
        if (safetensors != null) {
            saved.save(safetensors);
            console.line(safetensors + ": safetensors; " + saved.model().text());
        }
    }

    private static String ends(SavedModel saved) {
        String shape =
                saved.model().inputShape().stream()
                        .map(Object::toString)
                        .collect(Collectors.joining(", "));
        String text = "input [N, %s], float32, as in the data; %s [N, %d]";
        return text.formatted(shape, OnnxFile.output(saved), saved.model().outputSize());
    }

    @Command(
            name = "draw",
            description =
                    "Opens a page on this machine to draw a digit and see what a model says of it.",
            footer = {
                "",
                "Ends with Ctrl-C.",
                "",
                "Examples:",
                "  quern draw runs/a",
                "  quern draw model.safetensors --port 8080 --open",
                "  quern draw torch.safetensors --model \"dense 48 relu, dense 10\""
            })
    static void draw(
            @Mixin ModelOptions.Source source,
            @Option(
                            names = "--port",
                            paramLabel = "PORT",
                            description = "Of 127.0.0.1; 0 for any that is free (0).")
                    int port,
            @Option(names = "--open", description = "Open the page in the browser.") boolean open,
            @Mixin Options.Running running,
            @Mixin Options.Common common) {
        Console console = common.console();
        SavedModel model = source.open(console).saved();
        try (Predictor predictor = running.predictor(model);
                DrawServer server = new DrawServer(port, model, predictor)) {
            console.about("model", model.model().text());
            console.about("draw", server.address() + "  (Ctrl-C ends)");
            if (open) {
                console.browse(server.address());
            }
            console.out().flush();
            common.quern().interrupts.await();
        }
    }

    @Command(
            name = "report",
            description = "Writes the page of a run: curves, confusion matrix, mistakes, weights.",
            footer = {
                "",
                "The network is measured again, on the run's own test rows unless --data gives"
                        + " others.",
                "",
                "Examples:",
                "  quern report runs/a",
                "  quern report runs/a --out a.html",
                "  quern report runs/a --data other.csv"
            })
    static void report(
            @Mixin ModelOptions.TrainedOptions trained,
            @Option(
                            names = "--out",
                            paramLabel = "FILE",
                            description =
                                    "Write the page to this file (report.html in the run's"
                                            + " folder).")
                    Path out,
            @Mixin Options.Common common) {
        Console console = common.console();
        Path folder = trained.source.path;
        if (!Files.isDirectory(folder)) {
            throw usage("%s is no run's folder: give the one that train --out was given", folder);
        }
        Path file = out == null ? RunFolder.refuseLink(folder.resolve("report.html")) : out;
        Options.checkOutputs(Arrays.asList(folder, Options.path(trained.data())), file);
        RunFolder.readRun(folder); // says what is wrong with it, before any weights are read
        TrainedModel model = trained.source.open(console);
        JsonObject run = RunFolder.readRun(folder, model);
        while (run == null) { // it ended in between, and stays as it is
            model = trained.source.open(console);
            run = RunFolder.readRun(folder, model);
        }
        ModelOptions.Rows rows = trained.rows(model, console);
        rows.tell(console);
        SavedModel saved = model.saved();
        rows.set().requireInput(saved.model().inputShape());
        RunPage page = new RunPage(title(folder), run, saved.model(), saved.loss());
        if (!run.has("end")) {
            page.note(
                    "This run has not finished: the curves end with its last whole epoch, all else"
                            + " is what its latest weights do. Go on with it by train --resume.");
        }
        try (Predictor predictor = trained.running.predictor(saved)) {
            page.test(predictor.evaluate(rows.set()), rows.set()).weights(saved.parameters());
        }
        writePage(console, file, page.html());
    }

    /** What the page of a run is called; null for a folder that it does not have. */
    static String title(Path folder) {
        return folder == null ? "Training run" : "Run " + name(folder);
    }

    private static String name(Path folder) {
        return String.valueOf(folder.toAbsolutePath().normalize().getFileName());
    }

    static void writePage(Console console, Path file, String html) {
        AtomicFile.write(file, html);
        int size = html.getBytes(StandardCharsets.UTF_8).length;
        console.about("report", "%s (%s)", file, Numbers.bytes(size));
    }

    @Command(
            name = "compare",
            description = "Puts runs side by side: results, and the settings that differ.",
            footer = {
                "  quern compare runs/a runs/b",
                "  quern compare runs/*",
                "  quern compare runs/* --out compare.html"
            })
    static void compare(
            @Parameters(
                            arity = "1..*",
                            paramLabel = "RUN",
                            description = "Folders of two or more runs.")
                    List<Path> folders,
            @Option(
                            names = "--out",
                            paramLabel = "FILE",
                            description = "Also write a page (HTML) with the curves to this file.")
                    Path out,
            @Mixin Options.Common common) {
        if (folders.size() < 2) {
            throw usage("only %s was given: give the folders of two or more runs", folders.get(0));
        }
        Options.checkOutputs(folders, out);
        List<JsonObject> runs = folders.stream().map(RunFolder::readRun).toList();
        List<String> names = folders.stream().map(ModelCommands::name).toList();
        if (new HashSet<>(names).size() < names.size()) {
            names = folders.stream().map(Path::toString).toList();
        }
        Comparison comparison = Comparison.of(names, runs);
        common.console().line(comparison.text(common.console().look().width()));
        if (out != null) {
            writePage(common.console(), out, Page.compare(comparison, runs));
        }
    }
}
