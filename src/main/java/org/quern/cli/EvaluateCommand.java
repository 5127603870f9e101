package org.quern.cli;

import java.util.concurrent.Callable;
import org.quern.backend.Backends;
import org.quern.data.Dataset;
import org.quern.report.TextReport;
import org.quern.run.RunSettings;
import org.quern.run.TrainedModel;
import org.quern.train.Evaluation;
import org.quern.train.Predictor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code quern evaluate}. */
@Command(
        name = "evaluate",
        description = "Measures a trained model on rows whose classes are known.",
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {
            "",
            "Examples:",
            "  quern evaluate runs/a",
            "  quern evaluate runs/a --split train",
            "  quern evaluate runs/a --gallery 20",
            "  quern evaluate model.safetensors --data digits.csv",
            "  quern evaluate torch.safetensors --model \"dense 48 relu, dense 10\""
        })
final class EvaluateCommand implements Callable<Integer> {
    private final Console console;

    @Mixin TrainedOptions trained;

    @Mixin GalleryOption gallery;

    @Mixin HelpOption help;

    EvaluateCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        gallery.check();
        TrainedModel model = trained.open();
        TrainedOptions.Rows given = trained.rows(model, new DataSource(console));
        Dataset rows = given.set();
        RunSettings settings = SettingOptions.settings(trained.running);
        Backends.Choice choice = settings.choose();
        console.about("device", choice.text());
        try (Predictor predictor = SettingOptions.predictor(model.saved(), settings, choice)) {
            console.about("data", given.text());
            console.about("model", model.saved().model().text());
            Evaluation evaluation = predictor.evaluate(rows);
            console.line(TextReport.of(trained.partName(), evaluation));
            gallery.print(console, evaluation, rows);
        }
        return 0;
    }
}
