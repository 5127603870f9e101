package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.quern.Rounds;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.Scaling;

/**
 * Trainers come and go, closed or forgotten, and train on: memory, handles and threads are flat.
 */
class SoakTest {
    private static final Path SELF = Path.of("/proc/self");
    private static final Dataset DIGITS = Digits.generate("digits", 320, 0, 1);
    private static final Model MODEL =
            Model.input(28, 28).scaled(Scaling.UNIT).dense(48, Activation.RELU).dense(10);

    /** Of each kind in a round: a hundred rounds are a thousand of each, and a million steps. */
    private static final int TRAINERS = 10;

    private static final int EPOCHS = 1000;

    /** What garbage collection and the compiler's threads may move; a trainer has 5 MiB. */
    private static final int MORE_THREADS = 8;

    private static final long MORE_MEMORY = 100L << 20;

    /** What the process holds, by the system's count. */
    private record Held(long threads, long files, long bytes) {
        static Held now() throws IOException {
            return new Held(
                    count("task"), count("fd"), 4096 * Long.parseLong(statm().split(" ")[1]));
        }

        boolean isFlat(Held before) {
            return threads <= before.threads + MORE_THREADS
                    && files <= before.files + MORE_THREADS
                    && bytes <= before.bytes + MORE_MEMORY;
        }

        private static long count(String folder) throws IOException {
            try (Stream<Path> all = Files.list(SELF.resolve(folder))) {
                return all.count();
            }
        }

        private static String statm() throws IOException {
            return Files.readString(SELF.resolve("statm"));
        }
    }

    private static Trainer open(Backend backend) {
        return Trainer.open(TrainingConfig.of(MODEL), backend, new Backend.Options(2));
    }

    private static void closed(Backend backend) {
        try (Trainer trainer = open(backend)) {
            trainer.fit(DIGITS, 1);
        }
    }

    private static void forgotten(Backend backend) {
        open(backend).fit(DIGITS, 1);
    }

    /** What the logger is told, which is not to reach the console of the tests. */
    private static final class Heard extends Handler {
        final List<String> lines = new CopyOnWriteArrayList<>();

        @Override
        public void publish(LogRecord entry) {
            lines.add(entry.getMessage());
        }

        @Override
        public void flush() {
            // nothing is held back
        }

        @Override
        public void close() {
            // nothing is open
        }
    }

    @Test
    void memoryHandlesAndThreadsStayFlat() throws IOException {
        Assumptions.assumeTrue(Files.isDirectory(SELF), "the system has no /proc");
        Logger logger = Logger.getLogger("org.quern"); // kept, or its handler would be forgotten
        Heard heard = new Heard();
        logger.setUseParentHandlers(false);
        logger.addHandler(heard);
        Backend backend = Usable.named("cpu");
        Held before = null;
        try (Trainer lasting = open(backend)) {
            for (Rounds rounds = new Rounds("soak", 4); rounds.goOn(); ) {
                for (int i = 0; i < TRAINERS; i++) {
                    closed(backend);
                    forgotten(backend);
                }
                lasting.fit(DIGITS, EPOCHS);
                Held now = Held.now();
                before = before == null ? now : before;
                // dropped objects must be found first, and another thread frees what they held
                for (int i = 0; i < 200 && !now.isFlat(before); i++) {
                    System.gc();
                    LockSupport.parkNanos(50_000_000);
                    now = Held.now();
                }
                Held start = before;
                assertThat(now).as("after %s", before).matches(held -> held.isFlat(start));
            }
        }
        // once in the life of a JVM, in which other tests may have been first
        assertThat(heard.lines).hasSizeLessThanOrEqualTo(1);
        assertThat(heard.lines).allMatch(line -> line.contains("was never closed"));
    }
}
