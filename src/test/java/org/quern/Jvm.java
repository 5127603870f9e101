package org.quern;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A Java process of its own: for what a JVM can do once only, such as loading a library. */
public final class Jvm {
    private final Path folder;
    private final Map<String, String> environment = new HashMap<>();
    private final List<String> options = new ArrayList<>();
    private ProcessBuilder.Redirect stdout;

    /** Runs in a folder, which also is its cache. */
    public Jvm(Path folder) {
        this.folder = folder;
        environment.put("XDG_CACHE_HOME", folder.resolve("cache").toString());
    }

    /**
     * How a process ended.
     *
     * @param code its exit code
     * @param out what it wrote to stdout; empty if that went elsewhere
     * @param err what it wrote to stderr
     */
    public record Outcome(int code, String out, String err) {}

    /** Sets a variable, or removes it if the value is null. */
    public Jvm with(String variable, Object value) {
        environment.put(variable, value == null ? null : value.toString());
        return this;
    }

    /** Adds an option of the JVM. */
    public Jvm option(String option) {
        options.add(option);
        return this;
    }

    /** Sends stdout elsewhere than to a file that is read when the process has ended. */
    public Jvm stdout(ProcessBuilder.Redirect elsewhere) {
        stdout = elsewhere;
        return this;
    }

    /** Starts a class's main method. */
    public Process start(Class<?> main, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // what runs for a second or two is done before the best compiler has helped it
        command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
        command.add("--enable-native-access=ALL-UNNAMED");
        command.addAll(options);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        environment.forEach(
                (name, value) -> {
                    if (value == null) {
                        builder.environment().remove(name);
                    } else {
                        builder.environment().put(name, value);
                    }
                });
        Path out = Files.createTempFile(folder, "out", ".txt");
        builder.redirectOutput(stdout == null ? ProcessBuilder.Redirect.to(out.toFile()) : stdout);
        builder.redirectError(Files.createTempFile(folder, "err", ".txt").toFile());
        Process process = builder.start();
        outputs.put(process, new Path[] {out, builder.redirectError().file().toPath()});
        return process;
    }

    private final Map<Process, Path[]> outputs = new HashMap<>();

    /** What a process that {@link #start} has started wrote to stdout until now. */
    public String soFar(Process process) throws IOException {
        return Files.readString(outputs.get(process)[0]);
    }

    /** Waits for a process that {@link #start} has started. */
    public Outcome end(Process process) {
        try {
            if (!process.waitFor(10, TimeUnit.MINUTES)) {
                process.destroyForcibly();
                throw new AssertionError("the process did not end");
            }
            Path[] files = outputs.get(process);
            return new Outcome(
                    process.exitValue(), Files.readString(files[0]), Files.readString(files[1]));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Starts and waits. */
    public Outcome run(Class<?> main, String... arguments) throws IOException {
        return end(start(main, arguments));
    }
}
