package org.quern.cli;

import static org.quern.QuernException.usage;

import com.google.gson.JsonObject;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.Callable;
import org.quern.files.AtomicFile;
import org.quern.report.Comparison;
import org.quern.report.page.Page;
import org.quern.run.RunFolder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code quern compare}. */
@Command(
        name = "compare",
        description = "Puts runs side by side: results, and the settings that differ.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  quern compare runs/a runs/b",
            "  quern compare runs/*",
            "  quern compare runs/* --out compare.html"
        })
final class CompareCommand implements Callable<Integer> {
    private final Console console;

    @Parameters(arity = "1..*", paramLabel = "RUN", description = "Folders of two or more runs.")
    List<Path> folders;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "Also write a page (HTML) with the curves to this file.")
    Path out;

    @Mixin CommonOptions common;

    CompareCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        if (folders.size() < 2) {
            throw usage("only %s was given: give the folders of two or more runs", folders.get(0));
        }
        if (out != null) {
            AtomicFile.check(out);
        }
        List<JsonObject> runs = folders.stream().map(RunFolder::readRun).toList();
        Comparison comparison = Comparison.of(names(), runs);
        console.out().println(comparison.text());
        if (out != null) {
            RunPages.write(console, out, Page.compare(comparison, runs));
        }
        return 0;
    }

    /** The folders' own names where they differ, else all of their paths. */
    private List<String> names() {
        List<String> own =
                folders.stream()
                        .map(f -> f.toAbsolutePath().normalize().getFileName().toString())
                        .toList();
        return new HashSet<>(own).size() == own.size()
                ? own
                : folders.stream().map(Path::toString).toList();
    }
}
