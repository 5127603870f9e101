package org.quern.cli;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Runs commands in this process, as if off a terminal, and catches what they say. */
public final class Cli {
    private final Map<String, String> environment = new HashMap<>();

    /**
     * With an environment of its own, in which MNIST is nowhere.
     *
     * @param cache stands for the user's cache
     */
    public Cli(Path cache) {
        environment.put("XDG_CACHE_HOME", cache.toString());
    }

    /** With one more environment variable. */
    Cli with(String name, String value) {
        environment.put(name, value);
        return this;
    }

    /** What a command said, and its exit code. */
    public record Outcome(int code, String out, String err) {
        /** The lines on standard output. */
        List<String> lines() {
            return out.lines().toList();
        }
    }

    /** Runs a command. */
    public Outcome run(String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Console console =
                new Console(
                        new PrintStream(out, true, StandardCharsets.UTF_8),
                        new PrintStream(err, true, StandardCharsets.UTF_8),
                        false,
                        environment,
                        System::nanoTime);
        int code = Quern.run(console, new Interrupts(), arguments);
        return new Outcome(
                code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }
}
