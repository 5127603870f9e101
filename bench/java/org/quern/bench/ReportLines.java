package org.quern.bench;

import com.google.gson.Gson;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Lines for programs: a JSON object for each measurement, at the end of a file as soon as it is
 * measured, so that a process that is killed leaves what it had by then. Each is one write, which
 * no other process's line can break.
 */
final class ReportLines {
    private static final Gson JSON = new Gson();

    private final Path file;

    ReportLines(Path file) {
        this.file = file;
    }

    /**
     * Adds a line.
     *
     * @param what the kind of measurement, for instance {@code step}
     */
    void add(String what, Map<String, ?> values) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("what", what);
        // JSON has no NaN, and a measurement that is one must not be lost for that
        values.forEach(
                (name, value) ->
                        line.put(
                                name,
                                value instanceof Double number && !Double.isFinite(number)
                                        ? number.toString()
                                        : value));
        try {
            Files.write(
                    file,
                    (JSON.toJson(line) + "\n").getBytes(StandardCharsets.UTF_8),
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
