package org.quern.backend;

import java.util.List;
import org.junit.jupiter.api.Assumptions;

/** The backends that tests run on: all float32 ones that can run here. */
public final class Usable {
    private Usable() {}

    /** A backend by name; where it cannot run the calling test is skipped, with its reason. */
    public static Backend named(String name) {
        for (Backend backend : Backends.all()) {
            if (backend.name().equals(name)) {
                Backend.Availability availability = backend.availability();
                Assumptions.assumeTrue(
                        availability.usable(),
                        () -> name + " cannot run: " + availability.detail());
                return backend;
            }
        }
        throw new IllegalArgumentException(name);
    }

    /** Those that compute, without the reference that they are compared with. */
    public static List<Backend> backends() {
        return Backends.all().stream()
                .filter(backend -> backend.priority() >= 0)
                .filter(backend -> backend.availability().usable())
                .toList();
    }

    /** Those that compute on the host's processors. */
    public static List<Backend> onHost() {
        return backends().stream().filter(Backend::onHost).toList();
    }

    /** Options with so many MiB of the device's memory for data. */
    public static Backend.Options deviceMemory(int mebibytes) {
        return new Backend.Options(
                0,
                null,
                mebibytes,
                false,
                Backend.Gemm.AUTO,
                Backend.Precision.FP32,
                null,
                Backend.Engine.AUTO,
                1);
    }
}
