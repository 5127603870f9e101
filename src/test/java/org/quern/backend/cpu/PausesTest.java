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
 * Native code holds no array of the caller's while it computes: garbage is collected meanwhile, so
 * that no thread that allocates has to wait for a prediction to end. Counted, not timed.
 */
@Tag("jdk")
class PausesTest {
    private static final int ROWS = 6000;
    private static final int COLLECTIONS = 5;

    /** Calls, since a busy machine may leave the allocating thread without a processor. */
    private static final int TRIES = 20;

    @TempDir Path folder;

    /** Prints, for each kind of call, the most collections that were done within one. */
    static final class Predicting {
        private static final AtomicBoolean DONE = new AtomicBoolean();
        private static volatile byte[] garbage;

        private Predicting() {}

        public static void main(String[] arguments) {
            Plan plan = Plan.forInference(Model.input(512).dense(2048).dense(10));
            Thread allocating = new Thread(Predicting::allocate, "allocating");
            allocating.start();
            byte[] pixels = new byte[ROWS * 512];
            float[] values = new float[ROWS * 512];
            float[] outputs = new float[ROWS * 10];
            Dataset rows = Dataset.ofPixels("rows", new int[] {512}, pixels);
            try (Executor executor = new CpuBackend().open(plan, new Backend.Options(1));
                    DeviceDataset data = executor.upload(rows)) {
                most("resident", () -> executor.infer(data, 0, ROWS, outputs));
                most("pixels", () -> executor.infer(pixels, null, ROWS, outputs));
                most("values", () -> executor.infer(null, values, ROWS, outputs));
            } finally {
                DONE.set(true);
            }
        }

        private static void allocate() {
            while (!DONE.get()) {
                garbage = new byte[1 << 14];
            }
        }

        private static void most(String what, Runnable call) {
            long most = 0;
            for (int i = 0; i < TRIES && most < COLLECTIONS; i++) {
                long before = collections();
                call.run();
                most = Math.max(most, collections() - before);
            }
            System.out.println(what + " " + most);
        }

        private static long collections() {
            return ManagementFactory.getGarbageCollectorMXBeans().stream()
                    .mapToLong(GarbageCollectorMXBean::getCollectionCount)
                    .sum();
        }
    }

    @Test
    void garbageIsCollectedWhileOnePredictionGoesOn() throws IOException {
        Usable.named("cpu");
        // a young generation that is full after some hundred microseconds
        Jvm.Outcome outcome = new Jvm(folder).option("-Xmn2m").run(Predicting.class);
        List<String> lines = outcome.out().lines().toList();
        assertThat(lines).as(outcome.err()).hasSize(3);
        assertThat(lines).allMatch(line -> Integer.parseInt(line.split(" ")[1]) >= COLLECTIONS);
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
