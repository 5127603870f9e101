package org.quern.train;

import java.util.List;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Optimizer;

/**
 * Whether a backend works: it trains a small network, every kernel of which is used (each
 * activation, dropout, a short last batch), and its losses are compared with those of the float64
 * reference.
 *
 * @param works whether it ran and agreed
 * @param detail on what it ran and how long that took, or what is wrong
 */
public record Checkup(boolean works, String detail) {
    private static final int ROWS = 101;
    private static final int BATCH = 16;
    private static final int EPOCHS = 3;

    /** Largest relative difference of a loss that float32 rounding may make in so few steps. */
    private static final double TOLERANCE = 1e-4;

    /** Examines a backend. Never throws: what goes wrong is the detail. */
    public static Checkup of(Backend backend) {
        Backend.Availability availability = backend.availability();
        if (!availability.usable()) {
            return new Checkup(false, availability.detail());
        }
        try {
            long started = System.nanoTime();
            List<EpochResult> epochs = train(backend);
            long millis = (System.nanoTime() - started) / 1_000_000;
            List<EpochResult> expected = train(Backends.choose("reference").backend());
            for (int i = 0; i < EPOCHS; i++) {
                double want = expected.get(i).loss();
                double got = epochs.get(i).loss();
                if (!(Math.abs(got - want) <= TOLERANCE * want)) {
                    return new Checkup(
                            false,
                            "%s: computes wrongly: the loss of epoch %d is %s, not %s"
                                    .formatted(availability.detail(), i + 1, got, want));
                }
            }
            return new Checkup(
                    true,
                    "%s: %d steps agree with the reference, %d ms"
                            .formatted(
                                    availability.detail(),
                                    EPOCHS * ((ROWS - 1) / BATCH + 1),
                                    millis));
        } catch (RuntimeException e) {
            return new Checkup(
                    false,
                    "%s: %s"
                            .formatted(
                                    availability.detail(),
                                    String.valueOf(e.getMessage()).lines().findFirst().orElse("")));
        }
    }

    private static List<EpochResult> train(Backend backend) {
        Dataset digits = Digits.generate("digits", ROWS, 0, 1);
        Model model = Model.input(digits.shape()).scaled(Scaling.UNIT);
        for (Activation activation : Activation.values()) {
            model = model.dense(13, activation);
        }
        TrainingConfig config =
                TrainingConfig.of(model.dropout(0.25f).dense(10))
                        .withOptimizer(new Optimizer.Adam(0.9, 0.999, 1e-7, 0.01))
                        .withBatch(BATCH);
        try (Trainer trainer = Trainer.open(config, backend, Backend.Options.DEFAULT)) {
            return trainer.fit(digits, null, EPOCHS).epochs();
        }
    }
}
