package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.data.Splits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.run.RunFolder;

class TrainerTest {
    private static final Dataset TRAIN = Digits.generate("train", 2001, 0, 1);
    private static final Dataset FEW = Digits.generate("train", 1001, 0, 1); // 32 steps
    private static final Dataset VALIDATION = Digits.generate("validation", 500, Digits.TEST, 1);
    private static final Splits PARTS = new Splits(TRAIN, null, "digits");
    private static final Model MODEL =
            ModelText.parse(
                    Model.input(28, 28).scaled(Scaling.UNIT),
                    "dropout 0.1, dense 33 relu, dropout 0.3, dense 10");
    private static final TrainingConfig CONFIG = TrainingConfig.of(MODEL);

    @TempDir Path folder;

    static List<Backend> backends() {
        return Usable.backends();
    }

    private static Trainer open(Backend backend, TrainingConfig config) {
        return Trainer.open(config, backend, Backend.Options.DEFAULT);
    }

    @ParameterizedTest
    @MethodSource("backends")
    void trainingLearns(Backend backend) {
        try (Trainer trainer = open(backend, CONFIG)) {
            History history = trainer.fit(TRAIN, VALIDATION, 4);
            assertThat(history.end()).isEqualTo(History.End.FINISHED);
            assertThat(history.epochs()).hasSize(4);
            assertThat(history.epochs().get(3).loss()).isLessThan(history.epochs().get(0).loss());
            assertThat(history.epochs().get(3).validationAccuracy()).isGreaterThan(0.7);
            Evaluation evaluation = trainer.evaluate(VALIDATION);
            assertThat(evaluation.accuracy())
                    .isEqualTo(history.epochs().get(3).validationAccuracy());
            assertThat(evaluation.confusion().total()).isEqualTo(500);
        }
    }

    /** Interrupted in the middle of an epoch, saved, read and gone on with: the same bits. */
    @ParameterizedTest
    @MethodSource("backends")
    void aResumedRunEndsWithTheSameBits(Backend backend) {
        Splits parts = new Splits(FEW, null, "digits");
        float[] expected;
        List<EpochResult> epochs;
        try (Trainer trainer = open(backend, CONFIG)) {
            epochs = trainer.fit(FEW, VALIDATION, 3).epochs();
            expected = trainer.state();
        }
        Path run = folder.resolve(backend.name());
        try (RunFolder saver = RunFolder.create(run, CONFIG.texts(), parts, 2);
                Trainer trainer = open(backend, CONFIG)) {
            trainer.listen(
                    new Listener() {
                        @Override
                        public Verdict progress(Progress progress) {
                            if (progress.epoch() == 2) { // a fit begins with a short chunk
                                trainer.interrupt();
                            }
                            return Verdict.GO_ON;
                        }
                    });
            trainer.fit(FEW, VALIDATION, 1);
            assertThat(trainer.fit(FEW, VALIDATION, 2).end()).isEqualTo(History.End.INTERRUPTED);
            assertThat(trainer.step() % 32).isNotZero();
            saver.save(trainer, false);
        }
        RunFolder resumed = RunFolder.resume(run, 0);
        assertThat(resumed.settings()).containsAllEntriesOf(CONFIG.texts());
        try (Trainer trainer = open(backend, CONFIG)) {
            resumed.restore(trainer, parts);
            History history = trainer.fitUntil(FEW, VALIDATION, 3);
            assertThat(trainer.state()).isEqualTo(expected);
            for (int i = 0; i < 3; i++) {
                assertThat(history.epochs().get(i).accuracy()).isEqualTo(epochs.get(i).accuracy());
                assertThat(history.epochs().get(i).validationLoss())
                        .isEqualTo(epochs.get(i).validationLoss());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void earlyStoppingGoesBackToTheBestEpoch(Backend backend) {
        TrainingConfig config =
                CONFIG.withSchedule(new Schedule.Constant(0.03))
                        .withEarlyStopping(new EarlyStopping(2, 0));
        List<float[]> after = new ArrayList<>();
        try (Trainer trainer = open(backend, config)) {
            trainer.listen(
                    new Listener() {
                        @Override
                        public Verdict epochEnd(EpochResult result, boolean best, Trainer t) {
                            after.add(t.parameters());
                            return Verdict.GO_ON;
                        }
                    });
            History history = trainer.fit(FEW, VALIDATION, 60);
            assertThat(history.end()).isEqualTo(History.End.STOPPED);
            assertThat(history.epochs()).hasSize(history.bestEpoch() + 2);
            assertThat(trainer.parameters()).isEqualTo(after.get(history.bestEpoch() - 1));
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void divergenceIsFoundWithLayerAndStepAndTheLastGoodStateKept(Backend backend) {
        TrainingConfig config =
                TrainingConfig.of(
                                ModelText.parse(
                                        Model.input(28, 28),
                                        "dense 20 relu, dense 20 relu, dense 10"))
                        .withOptimizer(new Optimizer.Sgd(0, 0))
                        .withSchedule(new Schedule.Step(1e-9, 1, 1e18));
        try (Trainer trainer = open(backend, config)) {
            List<float[]> good = new ArrayList<>();
            trainer.listen(
                    new Listener() {
                        @Override
                        public Verdict epochEnd(EpochResult result, boolean best, Trainer t) {
                            good.add(t.state());
                            return Verdict.GO_ON;
                        }
                    });
            assertThatThrownBy(() -> trainer.fit(TRAIN, 5))
                    .isInstanceOfSatisfying(
                            QuernException.class,
                            e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.TARGET))
                    .hasMessageMatching(
                            "training diverged at step \\d+ \\(epoch 2\\): .+ of .+ is"
                                    + " (NaN|infinite); kept the weights of step 63; try a lower"
                                    + " learning rate than 1\\.00e\\+09, or scale the input");
            assertThat(good).hasSize(1);
            assertThat(trainer.state()).isEqualTo(good.get(0));
            assertThat(trainer.step()).isEqualTo(63);
        }
    }

    @Test
    void aListenerMayStopTheRun() {
        try (Trainer trainer = open(Usable.named("java"), CONFIG)) {
            trainer.listen(
                    new Listener() {
                        @Override
                        public Verdict epochEnd(EpochResult result, boolean best, Trainer t) {
                            return result.epoch() == 2 ? Verdict.STOP : Verdict.GO_ON;
                        }
                    });
            History history = trainer.fit(TRAIN, 9);
            assertThat(history.epochs()).hasSize(2);
            assertThat(history.end()).isEqualTo(History.End.STOPPED);
        }
    }

    /** It reaches the caller as it is; what was trained until then goes on to the same weights. */
    @Test
    void aListenersExceptionEndsTheRunBetweenTwoSteps() {
        float[] unbroken;
        try (Trainer trainer = open(Usable.named("java"), CONFIG)) {
            trainer.fit(TRAIN, 3);
            unbroken = trainer.state();
        }
        try (Trainer trainer = open(Usable.named("java"), CONFIG)) {
            IllegalStateException own = new IllegalStateException("of the listener");
            trainer.listen(
                    new Listener() {
                        @Override
                        public Verdict epochEnd(EpochResult result, boolean best, Trainer t) {
                            if (result.epoch() == 2) {
                                throw own;
                            }
                            return Verdict.GO_ON;
                        }
                    });
            assertThatThrownBy(() -> trainer.fit(TRAIN, 3)).isSameAs(own);
            trainer.fitUntil(TRAIN, null, 3);
            assertThat(trainer.state()).isEqualTo(unbroken);
        }
    }

    @Test
    void regressionLearnsALine() {
        float[] x = new float[200];
        float[] y = new float[200];
        for (int i = 0; i < 200; i++) {
            x[i] = i / 100f - 1;
            y[i] = 3 * x[i] - 0.5f;
        }
        Dataset line = Dataset.ofValues("line", new int[] {1}, x).withTargets(y, 1);
        TrainingConfig config =
                TrainingConfig.of(Model.input(1).dense(1))
                        .withLoss(Loss.MEAN_SQUARED_ERROR)
                        .withSchedule(new Schedule.Constant(0.05))
                        .withBatch(20);
        for (Backend backend : backends()) {
            try (Trainer trainer = open(backend, config)) {
                trainer.fit(line, line, 60);
                Evaluation evaluation = trainer.evaluate(line);
                assertThat(evaluation.loss()).isLessThan(1e-4);
                assertThat(evaluation.r2()).as("R²").isGreaterThan(0.999);
            }
        }
    }

    @Test
    void dataThatDoesNotFitIsRefused() {
        Backend java = Usable.named("java");
        try (Trainer trainer = open(java, CONFIG)) {
            Dataset narrow = Dataset.ofPixels("narrow", new int[] {3}, new byte[6]);
            assertThatThrownBy(() -> trainer.fit(narrow, 1))
                    .hasMessage(
                            "narrow has 3 values a row, but the model takes 784: use data of shape"
                                    + " [28, 28]");
            Dataset unlabelled = Dataset.ofPixels("unlabelled", new int[] {28, 28}, new byte[784]);
            assertThatThrownBy(() -> trainer.fit(unlabelled, 1))
                    .hasMessage("unlabelled has no class labels, which cross-entropy needs");
            assertThatThrownBy(() -> trainer.fit(TRAIN, 0)).hasMessage("epochs 0: give at least 1");
        }
        TrainingConfig few = TrainingConfig.of(Model.input(28, 28).dense(3));
        try (Trainer trainer = open(java, few)) {
            assertThatThrownBy(() -> trainer.fit(TRAIN, 1))
                    .hasMessage(
                            "train has 10 classes, but the model has 3 outputs: make its last layer"
                                    + " \"dense 10\"");
        }
    }

    @Test
    void checkpointsOfOtherRunsAreRefused() {
        Checkpoint checkpoint;
        try (Trainer trainer = open(Usable.named("java"), CONFIG)) {
            checkpoint = trainer.checkpoint();
        }
        try (Trainer other = open(Usable.named("java"), CONFIG.withSeed(2))) {
            assertThatThrownBy(() -> other.restore(checkpoint))
                    .hasMessage("the checkpoint is of a run with seed 1, not 2");
        }
        TrainingConfig small = TrainingConfig.of(Model.input(28, 28).dense(10));
        try (Trainer other = open(Usable.named("java"), small)) {
            assertThatThrownBy(() -> other.restore(checkpoint))
                    .hasMessageMatching(
                            "the checkpoint has [\\d,]+ numbers of state, the model [\\d,]+: it is"
                                    + " of another model");
        }
    }

    @Test
    void runFoldersWriteNothingOver() throws Exception {
        Path run = folder.resolve("run");
        RunFolder saver = RunFolder.create(run, Map.of(), PARTS, 2);
        assertThatThrownBy(() -> RunFolder.resume(run, 0))
                .hasMessageStartingWith(run + " holds no run");
        try (Trainer trainer = open(Usable.named("java"), CONFIG)) {
            trainer.listen(
                    new Listener() {
                        @Override
                        public Verdict epochEnd(EpochResult result, boolean best, Trainer t) {
                            saver.save(t, best);
                            return Verdict.GO_ON;
                        }
                    });
            trainer.fit(TRAIN, 4);
        }
        saver.close();
        try (var files = Files.list(run)) {
            assertThat(files.map(f -> f.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            "best.safetensors",
                            "last.safetensors",
                            "last.state.safetensors",
                            "history.csv",
                            "run.lock",
                            "epoch-0003.safetensors",
                            "epoch-0004.safetensors");
        }
        assertThatThrownBy(() -> RunFolder.create(run, Map.of(), PARTS, 0))
                .hasMessage(
                        run
                                + " holds a run already: go on with it by --auto-resume or --resume "
                                + run
                                + ", or give --out another folder");
        Path other = Files.createDirectory(folder.resolve("other"));
        Files.writeString(other.resolve("thesis.tex"), "mine");
        assertThatThrownBy(() -> RunFolder.create(other, Map.of(), PARTS, 0))
                .hasMessage(other + " is not empty (thesis.tex): give --out a new or empty folder");
        assertThat(other.toFile().list()).containsExactly("thesis.tex");
    }
}
