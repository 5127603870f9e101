package org.quern.examples;

import java.nio.file.Path;
import org.quern.data.DataReader;
import org.quern.data.Digits;
import org.quern.data.Splits;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.train.ConsoleListener;
import org.quern.train.Evaluation;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/**
 * Trains the tutorial's network and keeps it.
 *
 * <p>{@code Train MODEL [FOLDER]} writes the file MODEL (safetensors, in PyTorch's layout) after
 * five epochs on the MNIST in FOLDER, or on generated digits without one.
 */
public final class Train {
    private static final int EPOCHS = 5;

    private Train() {}

    /** Trains, tests and saves. */
    public static void main(String[] arguments) {
        if (arguments.length == 0) {
            System.err.println("Train MODEL [FOLDER]: say which file to write");
            System.exit(2);
        }
        Splits digits =
                arguments.length > 1
                        ? DataReader.read(Path.of(arguments[1]))
                        : Digits.splits(20_000, 2_000);
        Model model =
                Model.input(28, 28)
                        .scaled(Scaling.UNIT)
                        .dense(48, Activation.RELU)
                        .dropout(0.3f)
                        .dense(15)
                        .dropout(0.3f)
                        .dense(10);
        TrainingConfig config = TrainingConfig.of(model).withBatch(32).withSeed(1);
        try (Trainer trainer = Trainer.open(config)) {
            trainer.listen(new ConsoleListener(System.out));
            trainer.fit(digits.train(), EPOCHS);
            Evaluation test = trainer.evaluate(digits.test());
            System.out.printf("test accuracy %.4f%n", test.accuracy());
            trainer.model().save(Path.of(arguments[0]));
        }
    }
}
