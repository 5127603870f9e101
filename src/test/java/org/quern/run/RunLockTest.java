package org.quern.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.model.Model;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** Within one process; {@code org.quern.cli.RunRaceTest} has two. */
class RunLockTest {
    private static final Dataset ROWS =
            Dataset.ofValues("d", new int[] {2}, new float[] {1, 2})
                    .withLabels(new int[] {0}, List.of("a"));

    @TempDir Path temporary;
    private Path run;

    @BeforeEach
    void makeFolder() {
        run = temporary.resolve("run");
    }

    private RunFolder create() {
        return RunFolder.create(run, Map.of("data", "here"), new Splits(ROWS, null, ""), 0);
    }

    private static void save(RunFolder folder) {
        try (Trainer trainer =
                Trainer.open(
                        TrainingConfig.of(Model.input(2).dense(2)),
                        Usable.named("java"),
                        Backend.Options.DEFAULT)) {
            folder.saveState(trainer);
        }
    }

    private static void held(Path folder, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.DATA))
                .message()
                .matches(
                        "\\Q%s\\E is in use by process %d since \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ:"
                                        .formatted(folder, ProcessHandle.current().pid())
                                + " wait until that run has ended, or use another folder");
    }

    @Test
    void oneHoldsAFolderUntilItIsClosed() throws IOException {
        Path link = Files.createSymbolicLink(temporary.resolve("link"), run);
        try (RunFolder folder = create()) {
            held(run, this::create);
            held(run, () -> RunFolder.check(run));
            held(link, () -> RunFolder.check(link));
            save(folder);
            held(run, this::create);
            held(run, () -> RunFolder.resume(run, 0));
            assertThat(RunFolder.settings(run)).containsEntry("data", "here");
        }
        assertThat(run.resolve("run.lock")).isEmptyFile();
        RunFolder resumed = RunFolder.resume(run, 0);
        held(run, () -> RunFolder.resume(run, 0));
        resumed.close();
        resumed.close();
        assertThatThrownBy(this::create).hasMessageContaining("holds a run already");
    }

    @Test
    void whoIsRefusedHoldsNothing() throws IOException {
        Files.createDirectory(run);
        Files.writeString(run.resolve("last.state.safetensors"), "x");
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(this::create).hasMessageContaining("holds a run already");
            assertThatThrownBy(() -> RunFolder.resume(run, 0))
                    .hasMessageContaining("last.state.safetensors");
        }
    }

    @Test
    void whatAKilledProcessLeftDoesNotCount() throws IOException {
        Files.createDirectory(run);
        Files.writeString(run.resolve("run.lock"), "process 1 since 2001-01-01T00:00:00Z\n");
        try (RunFolder folder = create()) {
            assertThat(folder.notice()).isNull();
            assertThat(run.resolve("run.lock"))
                    .content()
                    .startsWith("process " + ProcessHandle.current().pid() + " since 2");
        }
    }

    @Test
    void aFileSystemWithoutLocksIsSaid() throws IOException {
        Files.createDirectory(run);
        RunLock.Locker none =
                channel -> {
                    throw new IOException("No locks available");
                };
        try (RunLock lock = RunLock.of(run, none)) {
            assertThat(lock.notice)
                    .isEqualTo(
                            run
                                    + " cannot be locked (No locks available): keep other runs out"
                                    + " of it yourself");
        }
    }

    @Test
    void aLockFileThatCannotBeIsAnError() throws IOException {
        Files.createDirectories(run.resolve("run.lock"));
        assertThatThrownBy(() -> RunLock.of(run))
                .isInstanceOf(QuernException.class)
                .hasMessageStartingWith(run + " cannot be locked (");
    }
}
