package org.quern.bench;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;

/** What something was measured on; the load average is negative if it is unknown. */
public record Machine(
        String processor,
        int processors,
        String system,
        String java,
        long heapMebibytes,
        double loadAverage) {
    private static final String ARCHITECTURE = System.getProperty("os.arch");
    private static final double IDLE = 0.3;

    /** This one, now. */
    public static Machine here() {
        return new Machine(
                processorName(),
                Runtime.getRuntime().availableProcessors(),
                System.getProperty("os.name") + " " + ARCHITECTURE,
                System.getProperty("java.vm.name") + " " + System.getProperty("java.version"),
                Runtime.getRuntime().maxMemory() >> 20,
                ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
    }

    /** Linux says it in a file, as "model name" on x86, and Windows, roughly, in a variable. */
    private static String processorName() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.toLowerCase(Locale.ROOT).startsWith("model name"))
                    .findFirst()
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .orElse(ARCHITECTURE);
        } catch (IOException e) {
            return System.getenv().getOrDefault("PROCESSOR_IDENTIFIER", ARCHITECTURE);
        }
    }

    /** What it is, in a line. */
    public String text() {
        return processor + ", " + processors + " processors, " + system + ", " + java;
    }

    /** Whether others keep it busy, so that what is measured is too slow. */
    public boolean isBusy() {
        return loadAverage > IDLE * processors;
    }
}
