package org.quern.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.quern.backend.Backend;

/** A backend, and how it is asked to run; if optional, a network that it refuses is left out. */
public record BenchTarget(String name, Backend backend, Backend.Options options, boolean optional) {
    /** Whether it computes on a GPU: a CPU that poses as one for OpenCL or CUDA does not. */
    public boolean onGpu() {
        return !backend.onHost() && backend.availability(options.device()).automatic();
    }

    /** What it runs on, in a line that says so where that is no GPU. */
    public String detail() {
        String detail = backend.availability(options.device()).detail();
        return onGpu() || backend.onHost() || backend.priority() < 0
                ? detail
                : "(no GPU) " + detail;
    }

    /** One for each backend. */
    public static List<BenchTarget> of(List<Backend> backends, Backend.Options options) {
        return backends.stream()
                .map(backend -> new BenchTarget(backend.name(), backend, options, false))
                .toList();
    }

    /** The same for training steps: on a GPU one for each engine, unless the options name one. */
    public static List<BenchTarget> withEngines(List<Backend> backends, Backend.Options options) {
        List<BenchTarget> all = new ArrayList<>();
        for (BenchTarget one : of(backends, options)) {
            if (!one.onGpu() || options.engine() != Backend.Engine.AUTO) {
                all.add(one);
                continue;
            }
            for (Backend.Engine engine : Backend.Engine.values()) {
                if (engine != Backend.Engine.AUTO) { // which is one of the others
                    String name = one.name() + " " + engine.name().toLowerCase(Locale.ROOT);
                    all.add(new BenchTarget(name, one.backend(), options.with(engine), true));
                }
            }
        }
        return all;
    }
}
