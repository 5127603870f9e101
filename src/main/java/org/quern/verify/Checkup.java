package org.quern.verify;

import java.util.List;
import java.util.Optional;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
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
 * @param lost whether its device is {@linkplain QuernException#isDeviceLost lost} to the process
 * @param detail on what it ran and how long that took, or what is wrong
 */
public record Checkup(boolean works, boolean lost, String detail) {
    /** Of a loss after a few steps, relative: float32 is well within it, an error is not. */
    private static final float LOSS_TOLERANCE = 1e-4f;

    /**
     * Examines a backend with the {@link KernelCases#quick()} cases; a failure is the detail.
     *
     * @param options how it is to run, on which device above all
     */
    public static Checkup of(Backend backend, Backend.Options options) {
        Backend.Availability availability = backend.availability(options.device());
        if (!availability.usable()) {
            return new Checkup(false, false, availability.detail());
        }
        List<KernelCase> cases = KernelCases.quick();
        Executor.KernelImage code = Executor.KernelImage.NONE;
        long started = System.nanoTime();
        for (KernelCase kernel : cases) {
            Optional<String> problem;
            try (Executor executor = backend.open(kernel.plan(), options)) {
                problem = kernel.check(executor);
                code = executor.code();
            } catch (RuntimeException e) {
                return failed(availability, kernel + " failed", e);
            }
            if (problem.isPresent()) {
                return new Checkup(false, false, availability.detail() + ": " + problem.get());
            }
        }
        String engine;
        try {
            engine = steps(backend, options);
        } catch (RuntimeException e) {
            return failed(availability, "training failed", e);
        }
        if (engine == null) {
            return new Checkup(
                    false, false, availability.detail() + ": losses differ from the reference's");
        }
        long millis = (System.nanoTime() - started) / 1_000_000;
        return new Checkup(
                true,
                false,
                "%s%s: %d kernel cases within bounds%s, %d ms"
                        .formatted(
                                availability.detail(), text(code), cases.size(), engine, millis));
    }

    private static Checkup failed(
            Backend.Availability availability, String what, RuntimeException e) {
        String reason = e instanceof QuernException ? e.getMessage() : e.toString();
        return new Checkup(
                false,
                QuernException.isDeviceLost(e),
                "%s: %s: %s".formatted(availability.detail(), what, reason));
    }

    /**
     * Trains the tutorial's network for a few steps, a short batch among them.
     *
     * @return how, to go on a sentence; null if a loss is not the reference's
     */
    private static String steps(Backend backend, Backend.Options options) {
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
        float[] expected;
        try (Executor reference = new ReferenceBackend().open(plan, Backend.Options.DEFAULT)) {
            expected = losses(reference, data);
        }
        try (Executor executor = backend.open(plan, options)) {
            float[] got = losses(executor, data);
            for (int i = 0; i < expected.length; i++) {
                if (!(Math.abs(got[i] - expected[i]) <= LOSS_TOLERANCE * expected[i])) {
                    return null;
                }
            }
            String engine = executor.engine(data); // what the steps were taken by
            return engine == null ? "" : ", steps " + engine;
        }
    }

    private static float[] losses(Executor executor, Dataset data) {
        try (DeviceDataset resident = executor.upload(data)) {
            executor.initialise(1);
            Steps steps = new Steps(1, 5).select(0, 5, executor.plan().optimizer(), step -> 1e-3);
            executor.train(resident, steps);
            return steps.losses();
        }
    }

    private static String text(Executor.KernelImage code) {
        return code.what().isEmpty()
                ? ""
                : ", %s loaded in %d ms".formatted(code.what(), code.nanos() / 1_000_000);
    }
}
