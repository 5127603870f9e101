package org.quern.cli;

import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.quern.io.ModelFile.SavedModel;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.train.Predictor;
import org.quern.web.DrawServer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** {@code quern draw}. */
@Command(
        name = "draw",
        description =
                "Opens a page on this machine to draw a digit and see what a model says of it.",
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {
            "",
            "Ends with Ctrl-C.",
            "",
            "Examples:",
            "  quern draw runs/a",
            "  quern draw model.safetensors --port 8080 --open",
            "  quern draw torch.safetensors --model \"dense 48 relu, dense 10\""
        })
final class DrawCommand implements Callable<Integer> {
    private final Console console;
    private final Interrupts interrupts;

    @Mixin ModelSource source;

    @Option(
            names = "--port",
            paramLabel = "PORT",
            description = "Of 127.0.0.1; 0 for any that is free (0).")
    int port;

    @Option(names = "--open", description = "Open the page in the browser.")
    boolean open;

    @Mixin final CommandSpec running = SettingOptions.of(Setting.Group.RUNNING);

    @Mixin HelpOption help;

    DrawCommand(Console console, Interrupts interrupts) {
        this.console = console;
        this.interrupts = interrupts;
    }

    @Override
    public Integer call() {
        SavedModel model = source.open().saved();
        RunSettings settings = SettingOptions.settings(running);
        try (Predictor predictor = SettingOptions.predictor(model, settings, settings.choose());
                DrawServer server = new DrawServer(port, model, predictor)) {
            console.about("model", model.model().text());
            console.about("draw", server.address() + "  (Ctrl-C ends)");
            if (open) {
                Browser.open(console, server.address());
            }
            console.out().flush();
            CountDownLatch ended = new CountDownLatch(1);
            interrupts.during(() -> wait(ended), ended::countDown);
        }
        return 0;
    }

    private static boolean wait(CountDownLatch ended) {
        try {
            ended.await();
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
