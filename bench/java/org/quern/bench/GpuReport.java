package org.quern.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.data.DataReader;
import org.quern.data.Dataset;
import org.quern.data.Mnist;
import org.quern.data.Splits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Plan;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;
import org.quern.verify.AwkwardCases;
import org.quern.verify.KernelCase;

/**
 * What a machine with a GPU has to show. A process does one phase of it: a kernel's fault loses the
 * device to its process, and must cost nothing else. What is measured goes to the report line by
 * line, as it is measured; what is wrong is counted, and the exit code says so.
 *
 * <pre>GpuReport REPORT.jsonl PHASE [quick] [BACKEND] [ENGINE] [WORKLOAD]</pre>
 *
 * <pre>
 * losses   a hundred steps of the tutorial on MNIST: each one's loss beside the cpu backend's
 * twice    the tutorial's training twice, which must give the same bits
 * cases    every kernel case
 * steps    the time of a step of a network, by an engine or by each that there is
 * launch   eight steps of the tutorial and no more, for profilers and sanitizers
 * rates    each kernel's bandwidth beside a copy on the device, our products beside cuBLAS's
 * layer    a wide layer beside cuBLAS's products alone
 * cubins   writes the jar's cubins to the folder that stands in the report's place
 * </pre>
 *
 * quick: small sizes and few steps, to try the report itself. BACKEND is cuda, and WORKLOAD the
 * tutorial, if nothing else is said.
 */
public final class GpuReport {
    /** Steps after which rounding has not grown yet, and how far losses may then be apart. */
    private static final int EARLY = 8;

    private static final double EARLY_LIMIT = 1e-5;
    private static final double LATE_LIMIT = 1e-3;

    private final ReportLines lines;
    private final boolean quick;
    private final Backend backend;
    private final Backend.Engine engine; // null for each
    private final Workload workload;
    private int wrong;

    private GpuReport(Path report, List<String> words) {
        lines = new ReportLines(report);
        List<String> left = new ArrayList<>(words);
        quick = left.remove("quick");
        List<Backend> backends =
                Backends.all().stream().filter(b -> left.remove(b.name())).toList();
        backend = Backends.choose(backends.isEmpty() ? "cuda" : backends.get(0).name()).backend();
        engine = named(Backend.Engine.values(), left);
        Workload other = named(Workload.values(), left);
        workload = other == null ? Workload.TUTORIAL : other;
        if (!left.isEmpty()) {
            throw QuernException.usage("what is \"%s\"?", String.join(" ", left));
        }
    }

    private static <E extends Enum<E>> E named(E[] all, List<String> words) {
        return Arrays.stream(all)
                .filter(one -> words.remove(one.name().toLowerCase(Locale.ROOT)))
                .findFirst()
                .orElse(null);
    }

    public static void main(String[] arguments) throws IOException {
        Path report = Path.of(arguments[0]);
        String phase = arguments[1];
        if (phase.equals("cubins")) {
            cubins(report);
            return;
        }
        int wrong = 1;
        try {
            GpuReport one =
                    new GpuReport(report, Arrays.asList(arguments).subList(2, arguments.length));
            one.attempt(phase, () -> one.run(phase));
            wrong = one.wrong;
        } catch (DeviceLost e) {
            say("the device is lost to this process: the rest of %s is left out", phase);
        } catch (QuernException e) {
            say("WRONG %s: %s", phase, e.getMessage());
        }
        System.exit(wrong == 0 ? 0 : 1);
    }

    private void run(String phase) {
        switch (phase) {
            case "losses" -> losses();
            case "twice" -> twice();
            case "cases" -> cases();
            case "steps" -> steps();
            case "launch" -> launch();
            case "rates" -> new KernelRates(backend, quick, lines).measure();
            case "layer" -> new LayerRates(quick, lines).measure();
            default -> throw QuernException.usage("there is no phase \"%s\"", phase);
        }
    }

    static void say(String line, Object... values) {
        System.out.println(String.format(Locale.ROOT, line, values));
    }

    private void wrong(String text) {
        wrong++;
        say("WRONG %s", text);
        lines.add("wrong", Map.of("text", text));
    }

    /** Does a piece of a phase; its failure is told, and ends the phase if the device is lost. */
    private void attempt(String what, Runnable work) {
        try {
            work.run();
        } catch (DeviceLost e) {
            throw e;
        } catch (RuntimeException e) {
            wrong("%s: %s".formatted(what, e));
            if (QuernException.isDeviceLost(e)) {
                throw new DeviceLost();
            }
        }
    }

    /** Ends a phase of which every later measurement would fail alike. */
    private static final class DeviceLost extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    private static Splits mnist() {
        return DataReader.read(
                Mnist.find(System.getenv())
                        .orElseThrow(() -> new IllegalStateException("no MNIST found")));
    }

    private static Dataset first(int rows, Dataset data) {
        return data.select(IntStream.range(0, rows).toArray());
    }

    /** Where two backends part is seen in the first steps; later ones grow each rounding. */
    private void losses() {
        int count = quick ? 2 * EARLY : 100;
        Plan plan = tutorial().plan();
        Dataset data = first(3200, mnist().train());
        float[] expected = losses(plan, Backends.choose("cpu").backend(), null, data, count);
        float[] given = losses(plan, backend, engine, data, count);
        double early = 0;
        double late = 0;
        for (int i = 0; i < count; i++) {
            double apart = Math.abs(given[i] - expected[i]) / Math.abs(expected[i]);
            // comparisons that NaN fails
            late = apart <= late ? late : apart;
            if (i < EARLY) {
                early = apart <= early ? early : apart;
            }
        }
        String name = engine == null ? "auto" : lower(engine);
        say(
                "losses beside cpu: %.1e apart in %d steps, %.1e in %d; the last is %.5f",
                early, EARLY, late, count, given[count - 1] / plan.batch());
        lines.add("losses", Map.of("engine", name, "steps", count, "early", early, "late", late));
        if (!(early <= EARLY_LIMIT && late <= LATE_LIMIT)) {
            wrong("losses by engine %s are not those of cpu".formatted(name));
        }
    }

    private static float[] losses(
            Plan plan, Backend on, Backend.Engine engine, Dataset data, int count) {
        Backend.Options options = Backend.Options.DEFAULT;
        long started = System.nanoTime();
        try (Executor executor = on.open(plan, engine == null ? options : options.with(engine));
                DeviceDataset resident = executor.upload(data)) {
            executor.initialise(1);
            Steps steps = new Steps(1, count).select(0, count, plan.optimizer(), s -> 1e-3);
            executor.train(resident, steps);
            String taken = executor.engine(data);
            say(
                    "%s, opened and trained in %.2f s%s",
                    executor.device(),
                    (System.nanoTime() - started) * 1e-9,
                    taken == null ? "" : ": " + taken);
            return steps.losses().clone();
        }
    }

    /** The steps of one launch of the fused kernel, or as many of another engine's. */
    private void launch() {
        Dataset data = first(3200, mnist().train());
        losses(workload.plan(), backend, engine, data, EARLY);
    }

    private void cases() {
        List<KernelCase> all = AwkwardCases.all();
        List<KernelCase> some =
                IntStream.range(0, all.size())
                        .filter(i -> !quick || i % 40 == 0)
                        .mapToObj(all::get)
                        .toList();
        int run = 0;
        for (KernelCase one : some) {
            attempt(
                    one.name(),
                    () -> {
                        Optional<String> problem = one.check(backend, Backend.Options.DEFAULT);
                        problem.ifPresent(this::wrong);
                    });
            run++;
            if (run % 40 == 0 || run == some.size()) {
                // each case tells one wrong thing at most
                say("%d of %d kernel cases right, of %d", run - wrong, run, all.size());
                lines.add(
                        "cases",
                        Map.of("backend", backend.name(), "right", run - wrong, "run", run));
            }
        }
    }

    private void twice() {
        Splits mnist = mnist();
        Dataset train = quick ? first(640, mnist.train()) : mnist.train();
        Dataset test = quick ? first(500, mnist.test()) : mnist.test();
        float[][] states = new float[2][];
        for (int run = 0; run < 2; run++) {
            TrainingConfig config = tutorial();
            long started = System.nanoTime();
            try (Trainer trainer = Trainer.open(config, backend, Backend.Options.DEFAULT)) {
                double opened = (System.nanoTime() - started) * 1e-9;
                trainer.fit(train, quick ? 1 : 5);
                double trained = (System.nanoTime() - started) * 1e-9 - opened;
                double accuracy = trainer.evaluate(test).accuracy();
                states[run] = trainer.state();
                lines.add(
                        "training",
                        Map.of(
                                "backend", backend.name(),
                                "device", trainer.executor().device(),
                                "openSeconds", opened,
                                "trainSeconds", trained,
                                "testAccuracy", accuracy));
                say(
                        "%s tutorial: open %.3f s, train %.3f s, test accuracy %.4f",
                        backend.name(), opened, trained, accuracy);
                if (!quick && accuracy < 0.955) {
                    wrong("%s: test accuracy %.4f".formatted(backend.name(), accuracy));
                }
            }
        }
        if (Arrays.equals(states[0], states[1])) {
            say("two trainings gave the same bits");
        } else {
            wrong(backend.name() + ": two trainings gave different bits");
        }
    }

    private static TrainingConfig tutorial() {
        return TrainingConfig.of(
                ModelText.parse(Model.input(28, 28).scaled(Scaling.UNIT), ModelText.TUTORIAL));
    }

    private void steps() {
        StepTimes times = new StepTimes(backend, workload, quick, lines);
        for (Backend.Options way : times.ways(engine)) {
            String name = "%s by %s".formatted(lower(way.engine()), lower(way.gemm()));
            attempt("steps of %s, %s".formatted(workload.label(), name), () -> times.time(way));
        }
    }

    /** For a probe that is no Java program. */
    private static void cubins(Path folder) throws IOException {
        List<String> units =
                List.of(
                        "quern",
                        "fused_cluster_4",
                        "fused_cluster_8",
                        "fused_cluster_12",
                        "fused_cluster_16",
                        "fused_784_48_15_10_adam",
                        "fused_grid");
        for (String unit : units) {
            for (int capability : new int[] {75, 80, 86, 89, 90, 100, 120}) {
                String name = "%s-sm_%d.cubin".formatted(unit, capability);
                try (var cubin = GpuReport.class.getResourceAsStream("/kernels/cubin/" + name)) {
                    if (cubin != null) {
                        Files.copy(cubin, folder.resolve(name));
                    }
                }
            }
        }
    }
}
