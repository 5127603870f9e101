package org.quern.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.Jvm;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.model.Model;
import org.quern.plan.Plan;

/**
 * Native code holds no array of the caller's while it computes, so that no thread that allocates
 * has to wait for a prediction to end. Counted, not timed: collections that had to wait for an
 * array to be given back, which the JVM calls "GCLocker Initiated".
 */
@Tag("jdk")
class PausesTest {
    private static final int ROWS = 2000;
    private static final int CALLS = 10;
    private static final int COLLECTIONS = 20;

    @TempDir Path folder;

    /** Predicts and uploads while another thread makes garbage. */
    static final class Predicting {
        private static final AtomicBoolean DONE = new AtomicBoolean();
        private static volatile byte[] garbage;

        private Predicting() {}

        public static void main(String[] arguments) {
            Plan plan = Plan.forInference(Model.input(512).dense(2048).dense(10));
            byte[] pixels = new byte[ROWS * 512];
            float[] values = new float[ROWS * 512];
            float[] outputs = new float[ROWS * 10];
            Dataset rows = Dataset.ofPixels("rows", new int[] {512}, pixels);
            try (Executor executor = new CpuBackend().open(plan, new Backend.Options(1))) {
                executor.upload(rows).close(); // the JDK itself holds arrays while it loads classes
                new Thread(Predicting::allocate, "allocating").start();
                for (int i = 0; i < CALLS || collections() < COLLECTIONS; i++) {
                    try (DeviceDataset data = executor.upload(rows)) {
                        executor.infer(data, 0, ROWS, outputs);
                    }
                    executor.infer(pixels, null, ROWS, outputs);
                    executor.infer(null, values, ROWS, outputs);
                }
            } finally {
                DONE.set(true);
            }
        }

        private static void allocate() {
            while (!DONE.get()) {
                garbage = new byte[1 << 14];
            }
        }

        private static long collections() {
            return ManagementFactory.getGarbageCollectorMXBeans().stream()
                    .mapToLong(GarbageCollectorMXBean::getCollectionCount)
                    .sum();
        }
    }

    @Test
    void noCollectionWaitsForAPrediction() throws IOException {
        Usable.named("cpu");
        // a young generation that is full after some hundred microseconds
        Jvm jvm = new Jvm(folder).option("-Xmn2m").option("-Xlog:gc");
        Jvm.Outcome outcome = jvm.run(Predicting.class);
        assertThat(outcome.code()).as(outcome.err()).isZero();
        List<String> pauses = outcome.out().lines().filter(l -> l.contains("Pause")).toList();
        assertThat(pauses).hasSizeGreaterThanOrEqualTo(COLLECTIONS);
        assertThat(pauses).noneMatch(line -> line.contains("GCLocker"));
    }

    /** Where an array is held at all, somebody would have to say for how long. */
    @Test
    void noNativeCodeHoldsAnArray() throws IOException {
        try (Stream<Path> sources = Files.list(Path.of("native"))) {
            for (Path source : sources.toList()) {
                assertThat(Files.readString(source)).as("%s", source).doesNotContain("Critical");
            }
        }
    }
}
