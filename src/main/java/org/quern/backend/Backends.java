package org.quern.backend;

import static org.quern.QuernException.backend;
import static org.quern.QuernException.copied;
import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.quern.QuernException;

/** Finds backends, and chooses one. */
public final class Backends {
    /** The name that leaves the choice to Quern. */
    public static final String AUTO = "auto";

    private Backends() {}

    /**
     * A backend.
     *
     * @param device what it runs on
     * @param skipped of {@code auto}: why it is not each better one
     */
    public record Choice(Backend backend, String device, List<String> skipped) {
        public Choice {
            skipped = copied(skipped, "skipped");
        }

        public String text() {
            String not = skipped.isEmpty() ? "" : " (not " + String.join("; not ", skipped) + ")";
            return backend.name() + ": " + device + not;
        }
    }

    /** All backends in this jar, best first. */
    public static List<Backend> all() {
        return ServiceLoader.load(Backend.class, Backends.class.getClassLoader()).stream()
                .map(ServiceLoader.Provider::get)
                .sorted(Comparator.comparingInt(Backend::priority).reversed())
                .toList();
    }

    /** Those of them that can run here; not the reference. */
    public static List<Backend> usable() {
        return all().stream()
                .filter(one -> one.priority() >= 0 && one.availability().usable())
                .toList();
    }

    public static Choice choose(String name) {
        return choose(name, Backend.Options.DEFAULT);
    }

    /**
     * The backend of that name, or for {@code auto} the best that can run, made ready: its device
     * is open and its kernels are compiled.
     *
     * @throws org.quern.QuernException if the name is unknown (usage), or if a backend or a device
     *     that was asked for cannot run: another one is never taken instead
     */
    public static Choice choose(String name, Backend.Options options) {
        return choose(all(), name, options);
    }

    static Choice choose(List<Backend> all, String name, Backend.Options options) {
        if (given(name, "backend").equals(AUTO)) {
            return auto(all, options);
        }
        for (Backend candidate : all) {
            if (candidate.name().equals(name)) {
                Backend.Availability availability =
                        candidate.availability(given(options, "options").device());
                if (!availability.usable()) {
                    throw cannot(candidate, availability);
                }
                candidate.prepare(options);
                return new Choice(candidate, availability.detail(), List.of());
            }
        }
        throw usage(
                "unknown backend \"%s\": use auto, %s",
                name, all.stream().map(Backend::name).collect(Collectors.joining(", ")));
    }

    private static Choice auto(List<Backend> all, Backend.Options options) {
        List<String> skipped = new ArrayList<>();
        QuernException missing = null;
        for (Backend candidate : all) {
            if (candidate.priority() < 0) {
                continue;
            }
            if (candidate.onHost() && missing != null) {
                throw missing;
            }
            Backend.Availability availability;
            try {
                availability = candidate.availability(options.device());
            } catch (QuernException e) { // it has no such device; the next one may
                missing = missing == null ? e : missing;
                skipped.add(candidate.name() + ": " + e.getMessage());
                continue;
            }
            // a device that was asked for is not replaced
            if (!availability.usable()
                    && options.device() != null
                    && candidate.availability().usable()) {
                throw cannot(candidate, availability);
            }
            if (availability.none()) {
                skipped.add(candidate.name() + ": not found, see quern doctor -v");
                continue;
            }
            String problem =
                    availability.usable() ? "its device is not a GPU" : availability.detail();
            if (availability.automatic()) {
                problem = problem(candidate, options);
            }
            if (problem == null) {
                return new Choice(candidate, availability.detail(), skipped);
            }
            skipped.add(candidate.name() + ": " + problem);
        }
        throw backend("no backend can run here: %s", String.join("; ", skipped));
    }

    private static QuernException cannot(Backend candidate, Backend.Availability availability) {
        return backend("backend %s cannot run: %s", candidate.name(), availability.detail());
    }

    /** Why a backend cannot be made ready; null once it is. */
    private static String problem(Backend candidate, Backend.Options options) {
        try {
            candidate.prepare(options);
            return null;
        } catch (QuernException e) {
            // a wrong option is wrong everywhere, and a device that was asked for is not replaced
            if (e.kind() == QuernException.Kind.USAGE || options.device() != null) {
                throw e;
            }
            return e.getMessage();
        }
    }
}
