package org.quern.backend.gpu;

import static org.quern.QuernException.backend;
import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.Guard;
import org.quern.backend.Limits;
import org.quern.backend.Release;
import org.quern.plan.Plan;

/** A backend on the devices of one API, which are chosen by number or name. */
public abstract class GpuBackend<H extends GpuBackend.Hardware> implements Backend {
    private final String name;
    private final String api;
    private final int priority;
    private final String cure;

    /** With the API's name as users read it, and the advice where a device cannot run. */
    protected GpuBackend(String name, String api, int priority, String cure) {
        this.name = name;
        this.api = api;
        this.priority = priority;
        this.cure = cure;
    }

    /** A device as its driver tells of it. */
    public interface Hardware {
        String name();

        int units();

        long memory();

        /** What it lacks that Quern needs, to follow its name; null if nothing. */
        String lacks();

        /** Whether {@code auto} may take it. */
        boolean isAutomatic();

        String description();

        /** Of devices with one name, the higher is the newer driver. */
        default int version() {
            return 0;
        }

        default String label() {
            return name();
        }
    }

    /**
     * What there is.
     *
     * @param all devices in the API's order, those that cannot be used too
     * @param problem why nothing can run; null if something can
     * @param others what is told after a device that nobody asked for
     */
    public record Found<H extends Hardware>(List<H> all, QuernException problem, String others) {}

    protected abstract Found<H> found();

    /** What is told of a device that can be used. */
    protected String detail(H device) {
        return device.description();
    }

    protected abstract Device open(H device, Options options);

    @Override
    public String name() {
        return name;
    }

    @Override
    public int priority() {
        return priority;
    }

    @Override
    public Availability availability() {
        return availability(null);
    }

    @Override
    public Availability availability(String wanted) {
        QuernException problem = found().problem();
        if (problem != null) {
            boolean none = problem.kind() == QuernException.Kind.ABSENT;
            return new Availability(false, false, none, problem.getMessage());
        }
        H device = choose(found().all(), wanted);
        if (device.lacks() != null) {
            return new Availability(false, refusal(device));
        }
        String detail = detail(device) + (wanted == null ? found().others() : "");
        return new Availability(true, device.isAutomatic(), false, detail);
    }

    private String refusal(H device) {
        return device.name() + " " + device.lacks() + ": " + cure;
    }

    @Override
    public int devices() {
        return Math.max(1, found().all().size());
    }

    /** The device that the options name. */
    protected H hardware(Options options) {
        if (found().problem() != null) {
            throw backend("backend %s cannot run: %s", name, found().problem().getMessage());
        }
        H device = choose(found().all(), options.device());
        if (device.lacks() != null) {
            throw backend("%s", refusal(device));
        }
        return device;
    }

    /** The same, open; the caller closes it. */
    public Device device(Options options) {
        return open(hardware(options), options);
    }

    @Override
    public Executor open(Plan plan, Options options) {
        Device device = device(given(options, "options"));
        int units = device.computeUnits();
        Tiling.Choice tiling =
                device.table() == null ? Tiling.forUnits(units) : Tiling.measured(units);
        return new Guard(new KernelExecutor(device, given(plan, "plan"), tiling, options));
    }

    @Override
    public Optional<Limits> limits(Options options) {
        return Optional.of(new DeviceLimits(device(given(options, "options"))));
    }

    /**
     * The device of a number or part of a name; if null, the first that serves best. A device that
     * several drivers offer by one name is taken from the newest that can run.
     */
    public H choose(List<H> all, String wanted) {
        Optional<H> chosen;
        if (wanted == null) {
            chosen =
                    all.stream()
                            .min(Comparator.comparing(GpuBackend::rank))
                            .map(d -> newest(all, d));
        } else if (wanted.matches("[0-9]{1,3}")) {
            chosen = all.stream().skip(Integer.parseInt(wanted)).findFirst();
        } else {
            String part = wanted.toLowerCase(Locale.ROOT);
            chosen =
                    all.stream()
                            .filter(one -> one.name().toLowerCase(Locale.ROOT).contains(part))
                            .findFirst()
                            .map(device -> newest(all, device));
        }
        String there = all.isEmpty() ? "is none" : all.size() == 1 ? "is " : "are ";
        String no = "--device %s: no such %s device; there %s";
        return chosen.orElseThrow(() -> usage(no, wanted, api, there + numbered(all)));
    }

    private H newest(List<H> all, H device) {
        Comparator<H> best =
                Comparator.<H>comparingInt(GpuBackend::rank).thenComparing(one -> -one.version());
        return all.stream()
                .filter(one -> one.name().equals(device.name()))
                .min(best)
                .orElse(device);
    }

    private static int rank(Hardware one) {
        return one.lacks() != null ? 2 : one.isAutomatic() ? 0 : 1;
    }

    public static String numbered(List<? extends Hardware> all) {
        return IntStream.range(0, all.size())
                .mapToObj(i -> "%d (%s)".formatted(i, all.get(i).label()))
                .collect(Collectors.joining(", "));
    }

    /**
     * Copies by the device's own engine or kernel, whatever its driver takes. GPUs have no loop of
     * multiply-adds here: a large product, by cuBLAS where it is found, is what comes near their
     * limit.
     */
    private static final class DeviceLimits implements Limits {
        private static final long LARGEST = 256L << 20;
        private static final int PART_OF_FREE = 8;

        private final Device device;
        private final long largest;
        private final List<Device.Buffer> buffers = new ArrayList<>(); // of a copy: from, to

        /** Takes over a device, which is closed with the limits. */
        DeviceLimits(Device device) {
            this.device = device;
            largest = Math.min(LARGEST, device.free() / PART_OF_FREE / 4 * 4);
            try {
                buffers.add(device.allocate(largest, "what is copied"));
                buffers.add(device.allocate(largest, "a copy"));
                // no zeros: a GPU spends less power on them, and so runs faster than on real data
                device.fill(buffers.get(0), 0, largest / 4, Float.floatToRawIntBits(0.7f));
                device.finish();
            } catch (RuntimeException | Error e) {
                Release.after(e, this::close);
                throw e;
            }
        }

        @Override
        public long largestCopy() {
            return largest;
        }

        @Override
        public void copy(long bytes, int times) {
            for (int i = 0; i < times; i++) {
                device.copy(buffers.get(0), buffers.get(1), Math.min(bytes, largest));
            }
            device.finish();
        }

        @Override
        public double multiplyAdd(int times) {
            return 0;
        }

        @Override
        public void close() {
            Release release = new Release();
            buffers.forEach(buffer -> release.then(() -> device.release(buffer)));
            release.then(device::close).end();
        }
    }
}
