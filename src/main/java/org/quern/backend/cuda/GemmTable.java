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
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import jcuda.driver.CUevent;
import org.quern.backend.kernel.Device;
import org.quern.backend.kernel.KernelSource;
import org.quern.backend.kernel.Product;
import org.quern.data.Caches;

/**
 * Which of cuBLAS and our own kernels is faster for a shape: measured when the shape is first met
 * on a device, each with all that it takes (bias, activation, mask), and kept in the user's cache,
 * so that later runs choose the same, and give the same bits. A line a shape: {@code
 * what,m,n,k,cublas µs,own µs}.
 */
final class GemmTable {
    private static final int WARM_UPS = 2;
    private static final int SAMPLES = 5;
    private static final int RUNS = 4;

    private final CudaDevice device;
    private final Path file;
    private final Map<String, double[]> micros = new TreeMap<>();

    GemmTable(CudaDevice device, Cublas cublas, int driverVersion) {
        this.device = device;
        String key =
                "%s %d %s %08x"
                        .formatted(
                                device.hardware().name(),
                                driverVersion,
                                cublas.versionText(),
                                KernelSource.text("quern").hashCode());
        file =
                Caches.folder(System.getenv())
                        .resolve("gemm")
                        .resolve(key.replaceAll("[^A-Za-z0-9.]+", "-") + ".csv");
        read();
    }

    private void read() {
        try {
            for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
                String[] fields = line.split(",");
                if (fields.length == 6) {
                    String shape = String.join(",", Arrays.copyOf(fields, 4));
                    micros.put(
                            shape,
                            new double[] {
                                Double.parseDouble(fields[4]), Double.parseDouble(fields[5])
                            });
                }
            }
        } catch (IOException | NumberFormatException e) {
            micros.clear(); // not there yet, or damaged: measured again
        }
    }

    /** Whether cuBLAS's way took less time. */
    boolean prefers(Product product, List<Device.Launch> library, List<Device.Launch> own) {
        String shape =
                "%s,%d,%d,%d".formatted(product.what(), product.m(), product.n(), product.k());
        double[] times = micros.get(shape);
        if (times == null) {
            times = new double[] {measure(library), measure(own)};
            micros.put(shape, times);
            write();
        }
        return times[0] < times[1];
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
        return samples[SAMPLES / 2];
    }

    private void write() {
        StringBuilder text = new StringBuilder();
        micros.forEach(
                (shape, times) ->
                        text.append(
                                String.format(
                                        Locale.ROOT, "%s,%.2f,%.2f%n", shape, times[0], times[1])));
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
