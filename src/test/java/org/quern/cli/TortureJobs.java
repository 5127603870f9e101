package org.quern.cli;

import static org.quern.cli.Torture.check;

import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** The commands that are attacked, and their processes and folders. */
final class TortureJobs {
    private static final String DATA = "--data generated:64,16 --batch 16";
    private static final String TRAIN =
            "train " + DATA + " --model dense_2_relu,dense_10 --validation 0.1 --seed 3 --epochs 3";
    private static final String KEPT = TRAIN + " --keep 1 --out @run";

    /**
     * Commands that are repeated until they come to their end: what they wrote is then the same as
     * of one that nothing happened to. "@" is the try's folder.
     */
    static final List<Job> JOBS =
            List.of(
                    new Job("train", "new", "", KEPT + " --auto-resume"),
                    new Job("resume", "half", "", KEPT + " --auto-resume"),
                    new Job(
                            "save",
                            "new",
                            "m.st page.html",
                            TRAIN + " --save @m.st --report @page.html"),
                    new Job(
                            "sweep",
                            "new",
                            "s.csv s.json",
                            "sweep "
                                    + DATA
                                    + " --model dense_10 --epochs 1 --seeds 2 --csv @s.csv --json @s.json"),
                    new Job(
                            "kept-sweep",
                            "new",
                            "s.csv",
                            "sweep "
                                    + DATA
                                    + " --model dense_10 --epochs 2 --seeds 2 --threads 1 --out @s"
                                    + " --csv @s.csv"),
                    new Job("report", "whole", "run/report.html", "report @run"),
                    new Job("export", "whole", "m.onnx", "export @run --onnx @m.onnx"),
                    new Job("predict", "whole", "p.csv", "predict @run @rows.csv --out @p.csv"),
                    new Job("explore", "new", "", "explore generated:64,16 --out @pages"),
                    new Job("fetch", "other half", "", "fetch"),
                    new Job("unpack", "new", "", TRAIN + " --backend cpu"));

    /** Fills the cache of compiled kernels. */
    private static final Job COMPILE =
            new Job("compile", "new", "", TRAIN + " --backend opencl --device 0");

    private static final String ROWS = "0,".repeat(783) + "0\n" + "7,".repeat(783) + "255\n";

    /**
     * A command and where it is run.
     *
     * @param start what is in the folder before: nothing, or a run stopped half way, or a whole one
     * @param files that it writes at its end, or not at all
     */
    record Job(String name, String start, String files, String command) {
        List<String> outputs() {
            return files.isEmpty() ? List.of() : List.of(files.split(" "));
        }

        /** Whether its cache is in its folder, too, and empty. */
        boolean isCold() {
            return name.equals("unpack") || name.equals("compile");
        }
    }

    /** What happens to a process at one of its calls, as {@code ci/faults.c} has it. */
    record Fault(String action, long at, long seed) {
        static final Fault NONE = new Fault("count", 0, 0);

        String text(Path folder) {
            return "%s:%d:%d:%s".formatted(action, at, seed, folder);
        }
    }

    private final String jar;
    private final Path tools;
    private final Path scratch;

    /** Of each job: what is in its folder in the end, and what its calls were. */
    final Map<String, Map<String, String>> expected = new LinkedHashMap<>();

    final Map<String, List<String>> calls = new LinkedHashMap<>();

    private final AtomicInteger folders = new AtomicInteger();

    /** Null if the files of MNIST are not here. */
    private final MnistMirror mirror;

    TortureJobs(String jar, Path tools, Path scratch) throws IOException {
        this.jar = Path.of(jar).toAbsolutePath().toString();
        this.tools = tools;
        this.scratch = scratch;
        String mnist = System.getenv("QUERN_MNIST");
        mirror = mnist == null ? null : new MnistMirror(Path.of(mnist));
    }

    /** The jobs that can be done here, each done once in peace. */
    List<Job> jobs() throws Exception {
        List<Job> all = new ArrayList<>(JOBS);
        if (mirror == null) {
            all.removeIf(job -> job.name.equals("fetch"));
        }
        if (expected.isEmpty()) {
            // of MNIST, the larger half is not looked at again once it is there
            Path there = Files.createDirectories(scratch.resolve("other half/mnist"));
            Files.createFile(there.resolve("train-images-idx3-ubyte.gz"));
            Files.createFile(there.resolve("train-labels-idx1-ubyte.gz"));
            for (Job job : all) {
                Path folder = folder(job);
                inPeace(job, folder);
                if (job.name.equals("train")) {
                    Files.move(folder.resolve("work"), scratch.resolve("whole"));
                    Files.writeString(scratch.resolve("whole/rows.csv"), ROWS);
                    Path half = folder(job);
                    run(job, half, new Fault("dead", calls.get("train").size() / 2, 0));
                    Files.move(half.resolve("work"), scratch.resolve("half"));
                }
                FolderContents.delete(folder);
            }
        }
        return all;
    }

    private void inPeace(Job job, Path folder) throws Exception {
        Cli.Outcome outcome = run(job, folder, Fault.NONE);
        check(outcome.code() == 0 && outcome.err().isEmpty(), "in peace: %s", outcome);
        calls.put(job.name, Files.readAllLines(folder.resolve("work.calls")));
        expected.put(job.name, FolderContents.of(folder.resolve("work")));
    }

    /** A job that compiles kernels, where there is an OpenCL; it takes a compiler's time. */
    List<Job> compiling() throws Exception {
        Path folder = folder(COMPILE);
        try {
            inPeace(COMPILE, folder);
            return List.of(COMPILE);
        } catch (AssertionError e) {
            if (e.getMessage().contains("no OpenCL")) {
                System.out.println("no OpenCL here: its cache of kernels is not attacked");
                return List.of();
            }
            throw e;
        } finally {
            FolderContents.delete(folder);
        }
    }

    /** A new folder with what is there before a job. */
    Path folder(Job job) throws IOException {
        Path folder = scratch.resolve("try" + folders.incrementAndGet());
        Path work = folder.resolve("work");
        Files.createDirectories(work);
        if (!job.start.equals("new")) {
            Path from = scratch.resolve(job.start);
            for (Path file : FolderContents.files(from)) {
                Path to = work.resolve(from.relativize(file));
                Files.createDirectories(to.getParent());
                Files.copy(file, to);
            }
        }
        return folder;
    }

    Process start(Job job, Path folder, String name, Fault fault) throws IOException {
        Path work = folder.resolve("work");
        List<String> command =
                new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java"));
        command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m"));
        command.addAll(List.of("-XX:-UsePerfData", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"));
        try (Stream<Path> all = Files.list(Path.of(jar).getParent())) {
            all.filter(file -> file.toString().endsWith(".jsa"))
                    .forEach(file -> command.add("-XX:SharedArchiveFile=" + file));
        }
        if (job.command.equals("fetch")) {
            command.addAll(List.of("-cp", jar + ":" + System.getProperty("java.class.path")));
            command.addAll(List.of(MnistMirror.class.getName(), mirror.address(), work + "/mnist"));
        } else {
            command.addAll(List.of("-cp", jar, "org.quern.cli.Quern"));
            command.addAll(List.of(words(job, work)));
        }
        ProcessBuilder builder = new ProcessBuilder(command).directory(work.toFile());
        Map<String, String> environment = builder.environment();
        environment.keySet().removeIf(variable -> variable.startsWith("QUERN_"));
        Path cache = job.isCold() ? work.resolve("cache") : scratch.resolve("cache");
        environment.put("XDG_CACHE_HOME", cache.toString());
        environment.putIfAbsent("POCL_CACHE_DIR", scratch.resolve("pocl").toString());
        environment.put("LD_PRELOAD", tools.resolve("faults.so").toString());
        environment.put("FAULTS", fault.text(work));
        builder.redirectOutput(folder.resolve(name + ".out").toFile());
        builder.redirectError(folder.resolve(name + ".err").toFile());
        return builder.start();
    }

    static Cli.Outcome end(Process process, Path folder, String name) throws Exception {
        if (!process.waitFor(3, TimeUnit.MINUTES)) {
            process.destroyForcibly().waitFor();
            throw new AssertionError("it did not end");
        }
        return new Cli.Outcome(
                process.exitValue(),
                Files.readString(folder.resolve(name + ".out")),
                Files.readString(folder.resolve(name + ".err")));
    }

    private static String[] words(Job job, Path work) {
        return Stream.of(job.command.split(" "))
                .map(word -> word.replace('_', ' ').replace("@", work + "/"))
                .toArray(String[]::new);
    }

    /** A job in this process if that can be, which takes a tenth of the time. */
    Cli.Outcome run(Job job, Path folder, Fault fault) throws Exception {
        if (job.isCold() || fault.action.equals("kill")) {
            return end(start(job, folder, "run", fault), folder, "run");
        }
        Path work = folder.resolve("work");
        arm(fault, work);
        try {
            return job.command.equals("fetch")
                    ? MnistMirror.fetch(mirror.address(), work.resolve("mnist"))
                    : new Cli(scratch.resolve("cache")).run(words(job, work));
        } finally {
            arm(Fault.NONE, folder.resolve("nothing"));
        }
    }

    private static void arm(Fault fault, Path folder) throws IOException {
        try (InputStream none = new FileInputStream("faults:" + fault.text(folder))) {
            throw new IllegalStateException("ci/faults.c is not there: " + none);
        } catch (FileNotFoundException e) {
            // it was told
        }
    }
}
