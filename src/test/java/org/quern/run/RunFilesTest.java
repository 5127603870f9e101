package org.quern.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.io.ModelFile;
import org.quern.io.SafeTensors;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.train.Checkpoint;
import org.quern.train.EpochResult;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** What a run leaves behind, and what of it is believed. */
class RunFilesTest {
    private static final TrainingConfig CONFIG =
            TrainingConfig.of(Model.input(2).dense(3).dense(2));
    private static final List<String> CLASSES = List.of("a", "b");
    private static final Splits PARTS =
            new Splits(
                    Dataset.ofValues("d", new int[] {2}, new float[] {1, 2, 3, 4})
                            .withLabels(new int[] {0, 1}, CLASSES),
                    null,
                    "d");
    private static final List<EpochResult> EPOCHS =
            List.of(
                    new EpochResult(
                            1, 0.1 + 0.2, 1 / 3.0, null, null, 1e-3, 4.9e-324, 1e300, 7.25, 0.5),
                    new EpochResult(
                            2, -0.0, 1, Double.NaN, 0.5, 0.1, 2, 3, 1e40, Double.POSITIVE_INFINITY),
                    new EpochResult(3, 1, 0, Double.POSITIVE_INFINITY, 0.0, 0.1, 2, 3, 1, 1));

    @TempDir Path folder;

    private static Trainer open(TrainingConfig config) {
        return Trainer.open(config, Usable.named("java"), Backend.Options.DEFAULT);
    }

    private Path run() {
        Path run = folder.resolve("run");
        try (RunFolder saver = RunFolder.create(run, Map.of("data", "here"), PARTS, 0);
                Trainer trainer = open(CONFIG)) {
            saver.saveState(trainer);
        }
        return run;
    }

    @Test
    void historyIsReadBackToTheSameBits() {
        String csv = StateFile.history(EPOCHS);
        assertThat(csv)
                .isEqualTo(
                        """
                        epoch,loss,accuracy,validation_loss,validation_accuracy,learning_rate,seconds,step_micros,weight_norm,gradient_norm
                        1,0.30000000000000004,0.3333333333333333,,,0.001,4.9E-324,1.0E300,7.25,0.5
                        2,-0.0,1.0,NaN,0.5,0.1,2.0,3.0,1.0E40,Infinity
                        3,1.0,0.0,Infinity,0.0,0.1,2.0,3.0,1.0,1.0
                        """);
        assertThat(StateFile.epochs(csv)).isEqualTo(EPOCHS);
    }

    @Test
    void aCheckpointIsReadBackToTheSameBits() {
        float[] state = {1, -0f, Float.MIN_VALUE, 1 / 3f};
        Checkpoint written = new Checkpoint(-5, 1L << 40, state, EPOCHS, 0.1, 7, new float[] {2});
        Path file = folder.resolve("s.safetensors");
        new StateFile(written, Map.of("batch", "32"), Map.of("k", "ä\n\"")).write(file);
        StateFile read = StateFile.read(file);
        assertThat(read.checkpoint().seed()).isEqualTo(-5);
        assertThat(read.checkpoint().step()).isEqualTo(1L << 40);
        assertThat(read.checkpoint().epochs()).isEqualTo(EPOCHS);
        assertThat(read.checkpoint().partialLoss()).isEqualTo(0.1);
        assertThat(read.checkpoint().partialHits()).isEqualTo(7);
        assertThat(read.checkpoint().state()).isEqualTo(state);
        assertThat(read.checkpoint().best()).containsExactly(2);
        assertThat(Float.floatToRawIntBits(read.checkpoint().state()[1])).isEqualTo(0x80000000);
        assertThat(read.config()).containsExactly(Map.entry("batch", "32"));
        assertThat(read.settings()).containsExactly(Map.entry("k", "ä\n\""));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "quern.state | | ' is not the state of a run: give the run''s folder'",
                "quern.state | 1 | ' is of another version of Quern: start a new run'",
                "step | | ' is damaged (there is no step): start a new run'",
                "step | -1 | ' is damaged (it is at step -1): start a new run'",
                "seed | x | ' is damaged (For input string: \"x\"): start a new run'",
                "epochs | x | ' is damaged (its history has other columns): start a new run'",
                "settings | null | ' is damaged (its settings is empty): start a new run'",
            })
    void damagedStatesAreRefused(String key, String value, String message) {
        Path state = run().resolve("last.state.safetensors");
        SafeTensors good = SafeTensors.read(state);
        Map<String, String> metadata = new LinkedHashMap<>(good.metadata());
        if (value == null) {
            metadata.remove(key);
        } else {
            metadata.put(key, value);
        }
        new SafeTensors(metadata, good.tensors()).write(state);
        refused(() -> RunFolder.resume(folder.resolve("run"), 0), state + message);
    }

    @Test
    void aHistoryWithAHoleIsRefused() {
        String hole = StateFile.history(EPOCHS).replaceAll("2,-0.0.*\n", "");
        refused(() -> StateFile.epochs(hole), "its history lacks epoch 2");
        String cut = StateFile.history(EPOCHS).replace(",0.5\n", "\n");
        refused(() -> StateFile.epochs(cut), "its history lacks epoch 1");
    }

    @Test
    void aCheckpointOfAnotherRunIsRefusedByTheFirstDifference() {
        Path run = run();
        RunFolder resumed = RunFolder.resume(run, 0);
        String state = "checkpoint " + run.resolve("last.state.safetensors");
        Model relu = Model.input(2).dense(3, Activation.RELU).dense(2);
        // of the same size, and so not told apart by it
        try (Trainer other = open(TrainingConfig.of(relu))) {
            refused(
                    () -> resumed.restore(other, PARTS),
                    state
                            + " is of a run with model \"dense 3, dense 2\", not \"dense 3 relu,"
                            + " dense 2\": resume it as it was, or start a new run");
        }
        try (Trainer other = open(CONFIG.withBatch(64))) {
            refused(
                    () -> resumed.restore(other, PARTS),
                    state
                            + " is of a run with batch \"32\", not \"64\": resume it as it was, or"
                            + " start a new run");
        }
        try (Trainer same = open(CONFIG)) {
            resumed.restore(same, PARTS);
            assertThat(same.state()).isEqualTo(resumed.checkpoint().state());
        }
    }

    @Test
    void theLastEpochsAreKeptByNumber() throws Exception {
        Path run = folder.resolve("run");
        RunFolder saver = RunFolder.create(run, Map.of(), PARTS, 2);
        // not ours, or of a later epoch than any that is trained here
        Path mine = Files.writeString(run.resolve("epoch-mine.safetensors"), "x");
        Path late = Files.writeString(run.resolve("epoch-10000.safetensors"), "x");
        try (Trainer trainer = open(CONFIG)) {
            for (int epoch = 1; epoch <= 3; epoch++) {
                trainer.fit(PARTS.train(), 1);
                saver.save(trainer, true);
            }
            for (String name : List.of("last", "best", "epoch-0003")) {
                ModelFile.SavedModel saved =
                        ModelFile.read(run.resolve(name + ".safetensors"), null);
                assertThat(saved.parameters()).isEqualTo(trainer.parameters());
                assertThat(saved.classes()).isEqualTo(CLASSES);
                assertThat(saved.notes()).isEqualTo(Map.of("epoch", "3", "seed", "1"));
            }
        }
        assertThat(mine).exists();
        assertThat(late).exists();
        assertThat(run.resolve("epoch-0001.safetensors")).doesNotExist();
        assertThat(run.resolve("epoch-0002.safetensors")).exists();
    }

    @Test
    void aReportWithoutNumbersIsStillJson() {
        try (Trainer trainer = open(CONFIG.withLoss(Loss.MEAN_SQUARED_ERROR))) {
            String json =
                    new RunReport(trainer, "java", "d", 3)
                            .epochs(EPOCHS)
                            .with("seconds", Map.of("training", 1.5))
                            .json();
            var report = JsonParser.parseString(json).getAsJsonObject();
            var epoch = report.getAsJsonArray("epochs").get(0).getAsJsonObject();
            assertThat(epoch.get("loss").getAsDouble()).isEqualTo(0.1 + 0.2);
            assertThat(json).doesNotContain("NaN", "Infinity");
            assertThat(report.keySet())
                    .containsAll(
                            Set.of(
                                    "backend", "device", "data", "model", "seed", "batch",
                                    "seconds"));
        }
    }

    @Test
    void fingerprintsTellDataApart() {
        float[] values = {1, 2, 3, 4};
        Dataset data = Dataset.ofValues("d", new int[] {2}, values);
        Dataset labelled = data.withLabels(new int[] {0, 1}, CLASSES);
        assertThat(data.fingerprint()).matches("2x2 [0-9a-f]{8}");
        assertThat(
                        List.of(
                                data.fingerprint(),
                                labelled.fingerprint(),
                                data.withLabels(new int[] {1, 0}, CLASSES).fingerprint(),
                                data.withTargets(new float[] {0, 1}, 1).fingerprint(),
                                Dataset.ofValues("d", new int[] {1}, values).fingerprint()))
                .doesNotHaveDuplicates();
        assertThat(labelled.named("other").fingerprint()).isEqualTo(labelled.fingerprint());
    }

    private static void refused(
            org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String message) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.DATA))
                .hasMessage(message);
    }
}
