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
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/**
 * Whether a backend works: real kernels on it, checked against the float64 reference.
 *
 * @param works whether it can run and all cases are within their bounds
 * @param none whether there is no such device to examine
 * @param lost whether its device is {@linkplain QuernException#isDeviceLost lost} to the process
 * @param detail on what it ran and how long that took, or what is wrong
 */
public record Checkup(boolean works, boolean none, boolean lost, String detail) {
    /** Of a loss after a few steps, relative: float32 is well within it, an error is not. */
    private static final float LOSS_TOLERANCE = 1e-4f;

    /** Examines a backend with the {@link KernelCases#quick()} cases; a failure is the detail. */
    public static Checkup of(Backend backend, Backend.Options options) {
        Backend.Availability availability = backend.availability(options.device());
        String detail = availability.detail();
        if (!availability.usable()) {
            return new Checkup(false, availability.none(), false, detail);
        }
        List<KernelCase> cases = KernelCases.quick();
        Executor.KernelImage code = Executor.KernelImage.NONE;
        long started = System.nanoTime();
        Object tried = "";
        try {
            for (KernelCase kernel : cases) {
                tried = kernel;
                try (Executor executor = backend.open(kernel.plan(), options)) {
                    Optional<String> problem = kernel.check(executor);
                    if (problem.isPresent()) {
                        return new Checkup(false, false, false, detail + ": " + problem.get());
                    }
                    code = executor.code();
                }
            }
            tried = "training";
            String engine = steps(backend, options);
            if (engine == null) {
                return new Checkup(
                        false, false, false, detail + ": losses differ from the reference's");
            }
            long millis = (System.nanoTime() - started) / 1_000_000;
            if (!code.what().isEmpty()) {
                detail += ", %s loaded in %d ms".formatted(code.what(), code.nanos() / 1_000_000);
            }
            String all = ": %d kernel cases within bounds%s, %d ms";
            return new Checkup(
                    true, false, false, detail + all.formatted(cases.size(), engine, millis));
        } catch (RuntimeException e) {
            String reason = e instanceof QuernException ? e.getMessage() : e.toString();
            detail += ": %s failed: %s".formatted(tried, reason);
            return new Checkup(false, false, QuernException.isDeviceLost(e), detail);
        }
    }

    /** Trains some steps, and says how, to go on a sentence; null if a loss is wrong. */
    private static String steps(Backend backend, Backend.Options options) {
        Dataset data = Digits.generate("digits", 80, 0, 1);
        Model model =
                ModelText.parse(Model.input(data.shape()).scaled(Scaling.UNIT), ModelText.TUTORIAL);
        Plan plan = Plan.of(model, Loss.CROSS_ENTROPY, Optimizer.Adam.DEFAULT, 32);
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
}
