package org.quern.cli;

import static org.quern.QuernException.backend;
import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.backend.Backend;
import org.quern.bench.BenchTarget;
import org.quern.bench.Crossover;
import org.quern.bench.KernelBench;
import org.quern.bench.Machine;
import org.quern.bench.Roofline;
import org.quern.bench.StepBench;
import org.quern.files.AtomicFile;
import org.quern.io.Json;
import org.quern.report.BenchText;
import org.quern.verify.KernelCase;

/** A run of benchmarks: what it prints as it goes, and the file that it leaves. */
final class BenchRun implements KernelBench.Listener, StepBench.Listener {
    private final Console console;
    private final BenchCommands.Options options;
    private final List<Backend> backends;
    private final List<BenchTarget> targets;
    private final Map<String, Object> file = new LinkedHashMap<>();
    private final List<KernelBench.Result> kernels = new ArrayList<>();
    private final List<List<StepBench.Result>> steps = new ArrayList<>();
    private final List<String> wrong = new ArrayList<>();
    private final List<String> leftOut = new ArrayList<>();

    /** A backend in the file. */
    private record Device(String backend, String detail, boolean gpu) {}

    /** Refuses what cannot be done before anything is measured; prints what is measured on. */
    BenchRun(Console console, BenchCommands.Options options) {
        this.console = console;
        this.options = options;
        if (options.json != null) {
            AtomicFile.check(options.json);
        }
        backends = options.backends();
        targets = BenchTarget.of(backends, options.running.options());
        Machine machine = Machine.here();
        console.about(
                "machine",
                format(
                        "%s, %d processors, %s, %s",
                        machine.processor(),
                        machine.processors(),
                        machine.system(),
                        machine.java()));
        if (machine.isBusy()) {
            console.about(
                    "note",
                    format(
                            "busy with other work (load average %.1f): figures come out too low",
                            machine.loadAverage()));
        }
        targets.forEach(one -> console.about("device", one.name() + ": " + one.detail()));
        List<Device> devices =
                targets.stream()
                        .map(one -> new Device(one.name(), one.detail(), one.onGpu()))
                        .toList();
        file.put("machine", machine);
        file.put("quick", options.quick);
        file.put("devices", devices);
    }

    void kernels(List<KernelCase> cases) {
        KernelBench bench = new KernelBench(targets, options.budget(), console.nanoTime(), this);
        List<Roofline.Figures> limits = bench.run(cases);
        BenchText.kernelNotes().forEach(console::line);
        BenchText.kernelSummary(kernels).forEach(line -> console.about("summary", line));
        file.put("limits", limits);
        file.put("kernels", kernels);
    }

    void steps() {
        List<BenchTarget> trained = BenchTarget.withEngines(backends, options.running.options());
        StepBench bench = new StepBench(trained, options.budget(), console.nanoTime(), this);
        List<String> names = trained.stream().map(BenchTarget::name).toList();
        List<Crossover> crossovers = new ArrayList<>();
        for (StepBench.Network network : StepBench.Network.values()) {
            console.about("steps", network.shape() + ": " + BenchText.stepTitle(names.size()));
            BenchText.stepHead(names).forEach(console::line);
            steps.add(new ArrayList<>());
            bench.run(network, options.quick ? StepBench.QUICK_BATCHES : StepBench.BATCHES);
            List<StepBench.Result> results = steps.get(steps.size() - 1);
            Crossover.of(results).ifPresent(crossovers::add);
        }
        crossovers.forEach(found -> console.about("crossover", BenchText.crossover(found)));
        String verdict = BenchText.verdict(steps);
        console.about("verdict", verdict);
        file.put("steps", steps.stream().flatMap(List::stream).toList());
        file.put("crossovers", crossovers);
        file.put("verdict", verdict);
    }

    /**
     * Writes the file.
     *
     * @throws org.quern.QuernException if a result was wrong
     */
    int finish() {
        file.put("wrong", wrong);
        file.put("leftOut", leftOut);
        if (options.json != null) {
            AtomicFile.write(options.json, Json.indented(file));
            console.about("written", options.json.toString());
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
