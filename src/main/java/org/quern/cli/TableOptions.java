package org.quern.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Option;

/** The options that say what a CSV file does not. */
final class TableOptions {
    @Option(
            names = "--label",
            paramLabel = "COLUMN",
            description =
                    "For CSV: name or index (from 0) of the label's column. Default: the first of"
                            + " label, class, target, y that is there.")
    String label;

    @Option(
            names = "--header",
            paramLabel = "YES|NO",
            description = "For CSV: whether line 1 names the columns (auto: found out).")
    String header;

    /** The options that were given, as settings by name. */
    Map<String, String> given() {
        Map<String, String> given = new LinkedHashMap<>();
        if (label != null) {
            given.put("label", label);
        }
        if (header != null) {
            given.put("header", header);
        }
        return given;
    }
}
