package org.quern.measure;

import java.util.ArrayList;
import java.util.List;
import org.quern.backend.Backend;

/**
 * A backend, and how it is asked to run.
 *
 * @param name what its results are listed under
 * @param backend one that can run here
 * @param options how
 */
public record Contender(String name, Backend backend, Backend.Options options) {
    /** Whether it computes on a GPU: a CPU that poses as one for OpenCL or CUDA does not. */
    public boolean onGpu() {
        return !backend.onHost() && backend.availability().automatic();
    }

    /** Whether it computes on the host without pretending to be something else. */
    public boolean onHost() {
        return backend.onHost();
    }

    /** What it runs on, in a line that says so where that is no GPU. */
    public String detail() {
        String detail = backend.availability().detail();
        return onGpu() || onHost() || backend.priority() < 0 ? detail : "(no GPU) " + detail;
    }

    /** One for each backend. */
    public static List<Contender> of(List<Backend> backends, Backend.Options options) {
        List<Contender> all = new ArrayList<>();
        for (Backend backend : backends) {
            all.add(new Contender(backend.name(), backend, options));
        }
        return all;
    }
}
