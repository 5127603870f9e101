package org.quern.cli;

import static org.quern.QuernException.backend;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.format;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.bench.BenchTarget;
import org.quern.bench.Budget;
import org.quern.bench.KernelBench;
import org.quern.bench.Machine;
import org.quern.bench.Roofline;
import org.quern.bench.StepBench;
import org.quern.data.Splits;
import org.quern.files.AtomicFile;
import org.quern.io.Json;
import org.quern.report.BenchText;
import org.quern.run.Recipe;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.Training;
import org.quern.verify.KernelCase;
import org.quern.verify.KernelCases;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

final class BenchCommands {
    private BenchCommands() {}

    /** Fails if options were given before a command's name: they would be the parent's. */
    static void checkNoneBefore(CommandSpec spec) {
        for (OptionSpec option : spec.parent().commandLine().getParseResult().matchedOptionsSet()) {
            if (!option.inherited() && !option.scopeType().equals(ScopeType.INHERIT)) {
                throw usage(
                        "%s is to follow \"%s\": quern bench %s %s ...",
                        option.longestName(), spec.name(), spec.name(), option.longestName());
            }
        }
    }

    @Command(
            name = "bench",
            description = {
                "Measures this machine: every kernel against what its devices do at most, then"
                        + " training steps by batch size. Without --backend on every backend that"
                        + " can run here. Takes about a minute.",
                ""
            },
            synopsisSubcommandLabel = "[COMMAND]",
            footer = {
                "  quern bench",
                "  quern bench --quick --backend cpu",
                "  quern bench --json bench.json",
                "  quern bench mnist --rung 99",
                "",
                "Exit codes: 4 if a result is wrong, else 0."
            })
    static void bench(@Mixin BenchRun run, @Mixin Options.Common common) {
        run.begin(common.console());
        run.kernels(run.cases(null));
        run.steps();
        run.finish();
    }

    @Command(
            name = "kernels",
            description = {
                "Every kernel at sizes of use: checked against the float64 reference, then timed,"
                        + " and held against what this device does at most. Without --backend on"
                        + " every backend that can run here.",
                ""
            },
            footer = {
                "  quern bench kernels",
                "  quern bench kernels --backend cpu --threads 1",
                "  quern bench kernels --only DenseForward",
                "  quern bench kernels --quick --json kernels.json",
                "",
                "Exit codes: 4 if a kernel computes something wrong, else 0."
            })
    static void kernels(
            @Option(
                            names = "--only",
                            paramLabel = "NAME",
                            description =
                                    "One kernel alone, such as DenseForward, or one line of the"
                                            + " table, such as \"Adam 38592\".")
                    String only,
            @Mixin BenchRun run,
            @Mixin Options.Common common) {
        checkNoneBefore(common.command);
        List<KernelCase> cases = run.cases(only);
        run.begin(common.console());
        run.kernels(cases);
        run.finish();
    }

    @Command(
            name = "steps",
            description = {
                "Time of a training step by batch size, of a small and a wide network, on every"
                        + " backend that can run here, and which of them is the fastest.",
                ""
            },
            footer = {
                "  quern bench steps",
                "  quern bench steps --backend cpu --threads 1",
                "  quern bench steps --quick --json steps.json"
            })
    static void steps(@Mixin BenchRun run, @Mixin Options.Common common) {
        checkNoneBefore(common.command);
        run.begin(common.console());
        run.steps();
        run.finish();
    }

    @Command(
            name = "mnist",
            description = {
                "Time to accuracy on MNIST: the recipes for 97, 98, 98.5 and 99 %%, each with"
                        + " several seeds.",
                ""
            },
            footer = {
                "  quern bench mnist",
                "  quern bench mnist --seeds 10 --json mnist.json",
                "  quern bench mnist --rung 99 --backend cpu"
            })
    static final class Mnist implements Runnable {
        @Option(
                names = "--data",
                paramLabel = "FOLDER",
                description = "MNIST's folder (looked for).")
        String data = "";

        @Option(names = "--seeds", paramLabel = "N", description = "Runs of each recipe (3).")
        int seeds = 3;

        @Option(
                names = "--rung",
                paramLabel = "NAME",
                description = "One recipe alone: 97 and so on.")
        String rung;

        @Option(names = "--json", paramLabel = "FILE", description = "Write all runs to this file.")
        Path json;

        @Mixin Options.Running running;

        @Mixin Options.Common common;

        private Console console;

        private record Run(String recipe, long seed, double accuracy, double seconds) {}

        @Override
        public void run() {
            console = common.console();
            checkNoneBefore(common.command);
            expect(seeds >= 1, "seeds %d: give 1 or more", seeds);
            Set<Recipe> rungs = EnumSet.range(Recipe.PERCENT_97, Recipe.PERCENT_99);
            if (rung != null) {
                rungs = EnumSet.of(Recipe.parse(rung));
            }
            Options.checkWritable(json);
            String located = DataSource.locateReal(console, data);
            Splits splits = DataSource.read(RunSettings.DEFAULT, located);
            RunSettings base = running.settings();
            Backends.Choice choice = base.choose();
            console.about("device", choice.text());
            console.about("data", DataSource.described(console, splits, located));
            if (!DataSource.isMnist(located)) {
                console.note("the rungs are MNIST's: other data has its own");
            }
            // the JVM's own clock: the system tells of a process' start by the second only
            double before = ManagementFactory.getRuntimeMXBean().getUptime() * 1e-3;
            console.about("start", "%.2f s from the JVM's start to here", before);
            console.line(
                    "  rung  reached   mean  least  most  seconds from step 0  from JVM start");
            List<Run> runs = new ArrayList<>();
            for (Recipe recipe : rungs) {
                for (int seed = 1; seed <= seeds; seed++) {
                    Map<String, String> own = Map.of("recipe", recipe.text(), "seed", "" + seed);
                    runs.add(run(recipe, base.with(own), splits, choice.backend()));
                }
                print(recipe, runs.subList(runs.size() - seeds, runs.size()), before);
            }
            if (json != null) {
                Map<String, Object> all = new LinkedHashMap<>();
                all.put("backend", choice.backend().name());
                all.put("device", choice.device());
                all.put("data", splits.description());
                all.put("secondsBeforeTheFirstRun", before);
                all.put("runs", runs);
                AtomicFile.write(json, Json.indented(all));
            }
        }

        private Run run(Recipe recipe, RunSettings settings, Splits splits, Backend backend) {
            Splits parts = settings.parts(splits);
            long start = console.nanoTime().getAsLong();
            try (Training training = new Training(settings, parts, backend)) {
                training.fit();
                double seconds = console.secondsSince(start);
                double accuracy = training.test().accuracy();
                return new Run(recipe.text(), settings.get(Setting.SEED), accuracy, seconds);
            }
        }

        private void print(Recipe recipe, List<Run> runs, double before) {
            DoubleSummaryStatistics accuracy =
                    runs.stream().mapToDouble(Run::accuracy).summaryStatistics();
            double seconds = runs.stream().mapToDouble(Run::seconds).average().orElseThrow();
            long reached = runs.stream().filter(run -> run.accuracy >= recipe.accuracy()).count();
            String share = format("%6s  %3d/%-3d", recipe.text(), reached, runs.size());
            double mean = accuracy.getAverage();
            String spread = format("%.4f %.4f %.4f", mean, accuracy.getMin(), accuracy.getMax());
            console.line("%s  %s  %19.2f  %14.2f", share, spread, seconds, before + seconds);
        }
    }

    /** Options that say what is measured, what is printed of it, and the file that it leaves. */
    static final class BenchRun implements KernelBench.Listener {
        @Option(
                names = "--quick",
                description = "A look that takes seconds: few sizes, short rounds.")
        boolean quick;

        @Option(
                names = "--json",
                paramLabel = "FILE",
                description = "Write all figures to this file.")
        Path json;

        @Mixin Options.Running running;

        private final Map<String, Object> file = new LinkedHashMap<>();
        private final List<KernelBench.Result> kernels = new ArrayList<>();
        private final List<String> wrong = new ArrayList<>();
        private final List<String> leftOut = new ArrayList<>();
        private Console console;
        private Budget effort;
        private Backend.Options how;
        private List<Backend> backends;
        private List<BenchTarget> targets;

        private record Device(String backend, String detail, boolean gpu) {}

        /** The cases of a kernel, or the one of that name; all if it is null. */
        List<KernelCase> cases(String only) {
            List<KernelCase> all = quick ? KernelCases.quickBench() : KernelCases.bench();
            if (only == null) {
                return all;
            }
            List<KernelCase> named = new ArrayList<>(all);
            named.removeIf(
                    one -> Stream.of(one.name(), one.kind()).noneMatch(only::equalsIgnoreCase));
            if (named.isEmpty()) {
                Set<String> kinds = new TreeSet<>();
                all.forEach(one -> kinds.add(one.kind()));
                String known = "there are " + String.join(", ", kinds);
                String near = QuernException.nearest(only.split(" ")[0], kinds, known);
                throw usage("unknown kernel \"%s\": %s", only, near);
            }
            return named;
        }

        /** Refuses what cannot be done before anything is measured; prints what is measured on. */
        void begin(Console here) {
            console = here;
            effort = quick ? Budget.QUICK : Budget.FULL;
            Options.checkWritable(json);
            how = running.settings().options();
            boolean named = running.given().containsKey("backend");
            if (!named && !how.equals(new Backend.Options(how.threads()))) {
                throw usage(
                        "what is asked of a GPU goes with its backend: add --backend cuda or opencl");
            }
            backends = named ? List.of(running.settings().choose().backend()) : Backends.usable();
            targets = BenchTarget.of(backends, how);
            Machine machine = Machine.here();
            console.about("machine", machine.text());
            if (machine.isBusy()) {
                String busy = "busy with other work (load average %.1f): figures come out too low";
                console.note(busy, machine.loadAverage());
            }
            List<Device> devices = new ArrayList<>();
            for (BenchTarget target : targets) {
                console.about("device", target.name() + ": " + target.detail());
                devices.add(new Device(target.name(), target.detail(), target.onGpu()));
            }
            file.put("machine", machine);
            file.put("quick", quick);
            file.put("devices", devices);
        }

        void kernels(List<KernelCase> cases) {
            KernelBench bench = new KernelBench(targets, effort, console.nanoTime(), this);
            List<Roofline.Figures> limits = bench.run(cases);
            BenchText.kernelNotes().forEach(console::line);
            BenchText.kernelSummary(kernels).forEach(line -> console.about("summary", line));
            file.put("limits", limits);
            file.put("kernels", kernels);
        }

        void steps() {
            List<BenchTarget> trained = BenchTarget.withEngines(backends, how);
            StepBench bench = new StepBench(trained, effort, console.nanoTime(), this);
            List<String> names = trained.stream().map(BenchTarget::name).toList();
            List<StepBench.Crossover> crossovers = new ArrayList<>();
            List<List<StepBench.Result>> steps = new ArrayList<>();
            for (StepBench.Network network : StepBench.Network.values()) {
                console.about("steps", network.shape() + ": " + BenchText.stepTitle(names.size()));
                BenchText.stepHead(names).forEach(console::line);
                steps.add(bench.run(network, quick ? StepBench.QUICK_BATCHES : StepBench.BATCHES));
                StepBench.Crossover.of(steps.get(steps.size() - 1)).ifPresent(crossovers::add);
            }
            crossovers.forEach(found -> console.about("crossover", BenchText.crossover(found)));
            String verdict = BenchText.verdict(steps);
            console.about("verdict", verdict);
            file.put("steps", steps.stream().flatMap(List::stream).toList());
            file.put("crossovers", crossovers);
            file.put("verdict", verdict);
        }

        void finish() {
            file.put("wrong", wrong);
            file.put("leftOut", leftOut);
            if (json != null) {
                AtomicFile.write(json, Json.indented(file));
                console.about("written", json.toString());
            }
            if (!wrong.isEmpty()) {
                throw backend(
                        "wrong results: %d; the first: %s; see the lines that begin with \"wrong\"",
                        wrong.size(), wrong.get(0));
            }
        }

        @Override
        public void limits(Roofline.Figures figures) {
            console.about("limits", BenchText.limits(figures));
        }

        @Override
        public void result(KernelBench.Result result) {
            String above = kernels.isEmpty() ? "" : kernels.get(kernels.size() - 1).kernel();
            if (kernels.isEmpty()) {
                console.line(BenchText.kernelHead());
            }
            kernels.add(result);
            console.line(BenchText.kernel(result, !above.equals(result.kernel())));
        }

        @Override
        public void row(int batch, List<StepBench.Result> results) {
            console.line(BenchText.stepRow(batch, results));
        }

        @Override
        public void wrong(String line) {
            wrong.add(line);
            console.about("wrong", line);
        }

        @Override
        public void leftOut(String line) {
            leftOut.add(line);
            console.about("left out", line);
        }
    }
}
