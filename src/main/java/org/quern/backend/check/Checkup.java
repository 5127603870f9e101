package org.quern.backend.check;

import java.util.List;
import java.util.Optional;
import org.quern.backend.Backend;
import org.quern.backend.Executor;

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
        Executor.Code code = Executor.Code.NONE;
        long started = System.nanoTime();
        for (KernelCase kernel : cases) {
            Optional<String> problem;
            try {
                try (Executor executor = backend.open(kernel.plan(), Backend.Options.DEFAULT)) {
                    problem = kernel.check(executor);
                    code = executor.code();
                }
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
                "%s%s: %d kernel cases within bounds, %d ms"
                        .formatted(availability.detail(), text(code), cases.size(), millis));
    }

    private static String text(Executor.Code code) {
        return code.what().isEmpty()
                ? ""
                : ", %s loaded in %d ms".formatted(code.what(), code.nanos() / 1_000_000);
    }
}
