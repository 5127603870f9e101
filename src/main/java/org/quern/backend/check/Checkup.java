package org.quern.backend.check;

import java.util.List;
import java.util.Optional;
import org.quern.backend.Backend;

/**
 * Whether a backend works: real kernels on it, checked against the float64 reference.
 *
 * @param works whether it can run and all cases are within their bounds
 * @param detail on what it ran and how long that took, or what is wrong
 */
public record Checkup(boolean works, String detail) {

    /** Examines a backend with the {@link KernelCases#quick()} cases; a failure is the detail. */
    public static Checkup of(Backend backend) {
        Backend.Availability availability = backend.availability();
        if (!availability.usable()) {
            return new Checkup(false, availability.detail());
        }
        List<KernelCase> cases = KernelCases.quick();
        long started = System.nanoTime();
        for (KernelCase kernel : cases) {
            Optional<String> problem;
            try {
                problem = kernel.check(backend, Backend.Options.DEFAULT);
            } catch (RuntimeException e) {
                problem = Optional.of(kernel + " failed: " + e);
            }
            if (problem.isPresent()) {
                return new Checkup(false, availability.detail() + ": " + problem.get());
            }
        }
        long millis = (System.nanoTime() - started) / 1_000_000;
        return new Checkup(
                true,
                "%s: %d kernel cases within bounds, %d ms"
                        .formatted(availability.detail(), cases.size(), millis));
    }
}
