package org.quern.bench;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import org.quern.backend.PlanWords;
import org.quern.backend.gpu.Call;
import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.Gemm;
import org.quern.plan.Optimizer;

/**
 * Bandwidth of the kernels that move memory, as a part of what a copy on the same device reaches,
 * and the rate of our products beside cuBLAS's. Operands hold 256 MB together and random values;
 * what is timed is a run of launches between two waits, long enough that the waits do not count.
 */
final class KernelRates {
    private static final int ROUNDS = 7;
    private static final int NONE = -1;
    private static final int PASS_WORDS = 16;

    private final Device device;
    private final boolean quick;
    private final Device.Buffer arena;
    private final Device.Buffer pass;
    private final long values;
    private final ReportLines lines;
    private double copyRate;

    KernelRates(Device device, boolean quick, ReportLines lines) {
        this.device = device;
        this.quick = quick;
        this.lines = lines;
        values = quick ? 1 << 20 : 1 << 26; // 256 MB
        arena = device.allocate(4 * values, "operands");
        pass = device.allocate(4 * (PASS_WORDS + 2), "the pass");
        // uniform in (-1, 1): zeros would draw less power, and so run faster than real data
        device.run(
                device.prepare(
                        call(
                                "uniform_initial",
                                groups(values, 1024),
                                arena,
                                0,
                                (int) values,
                                1,
                                0,
                                0,
                                1f)));
    }

    private static Call call(String kernel, int groups, Object... arguments) {
        return new Call(kernel, groups, 1, List.of(arguments));
    }

    private static int groups(long count, int items) {
        return (int) ((count + items - 1) / items);
    }

    private void pass(int rows, int dataRows, boolean training) {
        var words = device.staging().clear();
        words.putInt(rows).putInt(0).putInt(dataRows).putInt(training ? 1 : 0);
        words.putLong(1).putLong(1).putLong(0).putFloat(1e-3f).putFloat(1);
        words.putInt(0).putInt(1).putInt(rows).putInt(0).putFloat(1e-3f).putFloat(1);
        device.write(pass, 0, words.flip());
    }

    void measure() {
        copy();
        int quarter = (int) (values / 4);
        device.fill(arena, 12L * quarter, quarter, Float.floatToRawIntBits(0.25f)); // squares
        bandwidth(
                "optimizer_update, Adam",
                28.0 * quarter,
                call(
                        "optimizer_update",
                        groups(quarter, 1024),
                        arena,
                        pass,
                        0,
                        quarter,
                        2 * quarter,
                        3 * quarter,
                        quarter,
                        PlanWords.rule(Optimizer.Adam.DEFAULT),
                        0.1f,
                        0.001f,
                        1e-7f),
                1,
                1);
        crossEntropy(1024, 256);
        crossEntropy(10, 4);
        int columns = 1024;
        int rows = (int) (values / columns) - 1;
        Device.Buffer sums = device.allocate(4L * columns * groups(rows, 512), "partial sums");
        pass(rows, rows, true);
        bandwidth(
                "column_sums",
                4.0 * rows * columns,
                new Call(
                        "column_sums",
                        columns / 32,
                        groups(rows, 512),
                        List.of(arena, sums, pass, 0, 0, 0, columns, 512)),
                rows,
                rows);
        device.release(sums);
        int elements = rows * columns;
        bandwidth(
                "dense_forward_after",
                8.0 * elements,
                call(
                        "dense_forward_after",
                        groups(elements, 256),
                        arena,
                        pass,
                        elements,
                        NONE,
                        0,
                        columns,
                        1,
                        0,
                        0,
                        1f),
                rows,
                rows);
        gather();
        products();
        device.release(arena);
        device.release(pass);
    }

    private void copy() {
        long half = 2 * values;
        Device.Buffer other = device.allocate(half, "a copy");
        double seconds =
                time(
                        times -> {
                            for (int i = 0; i < times; i++) {
                                device.copy(arena, other, half);
                            }
                        });
        copyRate = 2.0 * half / seconds;
        device.release(other);
        add("copy", Map.of("GBs", copyRate * 1e-9, "micros", seconds * 1e6));
        GpuReport.say("copy on the device: %.0f GB/s", copyRate * 1e-9);
    }

    private void crossEntropy(int columns, int lanes) {
        int rows = (int) (values / (2 * columns + 4)) / 4 * 4;
        int gradient = rows * columns;
        int targets = 2 * rows * columns;
        device.fill(arena, 4L * targets, rows, 0); // all of class 0
        bandwidth(
                "cross_entropy_forward, %d classes".formatted(columns),
                4.0 * (2.0 * rows * columns + 3.0 * rows),
                call(
                        "cross_entropy_forward",
                        groups(rows, 256 / lanes),
                        arena,
                        pass,
                        0,
                        targets,
                        gradient,
                        targets + rows,
                        targets + 2 * rows,
                        columns,
                        lanes),
                rows,
                rows);
    }

    private void gather() {
        int columns = 784;
        int rows = (int) (values / (columns + 1));
        Device.Buffer raw = device.allocate((long) rows * columns, "pixels");
        Device.Buffer targets = device.allocate(4L * rows, "targets");
        device.fill(raw, 0, (long) rows * columns / 4, 0x01020304);
        device.fill(targets, 0, rows, 0);
        bandwidth(
                "gather_forward, pixels",
                (double) rows * (5.0 * columns + 8),
                call(
                        "gather_forward",
                        groups(rows, 32),
                        arena,
                        pass,
                        raw,
                        targets,
                        0,
                        rows * columns,
                        columns,
                        1,
                        1,
                        32,
                        1f / 255,
                        0f,
                        0,
                        0,
                        1f),
                rows,
                rows);
        device.release(raw);
        device.release(targets);
    }

    private void products() {
        for (int n : quick ? new int[] {64} : new int[] {512, 1024, 2048, 4096}) {
            pass(n, n, false);
            int square = n * n;
            Call own =
                    new Call(
                            "dense_backward_weights_large",
                            groups(n, 128),
                            groups(n, 128),
                            List.of(arena, pass, 0, square, 2 * square, 3 * square, n, n));
            Device.Launch ours = device.prepare(own);
            double mine = time(times -> repeat(ours, times));
            ours.close();
            Gemm product =
                    new Gemm(
                            "square",
                            n,
                            n,
                            n,
                            Gemm.Operand.of(arena, 0, n),
                            true,
                            Gemm.Operand.of(arena, square, n),
                            false,
                            Gemm.Operand.of(arena, 2 * square, n),
                            Gemm.Epilogue.NONE);
            Device.Launch library = device.product(product);
            double theirs = library == null ? 0 : time(times -> repeat(library, times));
            double flops = 2.0 * n * n * n;
            Map<String, Object> rates = new LinkedHashMap<>();
            rates.put("n", n);
            rates.put("ownTflops", flops / mine * 1e-12);
            if (library != null) {
                rates.put("cublasTflops", flops / theirs * 1e-12);
                rates.put("part", theirs / mine);
            }
            add("product", rates);
            GpuReport.say(
                    "product of %d x %d: own %.2f TFLOP/s%s",
                    n,
                    n,
                    flops / mine * 1e-12,
                    library == null
                            ? ""
                            : ", cuBLAS %.2f TFLOP/s, own is %.0f %% of it"
                                    .formatted(flops / theirs * 1e-12, 100 * theirs / mine));
        }
    }

    private void bandwidth(String name, double bytes, Call call, int rows, int dataRows) {
        pass(rows, dataRows, true);
        Device.Launch launch = device.prepare(call);
        double seconds = time(times -> repeat(launch, times));
        launch.close();
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

    private void repeat(Device.Launch launch, int times) {
        for (int i = 0; i < times; i++) {
            device.run(launch);
        }
    }

    /** Median seconds of one run. */
    private double time(IntConsumer run) {
        run.accept(2);
        device.finish();
        int times = 1;
        double[] seconds = new double[ROUNDS];
        for (int round = -1; round < ROUNDS; round++) {
            long started = System.nanoTime();
            run.accept(times);
            device.finish();
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
