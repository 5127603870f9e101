package org.quern.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpServer;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Constructor;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.data.Digits;
import org.quern.data.MnistFetch;
import org.quern.io.SafeTensors;
import org.quern.run.RunSettings;
import org.quern.run.Training;

/**
 * Attacks on the program, each try a process or two in a folder of its own: {@code Torture JAR
 * SECONDS ATTACK...}. What it is and how long it takes: {@code ci/torture --help}. Prints what went
 * wrong and how many tries there were.
 */
public final class Torture {
    private static final String DATA = "--data generated:64,16 --batch 16";
    private static final String TRAIN =
            "train " + DATA + " --model dense_2_relu,dense_10 --validation 0.1 --seed 3 --epochs 3";
    private static final String KEPT = TRAIN + " --keep 1 --out @run";

    /**
     * Commands that are repeated until they come to their end: what they wrote is then the same as
     * of one that nothing happened to. "@" is the try's folder.
     */
    private static final List<Job> JOBS =
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
                    new Job("report", "whole", "run/report.html", "report @run"),
                    new Job("export", "whole", "m.onnx", "export @run --onnx @m.onnx"),
                    new Job("predict", "whole", "p.csv", "predict @run @rows.csv --out @p.csv"),
                    new Job("explore", "new", "", "explore generated:64,16 --out @pages"),
                    new Job("fetch", "other half", "", "fetch"),
                    new Job("unpack", "new", "", TRAIN + " --backend cpu"));

    private static final String ROWS = "0,".repeat(783) + "0\n" + "7,".repeat(783) + "255\n";

    /**
     * A command and where it is run.
     *
     * @param start what is in the folder before: nothing, or a run stopped half way, or a whole one
     * @param files that it writes at its end, or not at all
     */
    private record Job(String name, String start, String files, String command) {
        List<String> outputs() {
            return files.isEmpty() ? List.of() : List.of(files.split(" "));
        }

        /** Whether its cache is in its folder, too, and empty. */
        boolean isCold() {
            return name.equals("unpack");
        }
    }

    /** What happens to a process at one of its calls, as {@code ci/faults.c} has it. */
    private record Fault(String action, long at, long seed) {
        static final Fault NONE = new Fault("count", 0, 0);

        String text(Path folder) {
            return "%s:%d:%d:%s".formatted(action, at, seed, folder);
        }
    }

    private final String jar;
    private final Path tools;
    private final Path scratch;
    private final long seconds;

    /** Of each job: what is in its folder in the end, and what its calls were. */
    private final Map<String, Map<String, String>> expected = new LinkedHashMap<>();

    private final Map<String, List<String>> calls = new LinkedHashMap<>();
    private final AtomicInteger folders = new AtomicInteger();
    private final List<String> problems = Collections.synchronizedList(new ArrayList<>());

    /** A server with the files of MNIST; null if they are not here. */
    private final HttpServer mirror;

    private Torture(String jar, Path tools, Path scratch, long seconds) throws IOException {
        this.jar = Path.of(jar).toAbsolutePath().toString();
        this.tools = tools;
        this.scratch = scratch;
        this.seconds = seconds;
        String mnist = System.getenv("QUERN_MNIST");
        mirror = mnist == null ? null : serve(Path.of(mnist));
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("fetch")) {
            Cli.Outcome outcome = fetch(URI.create(arguments[1]), Path.of(arguments[2]));
            System.err.print(outcome.err());
            System.exit(outcome.code());
        }
        if (arguments[0].equals("networks")) {
            networks(Long.parseLong(arguments[1]));
            return;
        }
        try {
            System.exit(attack(arguments));
        } catch (AssertionError | Exception e) {
            e.printStackTrace();
            System.exit(2); // threads of servers go on
        }
    }

    private static int attack(String[] arguments) throws Exception {
        List<String> attacks = List.of(arguments).subList(3, arguments.length);
        long each = Long.parseLong(arguments[2]) / attacks.size();
        Path scratch = Path.of(System.getenv("XDG_CACHE_HOME")).getParent().toRealPath();
        Torture torture = new Torture(arguments[0], Path.of(arguments[1]), scratch, each);
        for (String attack : attacks) {
            long began = System.nanoTime();
            String done =
                    switch (attack) {
                        case "kills" -> torture.chains("kill");
                        case "faults" -> torture.faults();
                        case "power" -> torture.chains("power");
                        case "two" -> torture.two();
                        case "launcher" -> torture.launcher();
                        case "connections" -> torture.connections();
                        case "native" -> torture.sanitized();
                        default -> throw new IllegalArgumentException(attack);
                    };
            long took = (System.nanoTime() - began) / 1_000_000_000;
            System.out.printf("%s: %s, in %d s%n", attack, done, took);
        }
        System.out.printf("%d problems%n", torture.problems.size());
        return torture.problems.isEmpty() ? 0 : 1;
    }

    // ---- jobs
    // --------------------------------------------------------------------------------------------------

    /** The jobs that can be done here, each done once in peace. */
    private List<Job> jobs() throws Exception {
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
                Cli.Outcome outcome = run(job, folder, Fault.NONE);
                check(outcome.code() == 0 && outcome.err().isEmpty(), "in peace: %s", outcome);
                calls.put(job.name, Files.readAllLines(folder.resolve("work.calls")));
                expected.put(job.name, contents(folder.resolve("work")));
                if (job.name.equals("train")) {
                    Files.move(folder.resolve("work"), scratch.resolve("whole"));
                    Files.writeString(scratch.resolve("whole/rows.csv"), ROWS);
                    Path half = folder(job);
                    run(job, half, new Fault("dead", calls.get("train").size() / 2, 0));
                    Files.move(half.resolve("work"), scratch.resolve("half"));
                }
                delete(folder);
            }
        }
        return all;
    }

    /** A new folder with what is there before a job. */
    private Path folder(Job job) throws IOException {
        Path folder = scratch.resolve("try" + folders.incrementAndGet());
        Path work = folder.resolve("work");
        Files.createDirectories(work);
        if (!job.start.equals("new")) {
            Path from = scratch.resolve(job.start);
            for (Path file : files(from)) {
                Path to = work.resolve(from.relativize(file));
                Files.createDirectories(to.getParent());
                Files.copy(file, to);
            }
        }
        return folder;
    }

    private Process start(Job job, Path folder, String name, Fault fault) throws IOException {
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
            command.addAll(List.of(Torture.class.getName(), "fetch", mirror(), work + "/mnist"));
        } else {
            command.addAll(List.of("-cp", jar, "org.quern.cli.Quern"));
            command.addAll(List.of(words(job, work)));
        }
        ProcessBuilder builder = new ProcessBuilder(command).directory(work.toFile());
        Map<String, String> environment = builder.environment();
        environment.keySet().removeIf(variable -> variable.startsWith("QUERN_"));
        Path cache = job.isCold() ? work.resolve("cache") : scratch.resolve("cache");
        environment.put("XDG_CACHE_HOME", cache.toString());
        environment.put("POCL_CACHE_DIR", scratch.resolve("pocl").toString());
        environment.put("LD_PRELOAD", tools.resolve("faults.so").toString());
        environment.put("FAULTS", fault.text(work));
        builder.redirectOutput(folder.resolve(name + ".out").toFile());
        builder.redirectError(folder.resolve(name + ".err").toFile());
        return builder.start();
    }

    private static Cli.Outcome end(Process process, Path folder, String name) throws Exception {
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
    private Cli.Outcome run(Job job, Path folder, Fault fault) throws Exception {
        if (job.isCold() || fault.action.equals("kill")) {
            return end(start(job, folder, "run", fault), folder, "run");
        }
        Path work = folder.resolve("work");
        arm(fault, work);
        try {
            return job.command.equals("fetch")
                    ? fetch(URI.create(mirror()), work.resolve("mnist"))
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

    // ---- what is demanded
    // --------------------------------------------------------------------------------------

    private static void check(boolean isSo, String text, Object... arguments) {
        if (!isSo) {
            throw new AssertionError(text.formatted(arguments));
        }
    }

    /**
     * A process that a fault did not end says what was wrong, a line each, and has the right exit
     * code.
     */
    private static void checkSaid(Job job, Cli.Outcome outcome) {
        check(
                outcome.code() == 0 || outcome.code() == 3 || job.isCold() && outcome.code() == 4,
                "exit code %d: %s",
                outcome.code(),
                outcome.err());
        List<String> lines = outcome.err().lines().toList();
        check(
                lines.stream()
                                .allMatch(
                                        line ->
                                                line.startsWith("quern: ")
                                                        && !line.contains("fault of Quern"))
                        && (outcome.code() == 0 || !lines.isEmpty()),
                "it says %s",
                outcome.err());
    }

    /** Nothing is lost or half there: of epochs that were announced, of files, old or new. */
    private void checkKept(Job job, Path work, int epochs, boolean hadOld) throws IOException {
        Path state = work.resolve("run/last.state.safetensors");
        int saved = Files.exists(state) ? epochs(state) : 0;
        check(saved >= epochs, "%d epochs are saved, not %d", saved, epochs);
        Map<String, String> now = contents(work);
        for (String file : job.outputs()) {
            String is = now.get(file);
            check(
                    is == null
                            ? !hadOld
                            : is.equals(OLD) || is.equals(expected.get(job.name).get(file)),
                    "%s is %s",
                    file,
                    is);
        }
    }

    private static final String OLD = "what was there before\n";

    private static int epochs(Path state) {
        String history = SafeTensors.read(state).metadata().get("epochs");
        return (int) history.lines().count() - 1;
    }

    /** The last epoch that is told of and not said to be unsaved; 0 if there is none. */
    private static int announced(Job job, Cli.Outcome outcome) {
        if (!job.command.contains("--out @run")) {
            return 0;
        }
        Pattern line = Pattern.compile("(?m)^epoch (\\d+)/");
        return line.matcher(outcome.out())
                .results()
                .mapToInt(told -> Integer.parseInt(told.group(1)))
                .filter(epoch -> !outcome.err().contains("epoch " + epoch + " is NOT SAVED"))
                .max()
                .orElse(0);
    }

    private void checkEnd(Job job, Path work) throws IOException {
        Map<String, String> now = contents(work);
        Map<String, String> wanted = expected.get(job.name);
        for (String file :
                Stream.concat(now.keySet().stream(), wanted.keySet().stream()).toList()) {
            check(
                    Objects.equals(now.get(file), wanted.get(file)),
                    "in the end %s is %s, not %s",
                    file,
                    now.get(file),
                    wanted.get(file));
        }
    }

    /** Of each file below a folder what must be the same of every run: no times. */
    private static Map<String, String> contents(Path folder) throws IOException {
        Map<String, String> contents = new TreeMap<>();
        for (Path file : files(folder)) {
            String name = folder.relativize(file).toString();
            if (name.endsWith(".lock")) {
                continue; // stays, whatever is in it
            }
            contents.put(name, content(name, Files.readAllBytes(file)));
        }
        return contents;
    }

    private static String content(String name, byte[] bytes) {
        String text = new String(bytes, ISO_8859_1);
        if (text.equals(OLD)) {
            return OLD;
        } else if (name.endsWith("state.safetensors")) { // its header tells how long epochs took
            int header = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
            return digest(Arrays.copyOfRange(bytes, 8 + header, bytes.length));
        } else if (name.endsWith("history.csv")) {
            return text.replaceAll("(?m),[^,\n]*,[^,\n]*$", "");
        } else if (name.equals("s.csv")) {
            return text.lines().count() + " lines of " + text.split("\n")[0];
        } else if (name.endsWith(".json")) {
            String score = "(?i)\"(\\w*(?:loss|accuracy))\":\\s*([^,}\\s]+)";
            String steps = "(?s)\"steps\":\\s*\\[[^\\]]*\\]"; // means over as many as time allowed
            String scores =
                    Pattern.compile(score)
                            .matcher(text.replaceAll(steps, ""))
                            .results()
                            .map(MatchResult::group)
                            .toList()
                            .toString();
            return (text.strip().matches("(?s)[{\\[].*[}\\]]") ? "whole " : "BROKEN ")
                    + digest(scores.getBytes(UTF_8));
        } else if (name.endsWith("page.html")) {
            return text.strip().endsWith("</html>") ? "whole" : "BROKEN";
        }
        return digest(bytes);
    }

    private static String digest(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes))
                    + " of "
                    + bytes.length;
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile).toList();
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : all.sorted(Collections.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    // ---- attacks
    // -----------------------------------------------------------------------------------------------

    /**
     * Goes through tries, so many at a time, until there are no more or time is up; how many there
     * were.
     */
    private int side(int atATime, Iterator<Runnable> tries) throws InterruptedException {
        long end = System.nanoTime() + seconds * 1_000_000_000;
        AtomicInteger done = new AtomicInteger();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < atATime; i++) {
            Thread thread =
                    new Thread(
                            () -> {
                                while (System.nanoTime() < end) {
                                    Runnable next;
                                    synchronized (tries) {
                                        if (!tries.hasNext()) {
                                            return;
                                        }
                                        next = tries.next();
                                    }
                                    next.run();
                                    done.incrementAndGet();
                                }
                            });
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
        return done.get();
    }

    /** A try in a folder of its own, which stays if something is wrong. */
    private Runnable on(Job job, String what, Attempt attempt) {
        return () -> {
            try {
                Path folder = folder(job);
                try {
                    attempt.in(folder);
                    delete(folder);
                } catch (AssertionError | Exception e) {
                    problems.add(what);
                    System.out.printf(
                            "PROBLEM: %s, %s: %s (%s)%n", job.name, what, e.getMessage(), folder);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        };
    }

    private interface Attempt {
        void in(Path folder) throws Exception;
    }

    private static void putOld(Job job, Path work, boolean is) throws IOException {
        for (String file : is ? job.outputs() : List.<String>of()) {
            Files.writeString(work.resolve(file), OLD);
        }
    }

    /**
     * Each kind of fault at each call of each job; in an order by chance, should time not suffice.
     */
    private String faults() throws Exception {
        List<Runnable> tries = new ArrayList<>();
        for (Job job : jobs()) {
            List<String> log = calls.get(job.name);
            for (int at = 1; at <= log.size(); at++) {
                String call = log.get(at - 1).split(" ")[1];
                for (String action :
                        List.of("enospc", "eio", "eacces", "short", "full", "dead", "power")) {
                    boolean reads = call.startsWith("read") || call.startsWith("pread");
                    if (action.equals("short")
                            ? call.contains("write")
                            : action.equals("eio") || !reads) {
                        Fault fault = new Fault(action, at, 0);
                        String what = action + " at call " + log.get(at - 1);
                        tries.add(on(job, what, folder -> fail(job, folder, fault)));
                    }
                }
            }
        }
        Collections.shuffle(tries, new Random(seconds));
        return side(1, tries.iterator()) + " of all " + tries.size() + " faults";
    }

    private void fail(Job job, Path folder, Fault fault) throws Exception {
        Path work = folder.resolve("work");
        boolean hasOld = fault.at % 2 == 0;
        putOld(job, work, hasOld);
        int before =
                job.start.equals("half") ? epochs(work.resolve("run/last.state.safetensors")) : 0;
        Cli.Outcome hit = run(job, folder, fault);
        checkSaid(job, hit);
        checkKept(job, work, Math.max(before, announced(job, hit)), hasOld);
        if (hit.code() == 0) {
            checkEnd(job, work);
        }
        age(work);
        Cli.Outcome again = run(job, folder, Fault.NONE);
        check(again.code() == 0 && again.err().isEmpty(), "afterwards: %s", again);
        checkEnd(job, work);
    }

    /**
     * Kills or power cuts at calls by chance (kills also at any time), each time begun again, until
     * the end is reached.
     */
    private String chains(String action) throws Exception {
        List<Job> jobs = jobs();
        AtomicInteger ends = new AtomicInteger();
        Random random = new Random(seconds);
        Iterator<Runnable> endless =
                Stream.generate(
                                () -> {
                                    // half of all tries are trainings
                                    Job job =
                                            jobs.get(
                                                    random.nextBoolean()
                                                            ? 0
                                                            : random.nextInt(jobs.size()));
                                    long seed = random.nextInt();
                                    return on(
                                            job,
                                            action + " with seed " + seed,
                                            folder ->
                                                    ends.addAndGet(
                                                            chain(job, folder, action, seed)));
                                })
                        .iterator();
        int chains = side(1, endless);
        return "%d %s in %d chains"
                .formatted(ends.get(), action.equals("kill") ? "kills" : "power cuts", chains);
    }

    private int chain(Job job, Path folder, String action, long seed) throws Exception {
        Path work = folder.resolve("work");
        Random random = new Random(seed);
        boolean hasOld = random.nextBoolean();
        putOld(job, work, hasOld);
        int epochs = 0;
        for (int ends = 0; ; ends++) {
            long at = 1 + random.nextInt(calls.get(job.name).size() * 4 / 3);
            boolean atAnyTime = random.nextBoolean();
            boolean isReal = action.equals("kill") && random.nextInt(8) == 0;
            String stop = action.equals("power") ? action : isReal ? "kill" : "dead";
            Fault fault = new Fault(stop, at, random.nextBoolean() ? 0 : random.nextLong());
            Cli.Outcome outcome;
            if (isReal) {
                Process process = start(job, folder, "run", atAnyTime ? Fault.NONE : fault);
                if (atAnyTime
                        && !process.waitFor(200 + random.nextInt(1500), TimeUnit.MILLISECONDS)) {
                    process.destroyForcibly();
                }
                outcome = end(process, folder, "run");
                check(outcome.code() == 0 || outcome.code() == 137, "exit code %d", outcome.code());
                check(outcome.err().isEmpty(), "it says %s", outcome.err());
            } else {
                outcome = run(job, folder, fault);
                checkSaid(job, outcome);
            }
            epochs = Math.max(epochs, announced(job, outcome));
            checkKept(job, work, epochs, hasOld);
            if (outcome.code() == 0) {
                checkEnd(job, work);
                return ends;
            }
            age(work);
        }
    }

    /** A minute later: what a process has left that is no more is removed by the next one. */
    private static void age(Path work) throws IOException {
        for (Path part : files(work)) {
            String name = part.getFileName().toString();
            Path dead =
                    part.resolveSibling(
                            name.replaceFirst("\\.\\d+-(\\d+-\\d+\\.part)$", ".999999999-$1"));
            Files.move(part, dead);
            if (dead.getFileName().toString().contains(".999999999-")) {
                Files.setLastModifiedTime(dead, FileTime.from(Instant.now().minusSeconds(100)));
            }
        }
    }

    /**
     * Two processes with the same command in the same folder: both do it, or one says that the
     * other one does.
     */
    private String two() throws Exception {
        List<Job> jobs = new ArrayList<>(jobs());
        Job plain =
                new Job(
                        "train --out",
                        "new",
                        "",
                        JOBS.get(0).command.replace(" --auto-resume", ""));
        expected.put(plain.name, expected.get("train"));
        jobs.add(plain);
        AtomicInteger refused = new AtomicInteger();
        Iterator<Job> endless = Stream.generate(() -> jobs).flatMap(List::stream).iterator();
        int pairs =
                side(
                        1,
                        new Iterator<>() {
                            @Override
                            public boolean hasNext() {
                                return true;
                            }

                            @Override
                            public Runnable next() {
                                Job job = endless.next();
                                return on(
                                        job,
                                        "twice at once",
                                        folder -> refused.addAndGet(both(job, folder)));
                            }
                        });
        return "%d pairs, in %d of which one was refused".formatted(pairs, refused.get());
    }

    private int both(Job job, Path folder) throws Exception {
        Process[] both = {
            start(job, folder, "run", Fault.NONE), start(job, folder, "other", Fault.NONE)
        };
        Cli.Outcome[] outcomes = {end(both[0], folder, "run"), end(both[1], folder, "other")};
        int loser = outcomes[0].code() == 0 ? 1 : 0;
        check(
                outcomes[1 - loser].code() == 0 && outcomes[1 - loser].err().isEmpty(),
                "exit codes %d and %d: %s",
                outcomes[0].code(),
                outcomes[1].code(),
                outcomes[1].err());
        checkEnd(job, folder.resolve("work"));
        if (outcomes[loser].code() == 0) {
            return 0;
        }
        String said = outcomes[loser].err();
        String held = "quern: \\S+/run is in use by process %d since \\S+Z: .*\n";
        check(
                outcomes[loser].code() == 3
                        && (said.matches(held.formatted(both[1 - loser].pid()))
                                || said.matches("quern: \\S+/run holds a run already: .*\n")),
                "refused by %d: %s",
                outcomes[loser].code(),
                said);
        return 1;
    }

    // ---- fetching
    // ----------------------------------------------------------------------------------------------

    private static HttpServer serve(Path folder) throws IOException {
        InetAddress here = InetAddress.getLoopbackAddress();
        HttpServer server = HttpServer.create(new InetSocketAddress(here, 0), 0);
        server.createContext(
                "/",
                exchange -> {
                    String name =
                            Path.of(exchange.getRequestURI().getPath()).getFileName().toString();
                    byte[] all = Files.readAllBytes(folder.resolve(name));
                    String range = exchange.getRequestHeaders().getFirst("Range");
                    int from = range == null ? 0 : Integer.parseInt(range.replaceAll("\\D", ""));
                    int status = range == null ? 200 : from < all.length ? 206 : 416;
                    exchange.sendResponseHeaders(status, status == 416 ? -1 : all.length - from);
                    if (status != 416) {
                        exchange.getResponseBody().write(all, from, all.length - from);
                    }
                    exchange.close();
                });
        server.setExecutor(
                Executors.newCachedThreadPool(
                        task -> {
                            Thread thread = new Thread(task);
                            thread.setDaemon(true);
                            return thread;
                        }));
        server.start();
        return server;
    }

    private String mirror() {
        return "http://127.0.0.1:" + mirror.getAddress().getPort() + "/";
    }

    /** What {@code data fetch} does, but from a server of this machine. */
    private static Cli.Outcome fetch(URI mirror, Path folder) throws Exception {
        Constructor<MnistFetch> from =
                MnistFetch.class.getDeclaredConstructor(List.class, Duration.class);
        from.setAccessible(true);
        try {
            from.newInstance(List.of(mirror), Duration.ofSeconds(20))
                    .into(folder, (file, done, total) -> {});
        } catch (QuernException e) {
            return new Cli.Outcome(e.kind().exitCode(), "", "quern: " + e.getMessage() + "\n");
        }
        return new Cli.Outcome(0, "", "");
    }

    // ---- pages
    // -------------------------------------------------------------------------------------------------

    /**
     * A thousand connections that ask for nothing, for ten seconds, and a reader who asks again and
     * again.
     */
    private String connections() throws Exception {
        jobs();
        Path folder = folder(new Job("draw", "whole", "", "draw run"));
        Process server = start(new Job("draw", "whole", "", "draw run"), folder, "run", Fault.NONE);
        List<Double> millis = new ArrayList<>();
        int opened = 0;
        try {
            URI page = address(server, folder.resolve("run.out"));
            List<SocketChannel> idle = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                for (int k = 0; k < 1000; k++) {
                    if (k == idle.size()) {
                        idle.add(connect(page, k));
                        opened++;
                    } else if (isClosed(idle.get(k))) {
                        idle.set(k, connect(page, k)).close();
                        opened++;
                    }
                }
                long began = System.nanoTime();
                HttpURLConnection reader = (HttpURLConnection) page.toURL().openConnection();
                reader.setRequestProperty("Connection", "close");
                check(reader.getResponseCode() == 200, "status %d", reader.getResponseCode());
                reader.getInputStream().readAllBytes();
                millis.add((System.nanoTime() - began) / 1e6);
                Thread.sleep(50);
            }
            for (SocketChannel channel : idle) {
                channel.close();
            }
        } catch (AssertionError | IOException e) {
            problems.add("connections");
            System.out.println("PROBLEM: connections: " + e);
        } finally {
            server.destroy();
            end(server, folder, "run");
        }
        Collections.sort(millis);
        check(!millis.isEmpty(), "no page came");
        double half = millis.get(millis.size() / 2);
        if (half > 100) {
            problems.add("connections");
            System.out.printf("PROBLEM: connections: a page takes %.0f ms%n", half);
        }
        return "%d connections, 1,000 at a time; %d pages, in %.1f ms (median), %.1f at most"
                .formatted(opened, millis.size(), half, millis.get(millis.size() - 1));
    }

    private static URI address(Process server, Path out) throws Exception {
        Pattern address = Pattern.compile("http://127\\.0\\.0\\.1:\\d+/\\S+");
        while (server.isAlive()) {
            Matcher told = address.matcher(Files.readString(out));
            if (told.find()) {
                return URI.create(told.group());
            }
            Thread.sleep(20);
        }
        throw new AssertionError("it gives no address: " + Files.readString(out));
    }

    /** Every other one begins a request. */
    private static SocketChannel connect(URI page, int number) throws IOException {
        SocketChannel channel =
                SocketChannel.open(new InetSocketAddress("127.0.0.1", page.getPort()));
        channel.write(UTF_8.encode(number % 2 == 0 ? "" : "GET / HTTP/1.1\r\nHost: "));
        channel.configureBlocking(false);
        return channel;
    }

    /** Whether the other side has hung up. */
    private static boolean isClosed(SocketChannel channel) {
        try {
            return channel.read(ByteBuffer.allocate(1000)) < 0;
        } catch (IOException e) {
            return true;
        }
    }

    // ---- native code
    // -------------------------------------------------------------------------------------------

    /**
     * Random networks, with the C compiled for each sanitizer: {@code tools} has a folder of each.
     */
    private String sanitized() throws Exception {
        List<String> done = new ArrayList<>();
        Path suppressed = scratch.resolve("suppressed"); // the JVM is not compiled so
        Files.writeString(
                suppressed,
                "race:libjvm.so\nrace:libjimage.so\nrace:libjava.so\nrace:libzip.so\nrace:libnio.so\n");
        for (String kind : List.of("asan", "tsan")) {
            Path out = scratch.resolve(kind + ".log");
            List<String> command = new ArrayList<>(List.of("setarch", "-R"));
            command.addAll(List.of(System.getProperty("java.home") + "/bin/java"));
            command.addAll(
                    List.of(
                            "-XX:+UseSerialGC",
                            "-XX:TieredStopAtLevel=1",
                            "-Xmx512m",
                            "-Xshare:off"));
            command.addAll(
                    List.of(
                            "-cp",
                            tools.resolve(kind)
                                    + ":"
                                    + jar
                                    + ":"
                                    + System.getProperty("java.class.path")));
            command.addAll(
                    List.of(Torture.class.getName(), "networks", Long.toString(seconds / 2)));
            ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
            Map<String, String> environment = builder.environment();
            environment.put("XDG_CACHE_HOME", scratch.resolve(kind).toString());
            environment.put(
                    "LD_PRELOAD", Files.readString(tools.resolve(kind + "/preload")).strip());
            environment.put("ASAN_OPTIONS", "handle_segv=0:detect_leaks=0:exitcode=77");
            environment.put("UBSAN_OPTIONS", "halt_on_error=1:exitcode=77:print_stacktrace=1");
            environment.put(
                    "TSAN_OPTIONS",
                    "handle_segv=0:exitcode=77:report_signal_unsafe=0:suppressions=" + suppressed);
            Process process = builder.redirectOutput(out.toFile()).start();
            process.waitFor();
            String said = Files.readString(out);
            Matcher networks = Pattern.compile("(?m)^(\\d+) networks$").matcher(said);
            if (process.exitValue() != 0
                    || !networks.find()
                    || said.contains("Sanitizer")
                    || said.contains("runtime error")) {
                problems.add(kind);
                System.out.printf(
                        "PROBLEM: %s: exit code %d%n%s%n", kind, process.exitValue(), said);
            } else {
                done.add(networks.group(1) + " networks with " + kind);
            }
        }
        return String.join(", ", done);
    }

    /** Trains networks that chance chooses, until time is up or there were a thousand. */
    private static void networks(long seconds) {
        long end = System.nanoTime() + seconds * 1_000_000_000;
        int networks = 0;
        for (; networks < 1000 && System.nanoTime() < end; networks++) {
            Random random = new Random(networks);
            StringBuilder model = new StringBuilder();
            for (int layers = random.nextInt(4); layers > 0; layers--) {
                String[] activations = {"", " relu", " tanh", " sigmoid", " gelu", " silu"};
                model.append("dense ")
                        .append(1 + random.nextInt(random.nextInt(10) == 0 ? 300 : 40));
                model.append(activations[random.nextInt(activations.length)]).append(", ");
                model.append(
                        random.nextInt(3) == 0
                                ? "dropout 0.%d, ".formatted(1 + random.nextInt(8))
                                : "");
            }
            String[] optimizers = {"sgd", "adam", "lion"};
            Map<String, Object> settings = new LinkedHashMap<>();
            boolean numbers = random.nextInt(4) == 0; // to predict, not classes
            settings.put("model", model + (numbers ? "dense 1" : "dense 10"));
            settings.put("optimizer", optimizers[random.nextInt(optimizers.length)]);
            settings.put("weight-decay", random.nextBoolean() ? 0 : 0.01);
            settings.put(
                    "momentum",
                    settings.get("optimizer").equals("sgd") && random.nextBoolean() ? 0.9 : 0);
            settings.put("loss", numbers ? "mse" : "cross-entropy");
            settings.put("batch", 1 + random.nextInt(random.nextBoolean() ? 8 : 200));
            settings.put("epochs", 1 + random.nextInt(2));
            settings.put("seed", random.nextLong());
            settings.put("validation", random.nextBoolean() ? 0 : 0.2);
            settings.put(
                    "distort",
                    random.nextInt(5) == 0 ? "rotate 6, scale 0.07, shift 1, bend 1.2" : "none");
            settings.put("lr", random.nextInt(10) == 0 ? 1e6 : 1e-3); // NaN and infinity as well
            settings.put("threads", 1 + random.nextInt(4));
            settings.put("backend", "cpu");
            settings.values().removeIf(value -> value.equals(0));
            RunSettings all = RunSettings.DEFAULT.with(settings);
            try (Training training =
                    Training.open(
                            Digits.generate("digits", 20 + random.nextInt(300), 0, networks),
                            all)) {
                training.fit();
                training.test();
            } catch (QuernException e) {
                if (!e.getMessage().contains("diverged")) {
                    throw new AssertionError(settings + ": " + e.getMessage(), e);
                }
            }
        }
        System.out.println(networks + " networks");
    }

    // ---- the launcher
    // ------------------------------------------------------------------------------------------

    /** In a fresh clone: killed while it builds, then started twice at once. */
    private String launcher() throws Exception {
        Path clone = scratch.resolve("clone");
        int code =
                new ProcessBuilder("git", "clone", "-q", "--no-hardlinks", ".", clone.toString())
                        .inheritIO()
                        .start()
                        .waitFor();
        check(code == 0, "git clone: exit code %d", code);
        Process killed = launch(clone, "killed");
        killed.waitFor(15, TimeUnit.SECONDS);
        killed.descendants().forEach(ProcessHandle::destroyForcibly);
        killed.destroyForcibly().waitFor();
        Process[] both = {launch(clone, "one"), launch(clone, "other")};
        for (int i = 0; i < 2; i++) {
            String name = i == 0 ? "one" : "other";
            check(both[i].waitFor(9, TimeUnit.MINUTES), "it did not end");
            String out = Files.readString(scratch.resolve(name + ".out"));
            if (both[i].exitValue() != 0 || !out.startsWith("quern ")) {
                problems.add("launcher");
                System.out.printf(
                        "PROBLEM: launcher: exit code %d: %s%n", both[i].exitValue(), out);
            }
        }
        return "one kill while it builds, then two first builds at once";
    }

    private Process launch(Path clone, String name) throws IOException {
        return new ProcessBuilder(clone.resolve("quern").toString(), "--version")
                .redirectErrorStream(true)
                .redirectOutput(scratch.resolve(name + ".out").toFile())
                .start();
    }
}
