package org.quern.bench;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Limits;
import org.quern.backend.StepContext;
import org.quern.backend.cuda.CudaBackend;
import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.KernelExecutor;
import org.quern.backend.gpu.Tiling;
import org.quern.backend.opencl.OpenclBackend;
import org.quern.data.Dataset;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.plan.Batches;
import org.quern.plan.Loss;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;
import org.quern.plan.Slice;
import org.quern.verify.KernelCase;
import org.quern.verify.KernelCases;

/**
 * Bandwidth of the kernels that move memory, as a part of what a copy on the same device reaches,
 * and the rate of our products beside cuBLAS's. Operands hold 256 MB together and random values;
 * what is timed is a run of launches between two waits, long enough that the waits do not count.
 */
final class KernelRates {
    private static final int ROUNDS = 7;
    private static final Backend.Options OWN = Backend.Options.DEFAULT.with(Backend.Gemm.OWN);
    private static final Backend.Options CUBLAS = Backend.Options.DEFAULT.with(Backend.Gemm.CUBLAS);

    private final Backend backend;
    private final boolean quick;
    private final ReportLines lines;
    private final int values;
    private double copyRate;

    KernelRates(Backend backend, boolean quick, ReportLines lines) {
        this.backend = backend;
        this.quick = quick;
        this.lines = lines;
        values = quick ? 1 << 20 : 1 << 26; // 256 MB
    }

    void measure() {
        copy();
        int side = quick ? 512 : 4096;
        Plan square = plan(side, side, Loss.MEAN_SQUARED_ERROR, 1);
        ofOp("optimizer_update, Adam", square, Op.Update.class, rows(side, 1));
        for (int classes : new int[] {1024, 10}) {
            int rows = values / (2 * classes + 4) / 4 * 4;
            Plan plan = plan(1, classes, Loss.CROSS_ENTROPY, rows);
            String name = "cross_entropy_forward, %d classes".formatted(classes);
            ofOp(name, plan, Op.CrossEntropy.class, rows(1, rows));
        }
        int pixels = 784;
        int rows = values / (pixels + 1);
        Plan images = plan(pixels, 1, Loss.CROSS_ENTROPY, rows);
        ofOp("gather_forward, pixels", images, Op.Gather.class, rows(pixels, rows));
        boolean library = backend instanceof CudaBackend cuda && StepTimes.hasCublas(cuda);
        if (library) {
            afterProducts();
        }
        for (int n : quick ? new int[] {64} : new int[] {512, 1024, 2048, 4096}) {
            product(n, library);
        }
    }

    private static Plan plan(int in, int out, Loss loss, int rows) {
        String activation = loss.classifies() ? "linear" : "relu";
        Model model = ModelText.parse(Model.input(in), "dense " + out + " " + activation);
        return Plan.of(model, loss, Optimizer.Adam.DEFAULT, rows);
    }

    private static Dataset rows(int features, int rows) {
        byte[] pixels = new byte[features * rows];
        new SplittableRandom(1).nextBytes(pixels);
        return Dataset.ofPixels("random", new int[] {features}, pixels)
                .withLabels(new int[rows], List.of("the only class"));
    }

    private static KernelCase of(String name, Plan plan, Class<? extends Op> kind, Dataset data) {
        Op op = plan.training().stream().filter(kind::isInstance).findFirst().orElseThrow();
        return new KernelCase(name, plan, op, true, 1, plan.batch(), data, 1);
    }

    private void ofOp(String name, Plan plan, Class<? extends Op> kind, Dataset data) {
        KernelCase one = of(name, plan, kind, data);
        bandwidth(name, one.bytes(), seconds(device(OWN), one, all -> all));
    }

    /** The kernels that do what a library's product leaves to be done. */
    private void afterProducts() {
        int columns = 1024;
        int rows = values / columns - 1;
        double elements = (double) rows * columns;
        Plan plan = plan(1, columns, Loss.MEAN_SQUARED_ERROR, rows);
        Dataset data = rows(1, rows);
        KernelCase weights = of("column_sums", plan, Op.DenseBackwardWeights.class, data);
        bandwidth(weights.name(), 4 * elements, seconds(library(), weights, KernelRates::after));
        KernelCase forward = of("dense_forward_after", plan, Op.DenseForward.class, data);
        bandwidth(forward.name(), 8 * elements, seconds(library(), forward, KernelRates::after));
    }

    private static List<Device.Launch> after(List<Device.Launch> all) {
        return all.subList(1, 2);
    }

    private Device device(Backend.Options options) {
        return backend instanceof OpenclBackend opencl
                ? opencl.device(options)
                : ((CudaBackend) backend).device(options);
    }

    /** A device whose products are cuBLAS's and nothing more. */
    private static Device library() {
        return Epilogues.NEVER.cuda().device(CUBLAS);
    }

    private void copy() {
        try (Limits limits = backend.limits(OWN).orElseThrow()) {
            long bytes = Math.min(2L * values, limits.largestCopy());
            double seconds = seconds(times -> limits.copy(bytes, times));
            copyRate = 2.0 * bytes / seconds;
            add("copy", Map.of("GBs", copyRate * 1e-9, "micros", seconds * 1e6));
            GpuReport.say("copy on the device: %.0f GB/s", copyRate * 1e-9);
        }
    }

    private void product(int n, boolean library) {
        KernelCase one = KernelCases.product(n);
        double mine = seconds(device(OWN), one, all -> all);
        double theirs = library ? seconds(library(), one, all -> all.subList(0, 1)) : 0;
        double flops = 2.0 * n * n * n;
        Map<String, Object> rates = new LinkedHashMap<>();
        rates.put("n", n);
        rates.put("ownTflops", flops / mine * 1e-12);
        if (library) {
            rates.put("cublasTflops", flops / theirs * 1e-12);
            rates.put("part", theirs / mine);
        }
        add("product", rates);
        GpuReport.say(
                "product of %d x %d: own %.2f TFLOP/s%s",
                n,
                n,
                flops / mine * 1e-12,
                library
                        ? ", cuBLAS %.2f TFLOP/s, own is %.0f %% of it"
                                .formatted(flops / theirs * 1e-12, 100 * theirs / mine)
                        : "");
    }

    private void bandwidth(String name, double bytes, double seconds) {
        double rate = bytes / seconds;
        add(
                name,
                Map.of(
                        "GBs",
                        rate * 1e-9,
                        "micros",
                        seconds * 1e6,
                        "bytes",
                        bytes,
                        "partOfCopy",
                        rate / copyRate));
        GpuReport.say(
                "%-36s %8.1f us  %7.0f GB/s  %3.0f %% of a copy",
                name, seconds * 1e6, rate * 1e-9, 100 * rate / copyRate);
    }

    private void add(String name, Map<String, Object> numbers) {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("name", name);
        result.putAll(numbers);
        lines.add("kernel", result);
    }

    /** Work that is done so many times, and waited for. */
    private interface Repeated {
        void run(int times);
    }

    /** Median seconds of some of a case's launches on a device, which is closed. */
    private double seconds(Device device, KernelCase one, UnaryOperator<List<Device.Launch>> some) {
        // our products as they are of many blocks, however many the device has
        try (KernelExecutor executor =
                        new KernelExecutor(device, one.plan(), (m, n) -> Tiling.LARGE, OWN);
                DeviceDataset data = executor.upload(one.data())) {
            float[] inputs = one.inputs();
            executor.write(new Slice("arena", 0, 1, inputs.length), inputs, 0);
            StepContext pass =
                    StepContext.training(
                            one.steps(), new Batches(one.data().rows(), one.plan().batch()));
            List<Device.Launch> launches =
                    some.apply(executor.launches(one.op(), data, pass, true));
            return seconds(
                    times -> {
                        for (int i = 0; i < times; i++) {
                            launches.forEach(Device.Launch::run);
                        }
                        device.finish();
                    });
        }
    }

    /** Median seconds of one run. */
    private double seconds(Repeated work) {
        work.run(2);
        int times = 1;
        double[] seconds = new double[ROUNDS];
        for (int round = -1; round < ROUNDS; round++) {
            long started = System.nanoTime();
            work.run(times);
            double taken = (System.nanoTime() - started) * 1e-9;
            if (round < 0) {
                times = quick ? 1 : (int) Math.max(1, Math.min(2000, 0.05 / taken));
            } else {
                seconds[round] = taken / times;
            }
        }
        Arrays.sort(seconds);
        return seconds[ROUNDS / 2];
    }
}
