package org.quern.cli;

import static org.quern.QuernException.usage;

import org.quern.data.Dataset;
import org.quern.report.TextReport;
import org.quern.train.Evaluation;
import picocli.CommandLine.Option;

/** The option that shows mistakes as pictures. */
final class GalleryOption {
    @Option(
            names = "--gallery",
            paramLabel = "N",
            arity = "0..1",
            fallbackValue = "10",
            description = "Show the N surest mistakes as pictures (10).")
    Integer count;

    void check() {
        if (count != null && count < 1) {
            throw usage("gallery %d: give 1 or more", count);
        }
    }

    void print(Console console, Evaluation evaluation, Dataset rows) {
        if (count != null) {
            console.out().println();
            console.out().println(TextReport.gallery(evaluation, rows, count, console.colour()));
        }
    }
}
