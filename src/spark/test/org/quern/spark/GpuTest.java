package org.quern.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

/** Two GPUs of the simulator's, of which Spark gives tasks the second. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = ThreadMode.SEPARATE_THREAD)
class GpuTest {
    @Test
    void theTasksResourceChoosesTheDevice(@TempDir Path folder) throws Exception {
        Path simulator = Path.of(System.getProperty("quern.spark.target"), "../cudasim");
        assumeTrue(Files.exists(simulator.resolve("libcuda.so.1")), "there is no simulator");
        Path script = folder.resolve("gpus");
        Files.writeString(
                script, "#!/bin/sh\necho '{\"name\": \"gpu\", \"addresses\": [\"1\"]}'\n");
        assertThat(script.toFile().setExecutable(true)).isTrue();
        String env = "spark.executorEnv.";
        try (SparkSession spark =
                Cluster.of(
                        1,
                        Map.of(
                                "spark.worker.resource.gpu.amount",
                                "1",
                                "spark.worker.resource.gpu.discoveryScript",
                                script.toString(),
                                "spark.executor.resource.gpu.amount",
                                "1",
                                "spark.task.resource.gpu.amount",
                                "1",
                                env + "QUERN_LIBCUDA",
                                simulator.resolve("libcuda.so.1").toString(),
                                env + "QUERN_CUDASIM_MODULE",
                                simulator.resolve("module-fast.so").toString(),
                                env + "QUERN_CUDASIM_REPORT",
                                folder.resolve("report").toString(),
                                env + "QUERN_CUDASIM_DEVICES",
                                "2",
                                env + "QUERN_CUDASIM_NAME",
                                "first,second"))) {
            QuernClassificationModel model =
                    new QuernClassifier()
                            .setLayers("dense 3")
                            .setEpochs(1)
                            .setBatch(300)
                            .setSettings(Map.of("backend", "cuda"))
                            .fit(Cluster.points(spark));
            assertThat(model.device()).startsWith("cuda: ").contains("second");
            assertThat(model.transform(Cluster.points(spark)).count()).isEqualTo(600);
        }
    }
}
