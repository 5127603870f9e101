package org.quern.backend.opencl;

import static org.quern.QuernException.usage;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A device of some OpenCL platform.
 *
 * @param platform the platform's handle
 * @param id the device's handle
 * @param type {@code GPU}, {@code CPU} or {@code other}
 * @param units compute units
 * @param memory bytes of global memory
 * @param mostBytes of one buffer
 * @param exact whether it can round division and square root correctly
 * @param lacks what Quern needs and it has not, or null
 */
record OpenclHardware(
        long platform,
        long id,
        String name,
        String version,
        String driver,
        String type,
        int units,
        long memory,
        long mostBytes,
        boolean exact,
        String lacks) {

    /**
     * The device that is meant: by number or by part of its name; if null, a GPU before all others.
     */
    static OpenclHardware choose(List<OpenclHardware> all, String wanted) {
        OpenclHardware chosen = null;
        if (wanted == null) {
            for (OpenclHardware device : all) {
                boolean better = chosen == null || device.isGpu() && !chosen.isGpu();
                chosen = device.lacks == null && better ? device : chosen;
            }
            chosen = chosen == null && !all.isEmpty() ? all.get(0) : chosen;
        } else if (wanted.chars().allMatch(Character::isDigit) && wanted.length() < 4) {
            int number = Integer.parseInt(wanted.isEmpty() ? "0" : wanted);
            chosen = number < all.size() ? all.get(number) : null;
        } else {
            String part = wanted.toLowerCase(Locale.ROOT);
            chosen =
                    all.stream()
                            .filter(d -> d.name.toLowerCase(Locale.ROOT).contains(part))
                            .findFirst()
                            .orElse(null);
        }
        if (chosen == null) {
            throw usage(
                    "--device %s: no such OpenCL device; there %s",
                    wanted,
                    all.isEmpty() ? "is none" : (all.size() == 1 ? "is " : "are ") + numbered(all));
        }
        return chosen;
    }

    /** Devices with their numbers, and what those lack that cannot be used. */
    static String numbered(List<OpenclHardware> all) {
        return IntStream.range(0, all.size())
                .mapToObj(
                        i ->
                                "%d (%s%s)"
                                        .formatted(
                                                i,
                                                all.get(i).name,
                                                all.get(i).lacks == null
                                                        ? ""
                                                        : ", which " + all.get(i).lacks))
                .collect(Collectors.joining(", "));
    }

    boolean isGpu() {
        return type.equals("GPU");
    }

    /** For logs. */
    String description() {
        return "%s (%s, %s, %d compute units, %d MiB)"
                .formatted(name, type, version, units, memory >> 20);
    }

    static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }
}
