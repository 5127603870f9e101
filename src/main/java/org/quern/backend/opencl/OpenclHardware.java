package org.quern.backend.opencl;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.quern.backend.gpu.GpuBackend;

/**
 * A device of some OpenCL platform.
 *
 * @param platformName whose driver it is
 * @param versionText as the device gives it, for instance {@code OpenCL 3.0 PoCL}
 * @param type {@code GPU}, {@code CPU} or {@code other}
 * @param mostBytes of one buffer
 * @param exact whether it can round division and square root correctly
 * @param fused whether its hardware has {@code fma()}
 * @param lacks what Quern needs and it has not, or null
 */
record OpenclHardware(
        long platform,
        long id,
        String name,
        String platformName,
        String versionText,
        String driver,
        String type,
        int units,
        long memory,
        long mostBytes,
        boolean exact,
        boolean fused,
        String lacks)
        implements GpuBackend.Hardware {

    private static final Pattern VERSION =
            Pattern.compile("OpenCL (?:C )?(\\d{1,4})\\.(\\d{1,4}).*");

    /** A version of OpenCL or its language, 1000 times the major number plus the minor; or 0. */
    static int version(String text) {
        Matcher numbers = VERSION.matcher(text);
        return numbers.matches()
                ? 1000 * Integer.parseInt(numbers.group(1)) + Integer.parseInt(numbers.group(2))
                : 0;
    }

    @Override
    public int version() {
        return version(versionText);
    }

    @Override
    public boolean isAutomatic() {
        return type.equals("GPU");
    }

    @Override
    public String label() {
        String which = "%s, %s, %s".formatted(name, platformName, versionText);
        return lacks == null ? which : which + ", which " + lacks;
    }

    @Override
    public String description() {
        String slow = fused ? "" : ", no fma() in hardware: slow";
        return "%s (%s, %s, %s, %d compute units, %d MiB%s)"
                .formatted(name, type, platformName, versionText, units, memory >> 20, slow);
    }
}
