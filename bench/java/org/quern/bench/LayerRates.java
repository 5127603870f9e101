package org.quern.bench;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.quern.backend.Backend;
import org.quern.backend.cuda.CudaBackend;
import org.quern.backend.cuda.Epilogues;
import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.LayerRun;

/**
 * The rate of a wide layer, forward and backward with bias, ReLU and their gradients, as a part of
 * cuBLAS's for the same three products alone: with our own kernels, with cuBLAS and passes after
 * it, with cublasLt's epilogues, and with what measures fastest.
 */
final class LayerRates {
    private static final int ROUNDS = 9;

    private final boolean quick;
    private final ReportLines lines;

    LayerRates(boolean quick, ReportLines lines) {
        this.quick = quick;
        this.lines = lines;
    }

    void measure() {
        for (Backend.Precision precision : Backend.Precision.values()) {
            Backend.Options options = Backend.Options.DEFAULT.with(precision);
            Backend.Options cublas = options.with(Backend.Gemm.CUBLAS);
            if (precision == Backend.Precision.FP32) {
                measure("own", Epilogues.NEVER, options.with(Backend.Gemm.OWN));
            }
            measure("cublas", Epilogues.NEVER, cublas);
            measure("cublasLt", Epilogues.ALWAYS, cublas);
            measure("fastest", Epilogues.MEASURED, options);
        }
    }

    private void measure(String way, Epilogues epilogues, Backend.Options options) {
        int width = quick ? 128 : 4096;
        int times = quick ? 1 : 10;
        double flops = 6.0 * width * width * width;
        try (Device device = new CudaBackend(epilogues).device(options);
                LayerRun run = new LayerRun(device, width, width);
                Device.Launch layer = run.layer(times);
                Device.Launch products = run.products(times)) {
            // in turn, so that both see the same clocks
            double[] ours = new double[ROUNDS];
            double[] theirs = new double[ROUNDS];
            for (int round = -2; round < ROUNDS; round++) {
                double first = seconds(device, layer) / times;
                double second = products == null ? 0 : seconds(device, products) / times;
                if (round >= 0) {
                    ours[round] = first;
                    theirs[round] = second;
                }
            }
            Arrays.sort(ours);
            Arrays.sort(theirs);
            add(way, options.precision(), width, flops, ours[ROUNDS / 2], theirs[ROUNDS / 2]);
        }
    }

    private static double seconds(Device device, Device.Launch sequence) {
        long started = System.nanoTime();
        device.run(sequence);
        device.finish();
        return (System.nanoTime() - started) * 1e-9;
    }

    private void add(
            String way,
            Backend.Precision precision,
            int width,
            double flops,
            double ours,
            double theirs) {
        String name = precision.name().toLowerCase(Locale.ROOT);
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("precision", name);
        result.put("way", way);
        result.put("width", width);
        result.put("micros", ours * 1e6);
        result.put("tflops", flops / ours * 1e-12);
        if (theirs > 0) {
            result.put("productsAloneMicros", theirs * 1e6);
            result.put("part", theirs / ours);
        }
        lines.add("layer", result);
        GpuReport.say(
                "layer of %d, batch %d, %s, %-8s %9.1f us, %7.2f TFLOP/s%s",
                width,
                width,
                name,
                way,
                ours * 1e6,
                flops / ours * 1e-12,
                theirs > 0
                        ? ", %.1f %% of cuBLAS's products alone".formatted(100 * theirs / ours)
                        : "");
    }
}
