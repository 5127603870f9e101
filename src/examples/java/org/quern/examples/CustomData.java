package org.quern.examples;

import java.util.List;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.data.Splitter;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.train.EarlyStopping;
import org.quern.train.Evaluation;
import org.quern.train.History;
import org.quern.train.Schedule;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/**
 * Trains on data of one's own: two spirals around each other, a point a row.
 *
 * <p>{@code CustomData} takes no arguments.
 */
public final class CustomData {
    private static final int POINTS = 2_000;
    private static final int EPOCHS = 300;

    private CustomData() {}

    /** Trains until the validation loss no longer falls. */
    public static void main(String[] arguments) {
        Splitter splitter = new Splitter(1, true); // as many rows of each spiral
        Splits parts = Splits.of(spirals()).withTest(0.2, splitter).withValidation(0.1, splitter);
        Model model = Model.input(2).dense(32, Activation.TANH).dense(32, Activation.TANH).dense(2);
        TrainingConfig config =
                TrainingConfig.of(model)
                        .withBatch(32)
                        .withSchedule(new Schedule.Constant(0.005))
                        .withEarlyStopping(new EarlyStopping(50, 0));
        try (Trainer trainer = Trainer.open(config)) {
            History history = trainer.fit(parts.train(), parts.validation(), EPOCHS);
            Evaluation evaluation = trainer.evaluate(parts.test());
            System.out.printf(
                    "best epoch %d of %d%n", history.bestEpoch(), history.epochs().size());
            System.out.printf("test accuracy %.4f%n", evaluation.accuracy());
        }
    }

    /** Rows of x and y, labelled with the spiral that they lie on. */
    private static Dataset spirals() {
        float[] values = new float[2 * POINTS];
        int[] labels = new int[POINTS];
        for (int i = 0; i < POINTS; i++) {
            int spiral = i % 2;
            double turn = 0.5 + 2.5 * Math.PI * i / POINTS;
            values[2 * i] = (float) (turn / 8 * Math.cos(turn + spiral * Math.PI));
            values[2 * i + 1] = (float) (turn / 8 * Math.sin(turn + spiral * Math.PI));
            labels[i] = spiral;
        }
        return Dataset.ofValues("spirals", new int[] {2}, values)
                .withLabels(labels, List.of("one", "other"));
    }
}
