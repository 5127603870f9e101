package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.data.Dataset;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.train.EpochResult;
import org.quern.train.History;
import org.quern.train.Progress;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** What a run looks like, on a clock that only the test moves. */
class ProgressLineTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private long now = 123;
    private Trainer trainer;

    @BeforeEach
    void open() {
        trainer =
                Trainer.open(
                        TrainingConfig.of(Model.input(4).dense(2)),
                        Backends.choose("reference").backend(),
                        Backend.Options.DEFAULT);
    }

    @AfterEach
    void close() {
        trainer.close();
    }

    private ProgressLine line(boolean terminal, boolean classifies) {
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        Console console = new Console(out, out, terminal, Map.of(), () -> now);
        return new ProgressLine(
                new Console.RedrawnLine(console),
                IMAGES,
                classifies ? Loss.CROSS_ENTROPY : Loss.MEAN_SQUARED_ERROR,
                5);
    }

    private static final Dataset IMAGES =
            Dataset.ofPixels("images", new int[] {1, 1}, new byte[60_000]);

    private String written() {
        return bytes.toString(StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
    }

    private static Progress at(int epoch, int step, double loss, double accuracy) {
        return new Progress(epoch, 5, step, 1875, loss, accuracy, 641_000);
    }

    private static EpochResult epoch(int epoch, Double validation) {
        Double right = validation == null ? null : 0.9512;
        return new EpochResult(
                epoch, 0.60561, 0.81283, validation, right, 1e-3, 0.0936, 49.92, 1, 1);
    }

    @Test
    void offATerminalThereIsOnePlainLineForAnEpoch() {
        ProgressLine line = line(false, true);
        for (int step = 100; step < 1875; step += 100) {
            now += 1_000_000_000;
            line.progress(at(1, step, 1.5, 0.4));
        }
        line.epochEnd(epoch(1, null), true, trainer);
        line.epochEnd(epoch(2, 0.1711), true, trainer);
        line.epochEnd(epoch(3, 0.1802), false, trainer);
        line.end(new History(List.of(), 0, History.End.FINISHED, true));

        assertThat(written())
                .isEqualTo(
                        "epoch 1/5  loss 0.6056  accuracy 0.8128  0.09 s  641k images/s"
                                + "  49.9 us/step\n"
                                + "epoch 2/5  loss 0.6056  accuracy 0.8128  val loss 0.1711"
                                + "  val accuracy 0.9512 *  0.09 s  641k images/s  49.9 us/step\n"
                                + "epoch 3/5  loss 0.6056  accuracy 0.8128  val loss 0.1802"
                                + "  val accuracy 0.9512  0.09 s  641k images/s  49.9 us/step\n");
    }

    @Test
    void onATerminalOneLineIsRedrawn() {
        ProgressLine line = line(true, true);
        line.progress(at(1, 16, 2.2799, 0.166));
        now += 100_000_000;
        line.progress(at(1, 1000, 0.9, 0.7));
        line.epochEnd(epoch(1, null), true, trainer);

        String[] drawn = written().split("\r");
        assertThat(drawn[0])
                .isEqualTo(
                        "epoch 1/5 [    ] step   16/1875 loss 2.2799 accuracy 0.1660"
                                + " ETA of the run 0:00")
                .hasSizeLessThan(80);
        assertThat(drawn[1]).startsWith("epoch 1/5 [==  ] step 1000/1875 loss 0.9000");
        assertThat(drawn[2]).isBlank();
        assertThat(drawn[3])
                .isEqualTo(
                        "epoch 1/5  loss 0.6056  accuracy 0.8128  0.09 s  641k images/s"
                                + "  49.9 us/step\n");
    }

    /** At any width nothing wraps inside a word, and a line that is redrawn never wraps. */
    @ParameterizedTest
    @ValueSource(ints = {20, 40, 80, 200})
    void theTerminalsWidthIsKept(int columns) {
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        Map<String, String> environment = Map.of("COLUMNS", "" + columns);
        Console console = new Console(out, out, true, environment, () -> now);
        ProgressLine line =
                new ProgressLine(new Console.RedrawnLine(console), IMAGES, Loss.CROSS_ENTROPY, 5);
        line.progress(at(1, 1000, 0.9, 0.7));
        assertThat(written()).contains("1000/1875").hasSizeLessThan(columns);
        line.epochEnd(epoch(2, 0.1711), true, trainer);
        String[] said = written().split("[\r\n]");
        assertThat(said).allMatch(one -> one.length() <= columns);
        assertThat(String.join(" ", said).replaceAll(" +", " "))
                .endsWith("val accuracy 0.9512 * 0.09 s 641k images/s 49.9 us/step");
    }

    @Test
    void itIsRedrawnAtMostTenTimesASecond() {
        ProgressLine line = line(true, true);
        for (int millis = 0; millis < 1000; millis++) {
            line.progress(at(1, 1 + millis, 1, 0.5));
            now += 1_000_000;
        }

        assertThat(written().split("\r")).hasSize(10);
    }

    @Test
    void whatALongerLineLeftBehindIsBlanked() {
        ProgressLine line = line(true, false);
        line.progress(new Progress(1, 5, 1, 1875, 1234567.5, 0, 1_234_567));
        line.epochEnd(new EpochResult(1, 0.5, 0, null, null, 1e-3, 0.01, 1, 1, 1), true, trainer);

        String[] drawn = written().split("\r");
        assertThat(drawn[1]).isBlank().hasSize(drawn[0].length());
        assertThat(drawn[2])
                .isEqualTo("epoch 1/5  loss 0.5000  0.01 s  32.00M images/s  1.0 us/step\n");
    }

    @Test
    void aLineThatIsRedrawnNeverWraps() {
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        Console console = new Console(out, System.err, true, Map.of(), () -> now);
        ProgressLine line =
                new ProgressLine(
                        new Console.RedrawnLine(console), IMAGES, Loss.CROSS_ENTROPY, 100_000);
        line.progress(new Progress(99_999, 100_000, 1, 1875, 1e9, 0.5, 0.1));

        assertThat(written()).hasSizeLessThan(80).contains("99999/100000");
    }

    @Test
    void theTimeThatIsLeftCountsAllEpochs() {
        ProgressLine line = line(true, true);
        line.progress(new Progress(2, 5, 1875 / 5, 1875, 1, 0.5, 1000));

        // 0.8 of this epoch and three more, 60 s each
        assertThat(written()).endsWith("ETA of the run 3:48");
    }

    @Test
    void anEpochThatWasBrokenOffLeavesItsLine() {
        ProgressLine line = line(true, true);
        line.progress(at(1, 16, 2.2799, 0.166));
        line.end(new History(List.of(), 0, History.End.INTERRUPTED, true));

        assertThat(written()).endsWith("ETA of the run 0:00\n");
    }
}
