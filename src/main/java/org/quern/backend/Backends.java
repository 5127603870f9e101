package org.quern.backend;

import static org.quern.QuernException.backend;
import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/** Finds backends, and chooses one. */
public final class Backends {
    /** The name that leaves the choice to Quern. */
    public static final String AUTO = "auto";

    private Backends() {}

    /**
     * A backend and why it was taken.
     *
     * @param backend what was chosen
     * @param reason one line: what it runs on, and for {@code auto} why not each better one
     */
    public record Choice(Backend backend, String reason) {}

    /** All backends in this jar, best first. */
    public static List<Backend> all() {
        return ServiceLoader.load(Backend.class, Backends.class.getClassLoader()).stream()
                .map(ServiceLoader.Provider::get)
                .sorted(Comparator.comparingInt(Backend::priority).reversed())
                .toList();
    }

    /** As {@link #choose(String, String)}, on the device that the backend chooses. */
    public static Choice choose(String name) {
        return choose(name, null);
    }

    /**
     * The backend of that name, or for {@code auto} the best that can run.
     *
     * @param device number or part of the name of the device, or null for the backend's choice
     * @throws org.quern.QuernException if name or device is unknown (usage), or if the backend that
     *     was asked for by name cannot run (backend), never falling back to another
     */
    public static Choice choose(String name, String device) {
        List<Backend> all = all();
        if (name.equals(AUTO)) {
            return auto(all, device);
        }
        for (Backend candidate : all) {
            if (candidate.name().equals(name)) {
                Backend.Availability availability = candidate.availability(device);
                if (!availability.usable()) {
                    throw backend("backend %s cannot run: %s", name, availability.detail());
                }
                return new Choice(candidate, availability.detail());
            }
        }
        throw usage(
                "unknown backend \"%s\": use auto, %s",
                name, all.stream().map(Backend::name).collect(Collectors.joining(", ")));
    }

    private static Choice auto(List<Backend> all, String device) {
        List<String> skipped = new ArrayList<>();
        for (Backend candidate : all) {
            if (candidate.priority() < 0) {
                continue;
            }
            Backend.Availability availability = candidate.availability(device);
            if (availability.automatic()) {
                return new Choice(
                        candidate,
                        skipped.isEmpty()
                                ? availability.detail()
                                : availability.detail()
                                        + " (not "
                                        + String.join("; not ", skipped)
                                        + ")");
            }
            skipped.add(
                    candidate.name()
                            + ": "
                            + (availability.usable()
                                    ? "its device is no GPU"
                                    : availability.detail()));
        }
        throw backend("no backend can run here: %s", String.join("; ", skipped));
    }
}
