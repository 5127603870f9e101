package org.quern.backend.sass;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.gpu.BlockTeam;
import org.quern.backend.gpu.KernelExecutor;
import org.quern.backend.gpu.Tiling;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.data.Dataset;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;
import org.quern.verify.KernelCase;
import org.quern.verify.KernelCases;

/**
 * Trains networks by the machine code of the fused kernels for sm_90, as the product launches them,
 * beside the reference; counts warp instructions and the model's cycles of a step, and holds them
 * against {@code ci/emulated}. Called by {@code ci/emulate}.
 */
final class Emulate {
    private static final int ROWS = 59_989; // the last batch of an epoch is a short one
    private static final int MEMORY = 227 << 10; // of a block of sm_90
    private static final double RATE = 1e-3;
    private static final Timeline.Model PARTS = new Timeline.Model(false, 0, 0, 0);
    private static final Timeline.Model LINE = new Timeline.Model(true, 20, 200, 800);

    /** Of losses, relative; of parameters, in rates; of moments, relative to the largest. */
    private static final double[] LIMITS = {1e-6, 1e-2, 1e-5, 1e-4};

    private static final Map<String, Optimizer> OPTIMIZERS =
            Map.of(
                    "adam", Optimizer.Adam.DEFAULT,
                    "adamw", new Optimizer.Adam(0.9, 0.999, 1e-7, 0.01),
                    "sgd", new Optimizer.Sgd(0, 0),
                    "momentum", new Optimizer.Sgd(0.9, 0.001));

    private static final String ROW =
            "| %-28s | %,8d | %,8d | %,8d | %.1e | %.1e | %.1e | %.1e |%n";

    private final Dataset data;
    private final Path nvdisasm;
    private final Path cubins;
    private final StringBuilder cases = new StringBuilder();
    private final StringBuilder parts = new StringBuilder();
    private final List<String> wrong = new ArrayList<>();

    private Emulate(Path nvdisasm, Path cubins) {
        this.nvdisasm = nvdisasm;
        this.cubins = cubins;
        Random random = new Random(1);
        byte[] pixels = new byte[ROWS * 784];
        random.nextBytes(pixels);
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = random.nextInt(5) == 0 ? pixels[i] : 0;
        }
        List<String> names = IntStream.range(0, 10).mapToObj(String::valueOf).toList();
        data =
                Dataset.ofPixels("noise", new int[] {28, 28}, pixels)
                        .withLabels(random.ints(ROWS, 0, 10).toArray(), names);
    }

    /** Arguments: nvdisasm, the file of subjects, the folder of cubins. */
    public static void main(String[] arguments) throws IOException {
        Emulate emulate = new Emulate(Path.of(arguments[0]), Path.of(arguments[2]));
        System.out.println(
                "| kernel | instructions | parts | timeline | loss | weights | m | v |\n"
                        + "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        for (String line : Files.readAllLines(Path.of(arguments[1]))) {
            if (!line.isBlank() && !line.startsWith("#")) {
                String[] columns = line.split(" +", 6);
                if (columns[1].equals("case")) {
                    emulate.kernel(columns);
                } else {
                    emulate.subject(columns);
                }
            }
        }
        System.out.print(
                "\n| kernel, case | instructions | wavefronts | timeline of a block |\n"
                        + "| --- | ---: | ---: | ---: |\n"
                        + emulate.cases);
        System.out.print(emulate.parts);
        emulate.wrong.forEach(System.out::println);
        System.exit(emulate.wrong.isEmpty() ? 0 : 1);
    }

    /** Columns: the most instructions, case, the most wavefronts, the tile, the case's name. */
    private void kernel(String[] columns) {
        String name = columns[4] + " " + columns[5];
        KernelCase one =
                KernelCases.quickBench().stream()
                        .filter(some -> some.name().equals(name))
                        .findFirst()
                        .orElseThrow();
        Tiling tile = Tiling.valueOf(columns[3].toUpperCase(Locale.ROOT));
        SassDevice device = new SassDevice(nvdisasm, cubins, BlockTeam.ALONE, false);
        try (Executor executor =
                new KernelExecutor(device, one.plan(), (m, n) -> tile, Backend.Options.DEFAULT)) {
            one.check(executor).ifPresent(wrong::add);
        }
        long[] counts = device.count();
        cases.append(
                "| %s, %s | %,d | %,d | %,d |%n"
                        .formatted(
                                device.kernel(),
                                name,
                                counts[0],
                                counts[1],
                                cycles(Timeline.parts(device.last(), LINE).get(0))));
        hold(device.kernel(), "warp instructions", counts[0], columns[0]);
        hold(device.kernel(), "wavefronts", counts[1], columns[2]);
    }

    /** Notes a number that is more, or less, than {@code ci/emulated} has. */
    private void hold(String name, String what, long number, String allowed) {
        long most = Long.parseLong(allowed);
        if (number > most) {
            wrong.add("%s: %,d %s, of %,d at most".formatted(name, number, what, most));
        } else if (number < most) {
            parts.append(
                    "%s has %,d %s less than ci/emulated allows: lower it%n"
                            .formatted(name, most - number, what));
        }
    }

    /**
     * Columns: the most instructions, the kind of team, its blocks, the batch, the optimizer, the
     * layers.
     */
    private void subject(String[] columns) throws IOException {
        Plan plan =
                Plan.of(
                        ModelText.parse(Model.input(28, 28).scaled(Scaling.UNIT), columns[5]),
                        Loss.CROSS_ENTROPY,
                        OPTIMIZERS.get(columns[4]),
                        Integer.parseInt(columns[3]));
        boolean tensor = columns[1].equals("tensor");
        BlockTeam team =
                new BlockTeam(BlockTeam.Kind.CLUSTER, Integer.parseInt(columns[2]), MEMORY, tensor);
        Backend.Options options =
                Backend.Options.DEFAULT.with(tensor ? Backend.Engine.TENSOR : Backend.Engine.FUSED);
        SassDevice device = new SassDevice(nvdisasm, cubins, team, columns[1].equals("shape"));
        double[] errors = new double[LIMITS.length];
        try (Executor reference = new ReferenceBackend().open(plan, Backend.Options.DEFAULT);
                Executor executor = new KernelExecutor(device, plan, Tiling.forUnits(1), options);
                DeviceDataset expected = reference.upload(data);
                DeviceDataset got = executor.upload(data)) {
            reference.initialise(3);
            executor.write(plan.state(), state(reference), 0);
            compare(reference, expected, executor, got, 0, 2, errors);
            Cluster two = device.last();
            compare(reference, expected, executor, got, 2, 4, errors);
            Map<Integer, Timeline.Part> line = step(two, device.last(), LINE);
            Map<Integer, Timeline.Part> cut = step(two, device.last(), PARTS);
            long instructions = instructions(cut);
            device.shuffle(new Random(1));
            int batches = (ROWS + plan.batch() - 1) / plan.batch();
            compare(reference, expected, executor, got, batches - 2, 3, errors);
            report(columns, device.kernel(), instructions, cut, line, errors);
        }
    }

    private void report(
            String[] columns,
            String kernel,
            long instructions,
            Map<Integer, Timeline.Part> cut,
            Map<Integer, Timeline.Part> line,
            double[] errors) {
        String name = kernel + (columns[1].equals("tensor") ? " (tensor)" : "");
        System.out.printf(
                Locale.ROOT,
                ROW,
                name,
                instructions,
                cycles(cut),
                cycles(line),
                errors[0],
                errors[1],
                errors[2],
                errors[3]);
        parts.append("\n")
                .append(name)
                .append(
                        ", cycles by the timeline and warp instructions of a step until each barrier:\n");
        line.forEach(
                (at, part) ->
                        parts.append(
                                "  0x%05x %,7d %,7d%n"
                                        .formatted(at, part.cycles, part.instructions)));
        hold(name, "warp instructions", instructions, columns[0]);
        for (int i = 0; i < LIMITS.length; i++) {
            if (!(errors[i] <= LIMITS[i])) {
                wrong.add(
                        "%s: error %d is %.1e, above %.1e"
                                .formatted(name, i, errors[i], LIMITS[i]));
            }
        }
    }

    private static long cycles(Map<Integer, Timeline.Part> parts) {
        return parts.values().stream().mapToLong(part -> part.cycles).sum();
    }

    private static long instructions(Map<Integer, Timeline.Part> parts) {
        return parts.values().stream().mapToLong(part -> part.instructions).sum();
    }

    private static float[] state(Executor executor) {
        float[] state = new float[(int) executor.plan().state().size()];
        executor.read(executor.plan().state(), state, 0);
        return state;
    }

    /** Trains both from a step on, and notes the largest errors. */
    private static void compare(
            Executor reference,
            DeviceDataset expected,
            Executor executor,
            DeviceDataset got,
            int first,
            int count,
            double[] errors) {
        Plan plan = executor.plan();
        Steps a = new Steps(3, count).select(first, count, plan.optimizer(), s -> RATE);
        Steps b = new Steps(3, count).select(first, count, plan.optimizer(), s -> RATE);
        reference.train(expected, a);
        executor.train(got, b);
        for (int i = 0; i < count; i++) {
            error(errors, 0, b.losses()[i] - a.losses()[i], a.losses()[i]);
            error(errors, 0, b.hits()[i] - a.hits()[i], 1);
        }
        float[] x = state(reference);
        float[] y = state(executor);
        int kinds = 1 + plan.optimizer().moments();
        int size = x.length / kinds;
        for (int kind = 0; kind < kinds; kind++) {
            float largest = 0;
            for (int i = kind * size; i < (kind + 1) * size; i++) {
                largest = Math.max(largest, Math.abs(x[i]));
            }
            for (int i = kind * size; i < (kind + 1) * size; i++) {
                error(errors, 1 + kind, y[i] - x[i], kind == 0 ? RATE : largest);
            }
        }
    }

    private static void error(double[] errors, int kind, double difference, double unit) {
        double error = Math.abs(difference / unit);
        errors[kind] = error <= errors[kind] ? errors[kind] : error; // NaN stays
    }

    /** A step more, by the block that has most to do: half of what four have beyond two. */
    private static Map<Integer, Timeline.Part> step(
            Cluster two, Cluster four, Timeline.Model model) {
        List<Map<Integer, Timeline.Part>> before = Timeline.parts(two, model);
        List<Map<Integer, Timeline.Part>> after = Timeline.parts(four, model);
        Map<Integer, Timeline.Part> most = Map.of();
        for (int block = 0; block < before.size(); block++) {
            Map<Integer, Timeline.Part> step = new LinkedHashMap<>();
            Map<Integer, Timeline.Part> less = before.get(block);
            after.get(block)
                    .forEach(
                            (at, part) -> {
                                Timeline.Part half =
                                        part.half(less.getOrDefault(at, new Timeline.Part()));
                                if (half.times > 0) { // not what is done once a launch
                                    step.put(at, half);
                                }
                            });
            most = instructions(step) > instructions(most) ? step : most;
        }
        return most;
    }
}
