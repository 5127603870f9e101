package org.quern.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.quern.QuernException;
import org.quern.data.Digits;
import org.quern.data.Splits;
import org.quern.run.RunSettings;
import org.quern.run.StateFile;
import org.quern.run.Sweep;
import org.quern.run.Training;
import org.quern.train.EpochResult;

/** On a master, workers and executors, which are processes of their own. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = ThreadMode.SEPARATE_THREAD)
class ClusterTest {
    private static SparkSession spark;

    @BeforeAll
    static void start() throws IOException {
        // executors that have no C kernels
        spark = Cluster.of(2, Map.of("spark.executorEnv.QUERN_ISA", "none"));
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    private static List<ProcessHandle> executors() {
        return ProcessHandle.current()
                .descendants()
                .filter(one -> one.info().command().orElse("").endsWith("java"))
                .toList();
    }

    /** The first checkpoint; by then all that run are in the middle of a training. */
    private static Path firstCheckpoint(Path folder) throws Exception {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
        while (System.nanoTime() < until) {
            if (Files.isDirectory(folder)) {
                try (Stream<Path> files = Files.list(folder)) {
                    List<Path> states =
                            files.filter(file -> file.toString().endsWith(".state")).toList();
                    if (!states.isEmpty()) {
                        return states.get(0);
                    }
                }
            }
            Thread.sleep(20);
        }
        throw new AssertionError("no checkpoint in two minutes");
    }

    @Test
    void executorsThatAreKilledLoseNothing(@TempDir Path folder) throws Exception {
        List<String> lost = new CopyOnWriteArrayList<>();
        spark.sparkContext()
                .addSparkListener(
                        new SparkListener() {
                            @Override
                            public void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
                                lost.add(removed.executorId());
                            }
                        });
        Splits digits = Splits.of(Digits.generate("digits", 4000, 0, 1));
        RunSettings base =
                RunSettings.DEFAULT.with(
                        Map.of("epochs", 20, "validation", 0.1, "backend", "java"));
        List<Sweep.Member> members =
                Sweep.members(base, Map.of("seed", List.of("1", "2", "3", "4")));
        Path kept = folder.resolve("kept");
        CompletableFuture<List<QuernSweep.Result>> running =
                CompletableFuture.supplyAsync(
                        () ->
                                new QuernSweep(spark)
                                        .setCheckpoint(kept.toUri().toString())
                                        .run(digits, members));
        // read at once: on a busy machine, its training may have ended before it can be killed
        List<EpochResult> before = StateFile.read(firstCheckpoint(kept)).checkpoint().epochs();
        List<ProcessHandle> executors = executors();
        assertThat(executors).hasSize(2);
        executors.forEach(ProcessHandle::destroyForcibly);
        for (ProcessHandle executor : executors) {
            executor.onExit().get(2, TimeUnit.MINUTES);
        }

        List<QuernSweep.Result> results = running.get(5, TimeUnit.MINUTES);
        assertThat(lost).hasSizeGreaterThanOrEqualTo(2);
        assertThat(results).hasSize(4);
        // with the times of the process that was killed: it was not begun again
        assertThat(results)
                .anySatisfy(one -> assertThat(one.scores().epochs()).containsAll(before));
        for (QuernSweep.Result result : results) {
            assertThat(result.failure()).isNull();
            RunSettings settings = result.scores().member().on(digits).settings();
            Splits parts = settings.parts(digits);
            try (Training alone = new Training(settings, parts, settings.choose().backend())) {
                alone.fit();
                assertThat(Bytes.of(result.model())).isEqualTo(Bytes.of(alone.model()));
            }
        }
    }

    @Test
    void anExecutorWithoutKernelsSaysSo() {
        QuernClassificationModel model =
                new QuernClassifier().setLayers("dense 3").setEpochs(1).fit(Cluster.points(spark));
        assertThat(model.device()).startsWith("java: ");
        assertThat(model.notes())
                .hasSize(1)
                .first()
                .asString()
                .contains("computes in plain Java, which is slower", "QUERN_ISA is none");
        assertThat(model.transform(Cluster.points(spark)).count()).isEqualTo(600);
    }

    /** What it says of a failure on an executor is one line at the driver, as anywhere. */
    @Test
    void aFailureOnAnExecutorIsTheDrivers() {
        QuernClassifier classifier =
                new QuernClassifier()
                        .setLayers("dense 8 relu, dense 3")
                        .setLearningRate(1e30)
                        .setSettings(Map.of("optimizer", "sgd"));
        assertThatThrownBy(() -> classifier.fit(Cluster.points(spark)))
                .isInstanceOf(QuernException.class)
                .hasMessageContaining("training diverged")
                .hasMessageNotContaining("\n");
    }
}
