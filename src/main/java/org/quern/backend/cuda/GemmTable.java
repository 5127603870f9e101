package org.quern.backend.cuda;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventElapsedTime;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuEventSynchronize;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import jcuda.driver.CUevent;
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

    /** Fields of a line that say what is measured. */
    private static final int SHAPE = 4;

    private final CudaDevice device;
    private final Path file;
    private final Map<String, Map<String, Double>> micros;

    /** By file: trainings side by side in a process choose the same. */
    private static final Map<Path, Map<String, Map<String, Double>>> SHARED = new HashMap<>();

    GemmTable(CudaDevice device, Cublas cublas, int driverVersion) {
        this.device = device;
        String key =
                "%s %d %s %s %08x"
                        .formatted(
                                device.hardware().name(),
                                driverVersion,
                                cublas.versionText(),
                                cublas.precision().name().toLowerCase(Locale.ROOT),
                                KernelSource.text("quern").hashCode());
        file =
                Caches.folder(System.getenv())
                        .resolve("gemm")
                        .resolve(key.replaceAll("[^A-Za-z0-9.]+", "-") + ".csv");
        synchronized (SHARED) {
            micros = SHARED.computeIfAbsent(file, GemmTable::read);
        }
    }

    private static Map<String, Map<String, Double>> read(Path file) {
        Map<String, Map<String, Double>> micros = new TreeMap<>();
        try {
            for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
                String[] fields = line.split(",");
                Map<String, Double> times = new LinkedHashMap<>();
                for (int i = SHAPE; i < fields.length; i++) {
                    String[] time = fields[i].split("=", 2);
                    times.put(time[0], Double.parseDouble(time[time.length - 1]));
                }
                if (!times.isEmpty()) {
                    micros.put(String.join(",", Arrays.copyOf(fields, SHAPE)), times);
                }
            }
        } catch (IOException | NumberFormatException e) {
            micros.clear(); // not there yet, or damaged: measured again
        }
        return micros;
    }

    /** The way that took the least time. */
    Device.GemmVariant fastest(Gemm product, List<Device.GemmVariant> ways) {
        synchronized (SHARED) {
            return chosen(product, ways);
        }
    }

    private Device.GemmVariant chosen(Gemm product, List<Device.GemmVariant> ways) {
        String shape =
                "%s,%d,%d,%d".formatted(product.what(), product.m(), product.n(), product.k());
        Map<String, Double> times = micros.computeIfAbsent(shape, s -> new LinkedHashMap<>());
        boolean isNew = false;
        Device.GemmVariant fastest = ways.get(0);
        for (Device.GemmVariant way : ways) {
            if (!times.containsKey(way.name())) {
                times.put(way.name(), measure(way.launches()));
                isNew = true;
            }
            if (times.get(way.name()) < times.get(fastest.name())) {
                fastest = way;
            }
        }
        if (isNew) {
            write();
        }
        return fastest;
    }

    /** Median microseconds of a run. */
    private double measure(List<Device.Launch> launches) {
        CUevent start = new CUevent();
        CUevent end = new CUevent();
        CudaErrors.check(cuEventCreate(start, 0), "cuEventCreate");
        CudaErrors.check(cuEventCreate(end, 0), "cuEventCreate");
        double[] samples = new double[SAMPLES];
        for (int i = -WARM_UPS; i < SAMPLES; i++) {
            CudaErrors.check(cuEventRecord(start, device.stream()), "cuEventRecord");
            for (int run = 0; run < RUNS; run++) {
                launches.forEach(device::run);
            }
            CudaErrors.check(cuEventRecord(end, device.stream()), "cuEventRecord");
            CudaErrors.check(cuEventSynchronize(end), "cuEventSynchronize");
            float[] millis = new float[1];
            CudaErrors.check(cuEventElapsedTime(millis, start, end), "cuEventElapsedTime");
            if (i >= 0) {
                samples[i] = millis[0] * 1e3 / RUNS;
            }
        }
        CudaErrors.check(cuEventDestroy(start), "cuEventDestroy");
        CudaErrors.check(cuEventDestroy(end), "cuEventDestroy");
        Arrays.sort(samples);
        return Math.round(samples[SAMPLES / 2] * 100) / 100.0; // as it is kept
    }

    private void write() {
        StringBuilder text = new StringBuilder();
        micros.forEach(
                (shape, times) -> {
                    text.append(shape);
                    times.forEach(
                            (way, time) ->
                                    text.append(String.format(Locale.ROOT, ",%s=%.2f", way, time)));
                    text.append('\n');
                });
        try {
            Files.createDirectories(file.getParent());
            Path part = Files.createTempFile(file.getParent(), "gemm", ".part");
            try {
                Files.writeString(part, text);
                Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(part);
            }
        } catch (IOException e) {
            return; // a cache that cannot be written: measured again at the next start
        }
    }
}
