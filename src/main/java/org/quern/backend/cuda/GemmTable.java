package org.quern.backend.cuda;

import static org.quern.backend.cuda.CudaErrors.check;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import jcuda.driver.CUevent;
import jcuda.driver.JCudaDriver;
import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.Gemm;
import org.quern.backend.gpu.KernelSource;
import org.quern.files.Caches;

/**
 * Which of our own kernels, cuBLAS and cublasLt is fastest for a shape: measured when the shape is
 * first met on a device, each with all that it takes (bias, activation, mask), and kept in the
 * user's cache, so that later runs choose the same, and give the same bits. A line a shape, with
 * the microseconds of each way: {@code what,m,n,k,own=µs,cublas=µs,cublasLt=µs}.
 */
final class GemmTable {
    private static final int WARM_UPS = 2;
    private static final int SAMPLES = 5;
    private static final int RUNS = 4;
    private static final int SHAPE = 4; // fields of a line that say what is measured

    /** By file: trainings side by side in a process choose the same. */
    private static final Map<Path, Map<String, Map<String, Double>>> SHARED = new HashMap<>();

    private final CudaDevice device;
    private final Path file;
    private final Map<String, Map<String, Double>> micros;

    GemmTable(CudaDevice device, Cublas cublas) {
        this.device = device;
        String key =
                "%s %d %s %s %08x"
                        .formatted(
                                device.hardware.name(),
                                CudaHardware.driver(),
                                cublas.versionText(),
                                cublas.precision.name().toLowerCase(Locale.ROOT),
                                KernelSource.text("quern").hashCode());
        String name = key.replaceAll("[^A-Za-z0-9.]+", "-") + ".csv";
        file = Caches.folder(System.getenv()).resolve("gemm").resolve(name);
        synchronized (SHARED) {
            micros = SHARED.computeIfAbsent(file, GemmTable::read);
        }
    }

    private static Map<String, Map<String, Double>> read(Path file) {
        Map<String, Map<String, Double>> micros = new TreeMap<>();
        try {
            for (String line : Files.readAllLines(file)) {
                String[] fields = line.split(",");
                for (int i = SHAPE; i < fields.length; i++) {
                    String[] time = fields[i].split("=", 2);
                    micros.computeIfAbsent(
                                    String.join(",", Arrays.copyOf(fields, SHAPE)),
                                    shape -> new LinkedHashMap<>())
                            .put(time[0], Double.parseDouble(time[time.length - 1]));
                }
            }
        } catch (IOException | NumberFormatException e) {
            micros.clear(); // not there yet, or damaged: measured again
        }
        return micros;
    }

    Device.GemmVariant fastest(Gemm product, List<Device.GemmVariant> ways) {
        synchronized (SHARED) {
            String shape =
                    "%s,%d,%d,%d".formatted(product.what(), product.m(), product.n(), product.k());
            Map<String, Double> times = micros.computeIfAbsent(shape, s -> new LinkedHashMap<>());
            int known = times.size();
            for (Device.GemmVariant way : ways) {
                times.computeIfAbsent(way.name(), name -> measure(way.launches()));
            }
            if (times.size() > known) {
                // a cache that cannot be written: measured again at the next start
                Caches.keep(file, out -> out.write(text().getBytes(StandardCharsets.UTF_8)));
            }
            return Collections.min(ways, Comparator.comparing(way -> times.get(way.name())));
        }
    }

    /** Median microseconds of a run. */
    private double measure(List<Device.Launch> launches) {
        CUevent start = device.event(0);
        CUevent end = device.event(0);
        double[] samples = new double[SAMPLES];
        for (int i = -WARM_UPS; i < SAMPLES; i++) {
            check(JCudaDriver.cuEventRecord(start, device.stream), "cuEventRecord");
            for (int run = 0; run < RUNS; run++) {
                launches.forEach(Device.Launch::run);
            }
            check(JCudaDriver.cuEventRecord(end, device.stream), "cuEventRecord");
            check(JCudaDriver.cuEventSynchronize(end), "cuEventSynchronize");
            float[] millis = new float[1];
            check(JCudaDriver.cuEventElapsedTime(millis, start, end), "cuEventElapsedTime");
            if (i >= 0) {
                samples[i] = millis[0] * 1e3 / RUNS;
            }
        }
        check(JCudaDriver.cuEventDestroy(start), "cuEventDestroy");
        check(JCudaDriver.cuEventDestroy(end), "cuEventDestroy");
        Arrays.sort(samples);
        return Math.round(samples[SAMPLES / 2] * 100) / 100.0; // as it is kept
    }

    private String text() {
        return micros.entrySet().stream()
                .map(shape -> shape.getKey() + text(shape.getValue()) + "\n")
                .collect(Collectors.joining());
    }

    private static String text(Map<String, Double> times) {
        return times.entrySet().stream()
                .map(time -> String.format(Locale.ROOT, ",%s=%.2f", time.getKey(), time.getValue()))
                .collect(Collectors.joining());
    }
}
