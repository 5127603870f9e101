package org.quern.cli;

import static org.quern.QuernException.usage;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.quern.QuernException;
import org.quern.data.Columns;
import org.quern.data.Exploration;
import org.quern.data.Mnist;
import org.quern.data.Splits;
import org.quern.files.AtomicFile;
import org.quern.report.DataText;
import org.quern.report.page.ExplorePage;
import org.quern.run.Setting;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code quern explore}, {@code quern data} and its commands. */
final class DataCommands {
    private DataCommands() {}

    static final class Looked {
        @Parameters(
                arity = "0..1",
                paramLabel = "PATH",
                description = "As for train --data. Default: what train takes.")
        String path = "";

        @Mixin final Options.Settings table = new Options.Settings(false, Setting.Group.TABLE);

        Splits read(Console console) {
            path = DataSource.locate(console, path);
            Splits splits = DataSource.read(table.settings(), path);
            table.settings().requireUsed(splits);
            String what = DataSource.described(console, splits, path);
            console.about("data", what + DataText.reading(splits));
            return splits;
        }
    }

    @Command(
            name = "explore",
            description = "Looks at data: counts, values, examples, mean images, duplicates.",
            footer = {
                "  quern explore",
                "  quern explore digits.csv --label digit",
                "  quern explore --out pictures --seed 7"
            })
    static void explore(
            @Mixin Looked at,
            @Option(
                            names = "--out",
                            paramLabel = "FOLDER",
                            description =
                                    "Also write a page (explore.html) and pictures (SVG, PNG)"
                                            + " there.")
                    Path out,
            @Option(
                            names = "--seed",
                            paramLabel = "N",
                            defaultValue = "1",
                            description = "Which examples are drawn (1).")
                    long seed,
            @Mixin Options.Common common) {
        Console console = common.console();
        if (out != null && Files.exists(out) && !Files.isDirectory(out)) {
            throw QuernException.data("%s is a file: give --out a folder", out);
        }
        Splits splits = at.read(console);
        console.about("train", DataText.values(splits.train()));
        if (splits.validation() != null) {
            console.about("validate", DataText.values(splits.validation()));
        }
        if (splits.test() != null) {
            console.about("test", DataText.values(splits.test()));
        }
        columns(console, splits);
        Exploration exploration = Exploration.of(splits, seed);
        console.line("");
        console.show(DataText.of(exploration, console.look()));
        if (out != null) {
            Map<String, byte[]> files = new ExplorePage(exploration).files();
            AtomicFile.createOutput(out);
            files.forEach(
                    (name, bytes) -> AtomicFile.write(out.resolve(name), to -> to.write(bytes)));
            console.line("");
            console.about("written", out + ": " + String.join(", ", files.keySet()));
        }
    }

    @Command(
            name = "data",
            description = "Fetches data sets and tells what is in them.",
            synopsisSubcommandLabel = "COMMAND",
            footer = {
                "  quern data fetch mnist",
                "  quern data info",
                "  quern data info digits.csv"
            })
    static int data(@Mixin Options.Common common) {
        return Options.usage(common.command);
    }

    @Command(
            name = "fetch",
            description =
                    "Fetches a data set into the user's cache, unless it is there or where"
                            + " QUERN_MNIST says, and checks it.",
            footer = {
                "  quern data fetch mnist",
                "  quern data fetch mnist --to data/mnist",
                "  quern train --data data/mnist"
            })
    static void fetch(
            @Parameters(paramLabel = "NAME", description = "mnist") String name,
            @Option(
                            names = "--to",
                            paramLabel = "DIR",
                            description = "Fetch into this folder instead.")
                    Path to,
            @Mixin Options.Common common) {
        Console console = common.console();
        if (!name.equals("mnist")) {
            throw usage("unknown data set \"%s\": mnist is the one that can be fetched", name);
        }
        Optional<Path> there = to == null ? Mnist.find(console.environment()) : Optional.empty();
        Path folder =
                there.orElseGet(() -> to == null ? Mnist.cacheFolder(console.environment()) : to);
        if (!Mnist.isIn(folder)) {
            try {
                DataSource.fetch(console, folder);
            } catch (QuernException e) {
                Optional<Path> other = Mnist.find(console.environment());
                if (e.kind() != QuernException.Kind.DATA || other.isEmpty()) {
                    throw e;
                }
                throw QuernException.data(e, "%s: %s holds them", e.getMessage(), other.get());
            }
        }
        List<String> differing = Mnist.differing(folder);
        if (!differing.isEmpty()) {
            throw QuernException.data(
                    "%s: %s are not MNIST's (SHA-256 differs): remove them and fetch again",
                    folder, String.join(", ", differing));
        }
        boolean told = folder.toString().equals(console.environment().get(Mnist.VARIABLE));
        String where = console.typed(folder) + (told ? ", which " + Mnist.VARIABLE + " names" : "");
        console.about("mnist", "whole and checked (SHA-256) in " + where);
    }

    @Command(
            name = "info",
            description = "Tells what is in a data set.",
            footer = {
                "  quern data info",
                "  quern data info digits.csv --label digit",
                "  quern data info generated:1000,100"
            })
    static void info(@Mixin Looked at, @Mixin Options.Common common) {
        Console console = common.console();
        Splits splits = at.read(console);
        console.about("train", DataText.of(splits.train()));
        if (splits.validation() != null) {
            console.about("validate", DataText.of(splits.validation()));
        }
        RunHeader.manyClasses(console, splits.train());
        if (splits.test() != null) {
            console.about("test", DataText.of(splits.test()));
        }
        if (DataSource.isMnist(at.path)) { // by the names of its files
            List<String> differing = Mnist.differing(Path.of(at.path));
            if (differing.size() < 4) {
                console.about("sha256", DataText.differing(differing));
            }
        }
        columns(console, splits);
    }

    private static void columns(Console console, Splits splits) {
        String columns = DataText.columnByColumn(splits.train());
        if (columns != null) {
            String leftOut = Columns.fit(splits.train(), false, false).leftOut();
            if (!leftOut.isEmpty()) {
                console.note("left out: " + leftOut);
            }
            console.line("");
            console.line(columns);
        }
    }
}
