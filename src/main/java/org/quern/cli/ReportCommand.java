package org.quern.cli;

import com.google.gson.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.quern.QuernException;
import org.quern.data.Dataset;
import org.quern.data.Input;
import org.quern.files.AtomicFile;
import org.quern.report.page.RunPage;
import org.quern.run.RunFolder;
import org.quern.run.TrainedModel;
import org.quern.train.Evaluation;
import org.quern.train.Predictor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code quern report}. */
@Command(
        name = "report",
        description = "Writes the page of a run: curves, confusion matrix, mistakes, weights.",
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {
            "",
            "The network is measured again, on the run's own test rows unless --data gives others.",
            "",
            "Examples:",
            "  quern report runs/a",
            "  quern report runs/a --out a.html",
            "  quern report runs/a --data other.csv"
        })
final class ReportCommand implements Callable<Integer> {
    private final Console console;

    @Mixin TrainedOptions trained;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "Write the page to this file (report.html in the run's folder).")
    Path out;

    @Mixin HelpOption help;

    ReportCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        if (!Files.isDirectory(trained.source.path)) {
            throw QuernException.usage(
                    "%s is no run's folder: give the one that train --out was given",
                    trained.source.path);
        }
        Path file = out == null ? trained.source.path.resolve("report.html") : out;
        AtomicFile.check(file);
        JsonObject run = RunFolder.readRun(trained.source.path);
        TrainedModel model = trained.open();
        TrainedOptions.Rows given = trained.rows(model, new DataSource(console));
        Dataset rows = given.set();
        console.about("data", given.text());
        Input.check(rows, model.saved().model().inputShape());
        RunPage page =
                new RunPage(
                        RunPages.title(trained.source.path),
                        run,
                        model.saved().model(),
                        model.saved().loss());
        if (!run.has("end")) {
            page.note(
                    "This run has not finished: the curves end with its last whole epoch, all else"
                            + " is what its latest weights do. Go on with it by train --resume.");
        }
        try (Predictor predictor = trained.predictor(model)) {
            Evaluation evaluation = predictor.evaluate(rows);
            page.test(evaluation, rows).weights(model.saved().parameters());
        }
        RunPages.write(console, file, page.html());
        return 0;
    }
}
