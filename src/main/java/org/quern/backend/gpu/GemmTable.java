package org.quern.backend.gpu;

import static org.quern.QuernException.usage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.quern.files.AtomicFile;
import org.quern.files.Caches;

/**
 * Which way to a product is fastest on a device: the tiles of our own kernels, these and a
 * library's. Measured when a shape is first met, each way with all that it takes (bias, activation,
 * mask), and kept in the user's cache, since ways differ in the order of their sums: so later runs
 * choose the same, and give the same bits. Where nothing can be kept, nothing is measured, and the
 * first of the ways is taken. A line a shape, with the microseconds of each way: {@code
 * what,m,n,k,own=µs,cublas=µs,cublasLt=µs}.
 */
public final class GemmTable {
    private static final String SETTING = "QUERN_TILES";
    private static final int WARM_UPS = 2;
    private static final int SAMPLES = 5;
    private static final int RUNS = 16;
    private static final int SHAPE = 4; // fields of a line that say what is measured

    /** By file: trainings side by side in a process choose the same. */
    private static final Map<Path, Map<String, Map<String, Double>>> SHARED = new HashMap<>();

    private final Device device;
    private final Path file;
    private final LongSupplier nanos;
    private final Map<String, Map<String, Double>> micros;
    private final boolean isNew;
    private final String otherwise;
    private String problem;

    /** The table of a device that has no library, as below. */
    public GemmTable(Device device, String key) {
        this(device, key, "tiles are chosen by a rule");
    }

    /**
     * The table of a device.
     *
     * @param key what the times depend on, beside our kernels: the device, its driver, a library
     * @param otherwise what is done where nothing can be kept, for the user to read
     */
    public GemmTable(Device device, String key, String otherwise) {
        this(
                device,
                file(key + " " + KernelSource.text("quern").hashCode()),
                System::nanoTime,
                otherwise);
    }

    GemmTable(Device device, Path file, LongSupplier nanos, String otherwise) {
        this.device = device;
        this.file = file;
        this.nanos = nanos;
        this.otherwise = otherwise;
        synchronized (SHARED) {
            micros = SHARED.computeIfAbsent(file, name -> new TreeMap<>());
            read();
            isNew = micros.isEmpty();
        }
        try {
            lock().close();
        } catch (IOException e) {
            problem = "%s cannot be written (%s)".formatted(file, AtomicFile.reason(e));
        }
    }

    private static Path file(String key) {
        String name = key.replaceAll("[^A-Za-z0-9.]+", "-") + ".csv";
        return Caches.folder(System.getenv()).resolve("gemm").resolve(name);
    }

    /** Whether tiles are to be measured: unless the user leaves them to the rule. */
    public static boolean measuresTiles() {
        String value = System.getenv(SETTING);
        if (value != null && !value.isBlank() && !value.equals("rule")) {
            throw usage("%s is \"%s\": set it to \"rule\", or unset it", SETTING, value);
        }
        return value == null || value.isBlank();
    }

    /**
     * What the user should know of it, in a sentence; null for nothing.
     *
     * @param tiles whether tiles are among what is measured
     */
    public String notice(boolean tiles) {
        if (problem != null) {
            return "%s, so products that it lacks are not measured: %s"
                    .formatted(problem, otherwise);
        }
        String hint = tiles ? " (%s=rule chooses tiles by a rule)".formatted(SETTING) : "";
        return isNew
                ? "the fastest way to each product is measured when first met, and kept in %s%s"
                        .formatted(file, hint)
                : null;
    }

    /** What is kept, under what this process knows. */
    private void read() {
        Map<String, Map<String, Double>> kept = new TreeMap<>();
        try {
            for (String line : Files.readAllLines(file)) {
                String[] fields = line.split(",");
                for (int i = SHAPE; i < fields.length; i++) {
                    String[] time = fields[i].split("=", 2);
                    kept.computeIfAbsent(
                                    String.join(",", Arrays.copyOf(fields, SHAPE)),
                                    shape -> new LinkedHashMap<>())
                            .put(time[0], Double.parseDouble(time[time.length - 1]));
                }
            }
        } catch (IOException | NumberFormatException e) {
            return; // not there yet, or damaged: measured again
        }
        kept.forEach(
                (shape, times) ->
                        times.forEach(
                                micros.computeIfAbsent(shape, s -> new LinkedHashMap<>())
                                        ::putIfAbsent));
    }

    /** The fastest of some ways, of which the first is taken where nothing can be kept. */
    public Device.GemmVariant fastest(
            String what, int m, int n, int k, List<Device.GemmVariant> ways) {
        String shape = "%s,%d,%d,%d".formatted(what, m, n, k);
        synchronized (SHARED) {
            Map<String, Double> times = micros.computeIfAbsent(shape, s -> new LinkedHashMap<>());
            boolean known = ways.stream().allMatch(way -> times.containsKey(way.name()));
            if (!known && (problem != null || !measure(times, ways))) {
                return ways.get(0);
            }
            return Collections.min(ways, Comparator.comparing(way -> times.get(way.name())));
        }
    }

    /** Measures what neither this process nor another has, and keeps it; false if it cannot be. */
    private boolean measure(Map<String, Double> times, List<Device.GemmVariant> ways) {
        Set<String> known = Set.copyOf(times.keySet());
        try (FileChannel channel = lock();
                FileLock held = channel.lock()) {
            read();
            for (Device.GemmVariant way : ways) {
                times.computeIfAbsent(way.name(), name -> measure(way.launches()));
            }
            byte[] text = text().getBytes(StandardCharsets.UTF_8);
            if (held.isValid() && Caches.keep(file, out -> out.write(text))) {
                return true;
            }
            problem = file + " cannot be written";
        } catch (IOException e) {
            problem = "%s cannot be written (%s)".formatted(file, AtomicFile.reason(e));
        }
        times.keySet().retainAll(known);
        return false;
    }

    private FileChannel lock() throws IOException {
        Path folder = file.getParent();
        Files.createDirectories(folder);
        if (!Files.isWritable(folder)) { // where there may be a lock that can be written
            throw new AccessDeniedException(folder.toString());
        }
        Path lock = file.resolveSibling("lock");
        return FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    }

    /** Median microseconds of a run. */
    private double measure(List<Device.Launch> launches) {
        long[] samples = new long[SAMPLES];
        for (int i = -WARM_UPS; i < SAMPLES; i++) {
            device.finish();
            long start = nanos.getAsLong();
            for (int run = 0; run < RUNS; run++) {
                launches.forEach(Device.Launch::run);
            }
            device.finish();
            if (i >= 0) {
                samples[i] = nanos.getAsLong() - start;
            }
        }
        Arrays.sort(samples);
        return Math.round(samples[SAMPLES / 2] / 10.0 / RUNS) / 100.0; // as it is kept
    }

    private String text() {
        return micros.entrySet().stream()
                .filter(shape -> !shape.getValue().isEmpty())
                .map(shape -> shape.getKey() + text(shape.getValue()) + "\n")
                .collect(Collectors.joining());
    }

    private static String text(Map<String, Double> times) {
        return times.entrySet().stream()
                .map(time -> String.format(Locale.ROOT, ",%s=%.2f", time.getKey(), time.getValue()))
                .collect(Collectors.joining());
    }
}
