package org.quern.cli;

import static org.quern.QuernException.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import org.quern.QuernException;
import org.quern.data.Exploration;
import org.quern.data.Splits;
import org.quern.files.AtomicFile;
import org.quern.report.DataText;
import org.quern.report.ExploreText;
import org.quern.report.page.ExplorePage;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code quern explore}. */
@Command(
        name = "explore",
        description = "Looks at data: counts, values, examples, mean images, duplicates.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  quern explore",
            "  quern explore digits.csv --label digit",
            "  quern explore --out pictures --seed 7"
        })
final class ExploreCommand implements Callable<Integer> {
    private final Console console;

    @Mixin DataPath path;

    @Option(
            names = "--out",
            paramLabel = "FOLDER",
            description = "Also write a page (explore.html) and pictures (SVG, PNG) there.")
    Path out;

    @Option(names = "--seed", paramLabel = "N", description = "Which examples are drawn (1).")
    long seed = 1;

    @Mixin HelpOption help;

    ExploreCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        if (out != null && Files.exists(out) && !Files.isDirectory(out)) {
            throw data("%s is a file: give --out a folder", out);
        }
        DataSource source = new DataSource(console);
        Splits splits = path.read(source, path.locate(source));
        console.about("data", splits.description() + DataText.reading(splits));
        console.about("train", DataText.values(splits.train()));
        if (splits.test() != null) {
            console.about("test", DataText.values(splits.test()));
        }
        Exploration exploration = Exploration.of(splits, seed);
        console.out().println();
        console.out().println(ExploreText.of(exploration, console.colour()));
        if (out != null) {
            write(new ExplorePage(exploration).files());
        }
        return 0;
    }

    private void write(Map<String, byte[]> files) {
        try {
            Files.createDirectories(out);
        } catch (IOException e) {
            throw new QuernException(
                    QuernException.Kind.DATA,
                    "%s cannot be made a folder (%s): give --out another one"
                            .formatted(out, e.getClass().getSimpleName()),
                    e);
        }
        files.forEach(
                (name, content) -> AtomicFile.write(out.resolve(name), to -> to.write(content)));
        console.out().println();
        console.about("written", out + ": " + String.join(", ", files.keySet()));
    }
}
