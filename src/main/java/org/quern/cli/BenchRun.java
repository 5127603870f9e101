package org.quern.cli;

import static org.quern.QuernException.backend;
import static org.quern.QuernException.usage;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.bench.BenchTarget;
import org.quern.bench.Budget;
import org.quern.bench.Crossover;
import org.quern.bench.KernelBench;
import org.quern.bench.Machine;
import org.quern.bench.Roofline;
import org.quern.bench.StepBench;
import org.quern.files.AtomicFile;
import org.quern.io.Json;
import org.quern.report.BenchText;
import org.quern.verify.KernelCase;
import org.quern.verify.KernelCases;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * A run of benchmarks: the options that say what is measured, what it prints as it goes, and the
 * file that it leaves.
 */
final class BenchRun implements KernelBench.Listener, StepBench.Listener {
    @Option(names = "--quick", description = "A look that takes seconds: few sizes, short rounds.")
    boolean quick;

    @Option(names = "--json", paramLabel = "FILE", description = "Write all figures to this file.")
    Path json;

    @Mixin SettingOptions.Running running;

    private final Map<String, Object> file = new LinkedHashMap<>();
    private final List<KernelBench.Result> kernels = new ArrayList<>();
    private final List<List<StepBench.Result>> steps = new ArrayList<>();
    private final List<String> wrong = new ArrayList<>();
    private final List<String> leftOut = new ArrayList<>();
    private Console console;
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
                one -> !only.equalsIgnoreCase(one.name()) && !only.equalsIgnoreCase(one.kind()));
        if (!named.isEmpty()) {
            return named;
        }
        TreeSet<String> kernels = new TreeSet<>();
        all.forEach(one -> kernels.add(one.kind()));
        throw usage(
                "unknown kernel \"%s\": %s",
                only,
                Nearest.to(only.split(" ")[0], kernels)
                        .map("did you mean \"%s\"?"::formatted)
                        .orElse("there are " + String.join(", ", kernels)));
    }

    /** Refuses what cannot be done before anything is measured; prints what is measured on. */
    void begin(Console here) {
        console = here;
        CommonOptions.checkWritable(json);
        how = running.settings().options();
        backends = backends();
        targets = BenchTarget.of(backends, how);
        Machine machine = Machine.here();
        console.about(
                "machine",
                "%s, %d processors, %s, %s",
                machine.processor(),
                machine.processors(),
                machine.system(),
                machine.java());
        if (machine.isBusy()) {
            console.note(
                    "busy with other work (load average %.1f): figures come out too low",
                    machine.loadAverage());
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

    /** The backend that was named, else all that can run here. */
    private List<Backend> backends() {
        if (running.given().containsKey("backend")) {
            return List.of(running.settings().choose().backend());
        }
        if (!how.equals(new Backend.Options(how.threads()))) {
            throw usage(
                    "what is asked of a GPU goes with its backend: add --backend cuda or opencl");
        }
        return Backends.usable();
    }

    private Budget budget() {
        return quick ? Budget.QUICK : Budget.FULL;
    }

    void kernels(List<KernelCase> cases) {
        KernelBench bench = new KernelBench(targets, budget(), console.nanoTime(), this);
        List<Roofline.Figures> limits = bench.run(cases);
        BenchText.kernelNotes().forEach(console::line);
        BenchText.kernelSummary(kernels).forEach(line -> console.about("summary", line));
        file.put("limits", limits);
        file.put("kernels", kernels);
    }

    void steps() {
        List<BenchTarget> trained = BenchTarget.withEngines(backends, how);
        StepBench bench = new StepBench(trained, budget(), console.nanoTime(), this);
        List<String> names = trained.stream().map(BenchTarget::name).toList();
        List<Crossover> crossovers = new ArrayList<>();
        for (StepBench.Network network : StepBench.Network.values()) {
            console.about("steps", network.shape() + ": " + BenchText.stepTitle(names.size()));
            BenchText.stepHead(names).forEach(console::line);
            List<StepBench.Result> results = new ArrayList<>();
            steps.add(results);
            bench.run(network, quick ? StepBench.QUICK_BATCHES : StepBench.BATCHES);
            Crossover.of(results).ifPresent(crossovers::add);
        }
        crossovers.forEach(found -> console.about("crossover", BenchText.crossover(found)));
        String verdict = BenchText.verdict(steps);
        console.about("verdict", verdict);
        file.put("steps", steps.stream().flatMap(List::stream).toList());
        file.put("crossovers", crossovers);
        file.put("verdict", verdict);
    }

    /** Writes the file; fails if a result was wrong. */
    int finish() {
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
        return 0;
    }

    @Override
    public void limits(Roofline.Figures figures) {
        console.about("limits", BenchText.limits(figures));
    }

    @Override
    public void result(KernelBench.Result result) {
        if (kernels.isEmpty()) {
            console.line(BenchText.kernelHead());
        }
        boolean named =
                kernels.isEmpty()
                        || !kernels.get(kernels.size() - 1).kernel().equals(result.kernel());
        kernels.add(result);
        console.line(BenchText.kernel(result, named));
    }

    @Override
    public void row(StepBench.Network network, int batch, List<StepBench.Result> results) {
        results.stream().filter(r -> r != null).forEach(steps.get(steps.size() - 1)::add);
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
