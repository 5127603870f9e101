package org.quern.cli;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.quern.data.Dataset;
import org.quern.files.AtomicFile;
import org.quern.report.Numbers;
import org.quern.report.page.RunPage;
import org.quern.run.RunReport;
import org.quern.train.Evaluation;
import org.quern.train.Trainer;
import org.quern.web.LivePage;

/** The pages of a run that is trained: the live one and the one that stays, if they are wanted. */
final class RunPages implements AutoCloseable {
    private final Console console;
    private final TrainCommand options;
    private final Trainer trainer;
    private final RunReport report;
    private final LivePage live;

    RunPages(Console console, TrainCommand options, Trainer trainer, RunReport report) {
        this.console = console;
        this.options = options;
        this.trainer = trainer;
        this.report = report;
        if (options.watch == null) {
            live = null;
        } else {
            live = new LivePage(options.watch, page(), report.values());
            console.about("watch", live.address());
            trainer.listen(live);
        }
    }

    private RunPage page() {
        Path folder = options.resume == null ? options.out : options.resume;
        return new RunPage(
                title(folder), report.values(), trainer.config().model(), trainer.config().loss());
    }

    /** What the page of a run is called. */
    static String title(Path folder) {
        return folder == null
                ? "Training run"
                : "Run " + folder.toAbsolutePath().normalize().getFileName();
    }

    /** Fills the pages with how it went. */
    void finished(Evaluation evaluation, Dataset rows) {
        if (live == null && options.report == null) {
            return;
        }
        RunPage page = page().test(evaluation, rows).weights(trainer.parameters());
        if (live != null) {
            live.end(page);
        }
        if (options.report != null) {
            write(console, options.report, page.html());
        }
    }

    static void write(Console console, Path file, String html) {
        byte[] bytes = html.getBytes(StandardCharsets.UTF_8);
        AtomicFile.write(file, to -> to.write(bytes));
        console.about("report", file + Numbers.format(" (%s)", Numbers.bytes(bytes.length)));
    }

    @Override
    public void close() {
        if (live != null) {
            live.close();
        }
    }
}
