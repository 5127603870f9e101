package org.quern.bench;

import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.backend.Executor;
import org.quern.backend.Resident;
import org.quern.backend.Steps;
import org.quern.backend.check.KernelCase;
import org.quern.backend.check.KernelCases;
import org.quern.backend.cuda.CudaBackend;
import org.quern.backend.kernel.Device;
import org.quern.backend.opencl.OpenclBackend;
import org.quern.data.Dataset;
import org.quern.data.Mnist;
import org.quern.data.Splits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Plan;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/**
 * What a machine with a GPU has to show: every kernel case, the tutorial's training and the time of
 * its steps on every backend, each kernel's bandwidth against a copy on the device, our products
 * against cuBLAS. Checks come first; what is wrong is counted, and the exit code says so.
 *
 * <pre>GpuReport REPORT.json [quick] [cases] [BACKEND...]</pre>
 *
 * quick: small sizes and few steps, to try the report itself. cases: the kernel cases and no more.
 * With backends named, those alone.
 */
public final class GpuReport {
    private final Map<String, Object> report = new LinkedHashMap<>();
    private final List<String> wrong = new ArrayList<>();
    private final boolean quick;
    private final List<Backend> usable;

    private GpuReport(List<String> words) {
        quick = words.contains("quick");
        boolean named = Backends.all().stream().anyMatch(b -> words.contains(b.name()));
        usable =
                Backends.all().stream()
                        .filter(b -> b.priority() >= 0 && b.availability().usable())
                        .filter(b -> !named || words.contains(b.name()))
                        .toList();
    }

    public static void main(String[] arguments) throws IOException {
        List<String> words = Arrays.asList(arguments);
        GpuReport report = new GpuReport(words);
        report.cases();
        if (!words.contains("cases")) {
            report.training();
            report.steps();
            report.kernels();
        }
        report.report.put("wrong", report.wrong);
        Files.writeString(
                Path.of(arguments[0]),
                new GsonBuilder().setPrettyPrinting().create().toJson(report.report) + "\n");
        say("%d wrong%s", report.wrong.size(), report.wrong.isEmpty() ? "" : ":");
        report.wrong.forEach(line -> say("  %s", line));
        System.exit(report.wrong.isEmpty() ? 0 : 1);
    }

    static void say(String line, Object... values) {
        System.out.println(String.format(Locale.ROOT, line, values));
    }

    private void cases() {
        Map<String, Object> devices = new LinkedHashMap<>();
        for (Backend backend : Backends.all()) {
            Backend.Availability availability = backend.availability();
            devices.put(backend.name(), availability.detail());
            say("%-10s %s", backend.name(), availability.detail());
        }
        report.put("devices", devices);
        Map<String, Object> counts = new LinkedHashMap<>();
        for (Backend backend : usable) {
            int right = 0;
            for (KernelCase one : KernelCases.all()) {
                Optional<String> problem;
                try {
                    problem = one.check(backend, Backend.Options.DEFAULT);
                } catch (RuntimeException e) {
                    problem = Optional.of(one.name() + ": " + e.getMessage());
                }
                if (problem.isPresent()) {
                    wrong.add(backend.name() + ": " + problem.get());
                } else {
                    right++;
                }
            }
            counts.put(backend.name(), right);
            say("%-10s %d of %d kernel cases", backend.name(), right, KernelCases.all().size());
        }
        report.put("cases", counts);
    }

    /** The tutorial's five epochs on MNIST, twice: the second must give the same bits. */
    private void training() {
        Splits mnist =
                Mnist.load(
                        Mnist.find(System.getenv())
                                .orElseThrow(() -> new IllegalStateException("no MNIST found")));
        Dataset train =
                quick ? mnist.train().select(IntStream.range(0, 3200).toArray()) : mnist.train();
        List<Object> runs = new ArrayList<>();
        for (Backend backend : usable) {
            float[][] states = new float[2][];
            for (int run = 0; run < 2; run++) {
                TrainingConfig config = tutorial();
                long started = System.nanoTime();
                try (Trainer trainer = Trainer.open(config, backend, Backend.Options.DEFAULT)) {
                    double opened = (System.nanoTime() - started) * 1e-9;
                    trainer.fit(train, null, quick ? 1 : 5);
                    double trained = (System.nanoTime() - started) * 1e-9 - opened;
                    double accuracy = trainer.evaluate(mnist.test()).accuracy();
                    states[run] = trainer.state();
                    if (!quick && accuracy < 0.955) {
                        wrong.add("%s: test accuracy %.4f".formatted(backend.name(), accuracy));
                    }
                    runs.add(
                            Map.of(
                                    "backend", backend.name(),
                                    "device", trainer.executor().device(),
                                    "openSeconds", opened,
                                    "trainSeconds", trained,
                                    "testAccuracy", accuracy));
                    say(
                            "%-10s tutorial: open %.3f s, train %.3f s, test accuracy %.4f",
                            backend.name(), opened, trained, accuracy);
                }
            }
            if (!Arrays.equals(states[0], states[1])) {
                wrong.add(backend.name() + ": two runs gave different bits");
            }
        }
        report.put("training", runs);
    }

    private static TrainingConfig tutorial() {
        return TrainingConfig.of(
                ModelText.parse(
                        Model.input(28, 28).scaled(Scaling.UNIT),
                        "dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10"));
    }

    /** Time of a step by wall clock over many steps in one call; medians of rounds. */
    private void steps() {
        List<Object> times = new ArrayList<>();
        Dataset digits = Workload.digits();
        for (Workload workload : Workload.values()) {
            for (Backend backend : usable) {
                if (backend.name().equals("java") && workload == Workload.WIDE) {
                    continue;
                }
                for (Backend.Options way : ways(backend)) {
                    Map<String, Object> one = time(workload, backend, way, digits);
                    if (one != null) {
                        times.add(one);
                    }
                }
            }
        }
        report.put("steps", times);
    }

    /** What can multiply there: beside our own kernels cuBLAS, if it opens. */
    private static List<Backend.Gemm> gemms(Backend backend) {
        if (backend instanceof CudaBackend cuda) {
            try (Device device = cuda.device(options(Backend.Gemm.CUBLAS))) {
                say("%-10s %s", "products", device.description());
                return List.of(Backend.Gemm.OWN, Backend.Gemm.CUBLAS, Backend.Gemm.AUTO);
            } catch (QuernException e) {
                say("%-10s %s", "products", e.getMessage());
            }
        }
        return List.of(Backend.Gemm.AUTO);
    }

    /**
     * On a GPU each engine, and by graph each way to multiply; on OpenCL's CPUs, which nobody
     * trains on and which take minutes to compile the fused kernel, no engine is asked for by name.
     */
    private static List<Backend.Options> ways(Backend backend) {
        boolean posing = backend.name().equals("opencl") && !backend.availability().automatic();
        if (backend.onHost() || posing) {
            return List.of(Backend.Options.DEFAULT);
        }
        List<Backend.Options> ways = new ArrayList<>();
        ways.add(Backend.Options.DEFAULT.with(Backend.Engine.FUSED));
        ways.add(Backend.Options.DEFAULT.with(Backend.Engine.TENSOR));
        for (Backend.Gemm gemm : gemms(backend)) {
            ways.add(options(gemm).with(Backend.Engine.GRAPH));
        }
        ways.add(Backend.Options.DEFAULT.with(Backend.Engine.OPS));
        return ways;
    }

    private static Backend.Options options(Backend.Gemm gemm) {
        return Backend.Options.DEFAULT.with(gemm);
    }

    /** Null where the workload is not trained so. */
    private Map<String, Object> time(
            Workload workload, Backend backend, Backend.Options way, Dataset digits) {
        Plan plan = workload.plan();
        boolean gpu = !backend.onHost();
        int count = quick ? (workload == Workload.WIDE ? 3 : 20) : gpu ? 1875 : 400;
        int rounds = quick ? 3 : 9;
        double[] micros = new double[rounds];
        String engine;
        try (Executor executor = backend.open(plan, way);
                Resident data = executor.upload(digits)) {
            engine = executor.engine(digits) == null ? "" : executor.engine(digits);
            if (way.engine().isFused() && !engine.startsWith("fused")) {
                say("%-10s %-8s %s", backend.name(), workload, engine);
                return null;
            }
            executor.initialise(1);
            Steps steps = new Steps(1, count);
            for (int round = -2; round < rounds; round++) {
                steps.select((round + 2L) * count, count, plan.optimizer(), s -> 1e-3);
                long started = System.nanoTime();
                executor.train(data, steps);
                if (round >= 0) {
                    micros[round] = (System.nanoTime() - started) * 1e-3 / count;
                }
            }
        }
        Arrays.sort(micros);
        double median = micros[rounds / 2];
        say(
                "%-10s %-8s gemm %-6s %.2f us a step (%.2f to %.2f) %s",
                backend.name(),
                workload.name().toLowerCase(Locale.ROOT),
                way.gemm().name().toLowerCase(Locale.ROOT),
                median,
                micros[0],
                micros[rounds - 1],
                engine);
        return Map.of(
                "backend",
                backend.name(),
                "workload",
                workload.name().toLowerCase(Locale.ROOT),
                "gemm",
                way.gemm().name().toLowerCase(Locale.ROOT),
                "engine",
                engine,
                "micros",
                median,
                "least",
                micros[0],
                "most",
                micros[rounds - 1]);
    }

    private void kernels() {
        Map<String, Object> results = new LinkedHashMap<>();
        for (Backend backend : usable) {
            Device device =
                    backend instanceof CudaBackend cuda
                            ? cuda.device(Backend.Options.DEFAULT)
                            : backend instanceof OpenclBackend opencl
                                    ? opencl.device(Backend.Options.DEFAULT)
                                    : null;
            if (device != null) {
                try (device) {
                    results.put(backend.name(), new KernelRates(device, quick).measure());
                }
            }
        }
        report.put("kernels", results);
        if (results.containsKey("cuda") && hasCublas()) {
            report.put("layer", new LayerRates(quick).measure());
        }
    }

    private static boolean hasCublas() {
        Backend.Options options = options(Backend.Gemm.CUBLAS);
        try (Device device = new CudaBackend().device(options)) {
            say("%-10s %s", "layer", device.description());
            return true;
        } catch (QuernException e) {
            say("%-10s %s", "layer", e.getMessage());
            return false;
        }
    }
}
