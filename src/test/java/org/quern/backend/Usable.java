package org.quern.backend;

import java.util.List;

/** The backends that tests run on: all float32 ones that can run here. */
public final class Usable {
    private Usable() {}

    /** Those that compute, without the reference that they are compared with. */
    public static List<Backend> backends() {
        return Backends.all().stream()
                .filter(backend -> backend.priority() >= 0)
                .filter(backend -> backend.availability().usable())
                .toList();
    }
}
