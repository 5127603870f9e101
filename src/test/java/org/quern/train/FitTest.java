package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.io.ModelFile;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Model;

/** Epochs are counted as one expects who knows other libraries: a call trains so many more. */
class FitTest {
    private static final Dataset DIGITS = Digits.generate("digits", 100, 0, 1);
    private static final Model MODEL = Model.input(28, 28).dense(10);

    private static Trainer open() {
        return Trainer.open(
                TrainingConfig.of(MODEL), Usable.named("java"), Backend.Options.DEFAULT);
    }

    @Test
    void twoCallsTrainAsManyEpochsAsOneOfTheirSum() {
        try (Trainer one = open();
                Trainer two = open();
                Trainer until = open()) {
            one.fit(DIGITS, 3);
            two.fit(DIGITS, 1);
            History history = two.fit(DIGITS, 2);
            assertThat(history.epochs()).extracting(EpochResult::epoch).isEqualTo(List.of(1, 2, 3));
            assertThat(two.state()).isEqualTo(one.state());
            until.fit(DIGITS, 1);
            assertThat(until.fitUntil(DIGITS, null, 3).epochs()).hasSize(3);
            assertThat(until.fitUntil(DIGITS, null, 3).epochs()).hasSize(3);
            assertThat(until.state()).isEqualTo(one.state());
        }
    }

    @Test
    void eachEpochIsPrinted() {
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        try (Trainer trainer = open()) {
            trainer.listen(new ConsoleListener(new PrintStream(printed, true)));
            History history = trainer.fit(DIGITS, DIGITS, 2);
            assertThat(printed.toString().lines().map(line -> line.replace(" *", "")))
                    .containsExactlyElementsOf(
                            history.epochs().stream().map(EpochResult::toString).toList());
        }
    }

    @Test
    void theModelIsSavedWithItsClasses(@TempDir Path folder) {
        Path file = folder.resolve("digits.safetensors");
        try (Trainer trainer = open()) {
            trainer.fit(DIGITS, 1);
            trainer.model().save(file);
            SavedModel read = ModelFile.read(file, null);
            assertThat(read.parameters()).isEqualTo(trainer.parameters());
            assertThat(read.model()).isEqualTo(MODEL);
            assertThat(read.classes()).isEqualTo(DIGITS.classes());
        }
    }
}
