package org.quern.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.io.ModelFile;
import org.quern.model.Model;
import org.quern.train.EpochResult;
import org.quern.train.Listener;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** A run's folder under attack: links, leftovers of the killed, disks that fail, readers beside. */
class RunFolderTest {
    private static final Splits PARTS =
            new Splits(
                    Dataset.ofValues("d", new int[] {2}, new float[] {1, 2, 3, 4})
                            .withLabels(new int[] {0, 1}, List.of("a", "b")),
                    null,
                    "d");

    @TempDir Path temporary;

    private final Trainer trainer =
            Trainer.open(
                    TrainingConfig.of(Model.input(2).dense(2)),
                    Usable.named("java"),
                    Backend.Options.DEFAULT);

    @AfterEach
    void close() {
        trainer.close();
    }

    private RunFolder create(int keep) {
        return RunFolder.create(temporary.resolve("run"), RunSettings.DEFAULT.texts(), PARTS, keep);
    }

    private RunReport report() {
        return new RunReport(trainer, "java", "d", 9);
    }

    private Path train(int epochs, int keep) {
        try (RunFolder folder = create(keep)) {
            folder.saveState(trainer);
            trainer.listen(folder.saving(report(), text -> {}));
            trainer.fit(PARTS.train(), PARTS.train(), epochs);
            return folder.folder();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "run.lock",
                "run.json",
                "history.csv",
                "best.safetensors",
                "last.safetensors",
                "last.state.safetensors",
                "epoch-0002.safetensors"
            })
    void nothingIsWrittenThroughALink(String name) throws IOException {
        Path run = train(1, 1);
        Path file = run.resolve(name);
        Path mine = temporary.resolve("mine");
        if (Files.exists(file)) {
            Files.move(file, mine);
        } else {
            Files.writeString(mine, "precious");
        }
        byte[] before = Files.readAllBytes(mine);
        Files.createSymbolicLink(file, mine);
        assertThatThrownBy(() -> RunFolder.resume(run, null))
                .isInstanceOf(QuernException.class)
                .hasMessage(file + " is a symbolic link, which no run makes: remove it");
        assertThat(mine).hasBinaryContent(before);
        assertThat(file).isSymbolicLink();
    }

    /** As programs wrote it that kept states by themselves. */
    @Test
    void aRunThatDoesNotSayWhatItsDataWereGoesOnAndIsTold() {
        Path run = train(1, 0);
        Path file = run.resolve("last.state.safetensors");
        StateFile state = StateFile.read(file);
        Map<String, String> settings = new HashMap<>(state.settings());
        assertThat(settings.remove("fingerprint")).isNotNull();
        new StateFile(state.checkpoint(), state.config(), settings).write(file);
        try (RunFolder again = RunFolder.resume(run, null)) {
            assertThat(again.notice()).isNull();
            again.restore(trainer, PARTS);
            assertThat(again.notice())
                    .isEqualTo(
                            run
                                    + " does not say what data it was trained on: taken to be the same");
        }
    }

    @Test
    void aLinkThatComesLaterIsNotFollowedEither() throws IOException {
        Path mine = Files.writeString(temporary.resolve("mine"), "precious");
        try (RunFolder folder = create(0)) {
            Files.createSymbolicLink(folder.folder().resolve("last.state.safetensors"), mine);
            assertThatThrownBy(() -> folder.saveState(trainer))
                    .hasMessageContaining("is a symbolic link");
        }
        assertThat(mine).hasContent("precious");
    }

    /** Killed while it wrote its first file: the lock and a part are all that is there. */
    @Test
    void aFolderWithoutACheckpointIsTakenAgain() throws IOException {
        Path run = Files.createDirectory(temporary.resolve("run"));
        Files.writeString(run.resolve("run.lock"), "process 1 since 2001-01-01T00:00:00Z\n");
        Files.writeString(run.resolve(".last.state.safetensors.7-1-123.part"), "half");
        Files.writeString(run.resolve(".last.safetensors.7-1-124.part"), "half");
        RunFolder.check(run);
        try (RunFolder folder = create(0)) {
            folder.saveState(trainer);
        }
        assertThat(run.toFile().list())
                .containsExactlyInAnyOrder(
                        "run.lock", "last.state.safetensors", "last.safetensors");
    }

    @Test
    void anInterruptedThreadLocksSavesAndResumes() {
        Thread.currentThread().interrupt();
        Path run = train(1, 0);
        try (RunFolder folder = RunFolder.resume(run, null)) {
            assertThat(folder.checkpoint().state()).isEqualTo(trainer.state());
        }
        assertThat(Thread.interrupted()).isTrue();
        assertThat(run.resolve("run.lock")).isEmptyFile();
    }

    @Test
    void aResumeRemovesWhatWasLeftHalfWrittenAndNothingElse() throws IOException {
        Path run = train(1, 0);
        List<String> whole = List.of(run.toFile().list());
        Files.writeString(run.resolve(".best.safetensors.7-1-123.part"), "half");
        Files.writeString(run.resolve(".notes.7-1-123.part"), "the user's");
        RunFolder.resume(run, null).close();
        List<String> left = new ArrayList<>(List.of(run.toFile().list()));
        assertThat(left.remove(".notes.7-1-123.part")).isTrue();
        assertThat(left).containsExactlyInAnyOrderElementsOf(whole);
    }

    @Test
    void howManyEpochsAreKeptIsRememberedByAResume() {
        Path run = train(3, 2);
        try (RunFolder folder = RunFolder.resume(run, null);
                Trainer again =
                        Trainer.open(
                                trainer.config(), Usable.named("java"), Backend.Options.DEFAULT)) {
            folder.restore(again, PARTS);
            again.listen(folder.saving(report(), text -> {}));
            again.fitUntil(PARTS.train(), PARTS.train(), 5);
            assertThat(folder.settings()).containsAllEntriesOf(RunSettings.DEFAULT.texts());
        }
        assertThat(run.resolve("epoch-0003.safetensors")).doesNotExist();
        assertThat(run.resolve("epoch-0004.safetensors")).exists();
        assertThat(run.resolve("epoch-0005.safetensors")).exists();
    }

    /** The first epoch, which is the best, cannot be written; the second can. */
    @Test
    void anEpochThatCannotBeSavedIsSavedWithTheNext() throws IOException {
        List<String> said = new ArrayList<>();
        try (RunFolder folder = create(0)) {
            Path run = folder.folder();
            folder.saveState(trainer);
            trainer.listen(folder.saving(report(), said::add));
            trainer.listen(
                    new Listener() {
                        @Override
                        public Verdict epochEnd(EpochResult result, boolean best, Trainer of) {
                            assertThat(best).isTrue();
                            unblock(run.resolve("best.safetensors"));
                            return Verdict.GO_ON;
                        }
                    });
            Files.createDirectory(run.resolve("best.safetensors")); // in the way
            trainer.fit(PARTS.train(), PARTS.train(), 1);
            assertThat(said).hasSize(1);
            assertThat(said.get(0))
                    .startsWith("epoch 1 is NOT SAVED: ")
                    .contains("best.safetensors cannot be written")
                    .endsWith("; training goes on");
            folder.saveAtLast(trainer);
            assertThat(ModelFile.read(run.resolve("best.safetensors"), null).notes())
                    .containsEntry("epoch", "1");
        }
    }

    private static void unblock(Path file) {
        try {
            Files.delete(file);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void whatCannotBeSavedInTheEndIsAnError() throws IOException {
        try (RunFolder folder = create(0)) {
            Files.createDirectory(folder.folder().resolve("last.safetensors"));
            trainer.listen(folder.saving(report(), text -> {}));
            trainer.fit(PARTS.train(), PARTS.train(), 2);
            assertThatThrownBy(() -> folder.saveAtLast(trainer))
                    .isInstanceOf(QuernException.class)
                    .hasMessageContaining("last.safetensors cannot be written");
        }
    }

    /** A reader beside a run that writes all the time: curves end with the weights' epoch. */
    @Test
    void readersSeeOneEpoch() throws InterruptedException {
        Path run = train(1, 0);
        Thread writer =
                new Thread(
                        () -> {
                            try (RunFolder folder = RunFolder.resume(run, null)) {
                                folder.restore(trainer, PARTS);
                                trainer.listen(folder.saving(report(), text -> {}));
                                trainer.fit(PARTS.train(), PARTS.train(), 60);
                                RunReport ended = report().with("end", "finished");
                                ended.epochs(trainer.checkpoint().epochs());
                                folder.writeRun(ended.json());
                            }
                        });
        writer.start();
        int looks = 0;
        for (boolean alive = true; alive; looks++) {
            alive = writer.isAlive();
            TrainedModel model = TrainedModel.open(run);
            JsonObject json = RunFolder.readRun(run, model);
            if (json != null) {
                assertThat(json.getAsJsonArray("epochs")).hasSize(model.epoch());
            }
        }
        writer.join();
        assertThat(looks).isGreaterThan(5);
    }
}
