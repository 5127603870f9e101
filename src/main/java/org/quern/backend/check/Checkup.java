package org.quern.backend.check;

import java.util.List;
import java.util.Optional;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.Resident;
import org.quern.backend.Steps;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/**
 * Whether a backend works: real kernels on it, checked against the float64 reference.
 *
 * @param works whether it can run and all cases are within their bounds
 * @param detail on what it ran and how long that took, or what is wrong
 */
public record Checkup(boolean works, String detail) {
    /** Of a loss after a few steps, relative: float32 is well within it, an error is not. */
    private static final float LOSS_TOLERANCE = 1e-4f;

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
        String engine;
        try {
            engine = steps(backend);
        } catch (RuntimeException e) {
            return new Checkup(false, availability.detail() + ": training failed: " + e);
        }
        if (engine == null) {
            return new Checkup(
                    false, availability.detail() + ": losses differ from the reference's");
        }
        long millis = (System.nanoTime() - started) / 1_000_000;
        return new Checkup(
                true,
                "%s%s: %d kernel cases within bounds%s, %d ms"
                        .formatted(
                                availability.detail(), text(code), cases.size(), engine, millis));
    }

    /**
     * Trains the tutorial's network for a few steps, a short batch among them.
     *
     * @return how, to go on a sentence; null if a loss is not the reference's
     */
    private static String steps(Backend backend) {
        Dataset data = Digits.generate("digits", 80, 0, 1);
        Plan plan =
                Plan.of(
                        Model.input(data.shape())
                                .scaled(Scaling.UNIT)
                                .dense(48, Activation.RELU)
                                .dropout(0.3f)
                                .dense(15)
                                .dropout(0.3f)
                                .dense(10),
                        Loss.CROSS_ENTROPY,
                        Optimizer.Adam.DEFAULT,
                        32);
        float[] expected = losses(new ReferenceBackend().open(plan, Backend.Options.DEFAULT), data);
        Executor executor = backend.open(plan, Backend.Options.DEFAULT);
        String engine = executor.engine(data);
        float[] got = losses(executor, data);
        for (int i = 0; i < expected.length; i++) {
            if (!(Math.abs(got[i] - expected[i]) <= LOSS_TOLERANCE * expected[i])) {
                return null;
            }
        }
        return engine == null ? "" : ", steps " + engine;
    }

    private static float[] losses(Executor opened, Dataset data) {
        try (Executor executor = opened;
                Resident resident = executor.upload(data)) {
            executor.initialise(1);
            Steps steps = new Steps(1, 5).select(0, 5, executor.plan().optimizer(), step -> 1e-3);
            executor.train(resident, steps);
            return steps.losses();
        }
    }

    private static String text(Executor.Code code) {
        return code.what().isEmpty()
                ? ""
                : ", %s loaded in %d ms".formatted(code.what(), code.nanos() / 1_000_000);
    }
}
