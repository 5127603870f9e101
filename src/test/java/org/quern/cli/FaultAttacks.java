package org.quern.cli;

import static org.quern.cli.Torture.check;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.quern.cli.TortureJobs.Fault;
import org.quern.cli.TortureJobs.Job;
import org.quern.io.SafeTensors;

/**
 * Faults, kills and power cuts at the calls of the file system, and two of a command at once; what
 * is demanded then.
 */
final class FaultAttacks {
    private final TortureJobs jobs;
    private final long seconds;

    FaultAttacks(TortureJobs jobs, long seconds) {
        this.jobs = jobs;
        this.seconds = seconds;
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
        Map<String, String> now = FolderContents.of(work);
        for (String file : job.outputs()) {
            String is = now.get(file);
            check(
                    is == null
                            ? !hadOld
                            : is.equals(FolderContents.OLD)
                                    || is.equals(jobs.expected.get(job.name()).get(file)),
                    "%s is %s",
                    file,
                    is);
        }
    }

    private static int epochs(Path state) {
        String history = SafeTensors.read(state).metadata().get("epochs");
        return (int) history.lines().count() - 1;
    }

    /** The last epoch that is told of and not said to be unsaved; 0 if there is none. */
    private static int announced(Job job, Cli.Outcome outcome) {
        if (!job.command().contains("--out @run")) {
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
        Map<String, String> now = FolderContents.of(work);
        Map<String, String> wanted = jobs.expected.get(job.name());
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

    /** Goes through tries until there are no more or time is up; how many there were. */
    private int go(Iterator<Runnable> tries) {
        long end = System.nanoTime() + seconds * 1_000_000_000;
        int done = 0;
        for (; System.nanoTime() < end && tries.hasNext(); done++) {
            tries.next().run();
        }
        return done;
    }

    /** A try in a folder of its own, which stays if something is wrong. */
    private Runnable on(Job job, String what, Attempt attempt) {
        return () -> {
            try {
                Path folder = jobs.folder(job);
                try {
                    attempt.in(folder);
                    FolderContents.delete(folder);
                } catch (AssertionError | Exception e) {
                    Torture.problem("%s, %s: %s (%s)", job.name(), what, e.getMessage(), folder);
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
            Files.writeString(work.resolve(file), FolderContents.OLD);
        }
    }

    /**
     * Each kind of fault at each call of each job; in an order by chance, should time not suffice.
     */
    String faults() throws Exception {
        List<Runnable> tries = new ArrayList<>();
        for (Job job : jobs.jobs()) {
            List<String> log = jobs.calls.get(job.name());
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
        return go(tries.iterator()) + " of all " + tries.size() + " faults";
    }

    private void fail(Job job, Path folder, Fault fault) throws Exception {
        Path work = folder.resolve("work");
        boolean hasOld = fault.at() % 2 == 0;
        putOld(job, work, hasOld);
        int before =
                job.start().equals("half") ? epochs(work.resolve("run/last.state.safetensors")) : 0;
        Cli.Outcome hit = jobs.run(job, folder, fault);
        checkSaid(job, hit);
        checkKept(job, work, Math.max(before, announced(job, hit)), hasOld);
        if (hit.code() == 0) {
            checkEnd(job, work);
        }
        age(work);
        Cli.Outcome again = jobs.run(job, folder, Fault.NONE);
        check(again.code() == 0 && again.err().isEmpty(), "afterwards: %s", again);
        checkEnd(job, work);
    }

    /**
     * Kills or power cuts at calls by chance (kills also at any time), each time begun again, until
     * the end is reached.
     */
    String chains(String action) throws Exception {
        List<Job> all = jobs.jobs();
        AtomicInteger ends = new AtomicInteger();
        Random random = new Random(seconds);
        Supplier<Runnable> next =
                () -> {
                    // half of all tries are trainings
                    int which = random.nextBoolean() ? 0 : random.nextInt(all.size());
                    Job job = all.get(which);
                    long seed = random.nextInt();
                    String what = action + " with seed " + seed;
                    return on(
                            job, what, folder -> ends.addAndGet(chain(job, folder, action, seed)));
                };
        int chains = go(Stream.generate(next).iterator());
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
            long at = 1 + random.nextInt(jobs.calls.get(job.name()).size() * 4 / 3);
            boolean atAnyTime = random.nextBoolean();
            boolean isReal = action.equals("kill") && random.nextInt(8) == 0;
            String stop = action.equals("power") ? action : isReal ? "kill" : "dead";
            Fault fault = new Fault(stop, at, random.nextBoolean() ? 0 : random.nextLong());
            Cli.Outcome outcome;
            if (isReal) {
                Process process = jobs.start(job, folder, "run", atAnyTime ? Fault.NONE : fault);
                if (atAnyTime
                        && !process.waitFor(200 + random.nextInt(1500), TimeUnit.MILLISECONDS)) {
                    process.destroyForcibly();
                }
                outcome = TortureJobs.end(process, folder, "run");
                check(outcome.code() == 0 || outcome.code() == 137, "exit code %d", outcome.code());
                check(outcome.err().isEmpty(), "it says %s", outcome.err());
            } else {
                outcome = jobs.run(job, folder, fault);
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
        for (Path part : FolderContents.files(work)) {
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
    String two() throws Exception {
        List<Job> all = new ArrayList<>(jobs.jobs());
        all.addAll(jobs.compiling());
        Job plain =
                new Job(
                        "train --out",
                        "new",
                        "",
                        TortureJobs.JOBS.get(0).command().replace(" --auto-resume", ""));
        jobs.expected.put(plain.name(), jobs.expected.get("train"));
        all.add(plain);
        AtomicInteger refused = new AtomicInteger();
        Stream<Runnable> endless =
                Stream.generate(() -> all)
                        .flatMap(List::stream)
                        .map(
                                job ->
                                        on(
                                                job,
                                                "twice at once",
                                                in -> refused.addAndGet(both(job, in))));
        int pairs = go(endless.iterator());
        return "%d pairs, in %d of which one was refused".formatted(pairs, refused.get());
    }

    private int both(Job job, Path folder) throws Exception {
        Process[] both = {
            jobs.start(job, folder, "run", Fault.NONE), jobs.start(job, folder, "other", Fault.NONE)
        };
        Cli.Outcome[] outcomes = {
            TortureJobs.end(both[0], folder, "run"), TortureJobs.end(both[1], folder, "other")
        };
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
        String held = "quern: \\S+/(run|s/\\d+) is in use by process %d since \\S+Z: .*\n";
        check(
                outcomes[loser].code() == 3
                        && (said.matches(held.formatted(both[1 - loser].pid()))
                                || said.matches("quern: \\S+/run holds a run already: .*\n")),
                "refused by %d: %s",
                outcomes[loser].code(),
                said);
        return 1;
    }
}
