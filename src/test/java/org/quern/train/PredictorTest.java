package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Plan;

class PredictorTest {
    private static final Model MODEL =
            ModelText.parse(
                    Model.input(28, 28).scaled(Scaling.UNIT),
                    "dense 48 relu, dropout 0.3, dense 15 tanh, dense 10");
    private static final Dataset DIGITS = Digits.generate("digits", 1000, 0, 1);
    private static final int CALLS = 10_000;

    private static Predictor open(Backend backend) {
        Plan plan = TrainingConfig.of(MODEL).plan();
        float[] parameters = Arrays.copyOf(plan.initialState(1), (int) plan.parameters().size());
        // a measured choice may compute one row in another way than many
        return new Predictor(
                MODEL,
                Loss.CROSS_ENTROPY,
                parameters,
                backend,
                Backend.Options.DEFAULT.with(Backend.Gemm.OWN));
    }

    private static byte[] row(int row) {
        return Arrays.copyOfRange(DIGITS.pixels(), row * 784, (row + 1) * 784);
    }

    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#backends")
    void manyThreadsGetTheBitsOfOne(Backend backend) throws Exception {
        try (Predictor predictor = open(backend)) {
            float[] expected = predictor.predict(DIGITS);
            int threads = 8;
            int rows = backend.onHost() ? DIGITS.rows() : 40;
            ExecutorService service = Executors.newFixedThreadPool(threads);
            List<Future<Void>> all = new ArrayList<>();
            for (int t = 0; t < threads; t++) {
                int offset = 117 * t;
                Callable<Void> work =
                        () -> {
                            float[] outputs = new float[10];
                            for (int i = 0; i < rows; i++) {
                                int row = (i + offset) % DIGITS.rows();
                                predictor.predict(row(row), outputs);
                                assertThat(outputs)
                                        .isEqualTo(
                                                Arrays.copyOfRange(
                                                        expected, 10 * row, 10 * row + 10));
                            }
                            return null;
                        };
                all.add(service.submit(work));
            }
            for (Future<Void> one : all) {
                one.get(60, TimeUnit.SECONDS);
            }
            service.shutdown();
        }
    }

    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#backends")
    void arraysOfAnyNumberOfRowsAndFloatsAsBytes(Backend backend) {
        try (Predictor predictor = open(backend)) {
            for (int rows : new int[] {1, 2, 31, 33, 257, 613}) {
                int[] first = java.util.stream.IntStream.range(0, rows).toArray();
                Dataset some = DIGITS.select(first);
                float[] expected = predictor.predict(some);
                float[] outputs = new float[10 * rows];
                Arrays.fill(outputs, Float.NaN);
                predictor.predict(some.pixels(), outputs);
                assertThat(outputs).isEqualTo(expected);
                float[] values = new float[784 * rows];
                for (int i = 0; i < values.length; i++) {
                    values[i] = some.pixels()[i] & 0xff;
                }
                Arrays.fill(outputs, Float.NaN);
                predictor.predict(values, outputs);
                assertThat(outputs).usingComparatorWithPrecision(1e-5f).containsExactly(expected);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#onHost")
    void aPredictionAllocatesNothing(Backend backend) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Predictor predictor = open(backend)) {
            byte[] pixels = row(0);
            float[] values = new float[784];
            float[] outputs = new float[10];
            long least = Long.MAX_VALUE;
            for (int round = 0; round < 5; round++) { // an early one may meet the compiler
                predictor.predict(values, outputs);
                predictor.predict(pixels, outputs);
                long before = threads.getCurrentThreadAllocatedBytes();
                for (int call = 0; call < CALLS; call++) {
                    predictor.predict(pixels, outputs);
                }
                least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
            }
            assertThat(least).as("bytes in %d predictions", CALLS).isZero();
        }
    }

    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#backends")
    void saysWhatLengthsItTakes(Backend backend) {
        try (Predictor predictor = open(backend)) {
            for (int[] lengths : new int[][] {{783, 10}, {0, 0}, {1568, 10}, {784, 9}}) {
                assertThatThrownBy(
                                () ->
                                        predictor.predict(
                                                new byte[lengths[0]], new float[lengths[1]]))
                        .isInstanceOf(QuernException.class)
                        .hasMessageContaining(
                                "give 784 values a row, at least one row, and room for 10"
                                        + " outputs a row");
            }
        }
    }

    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#backends")
    void closesOnceNobodyPredicts(Backend backend) throws Exception {
        Predictor predictor = open(backend);
        ExecutorService service = Executors.newFixedThreadPool(4);
        List<Future<Integer>> all = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            all.add(
                    service.submit(
                            () -> {
                                float[] outputs = new float[10];
                                for (int done = 0; ; done++) {
                                    try {
                                        predictor.predict(row(done % 100), outputs);
                                    } catch (QuernException e) {
                                        assertThat(e)
                                                .hasMessage(
                                                        "this predictor was closed: open another");
                                        return done;
                                    }
                                }
                            }));
        }
        Thread.sleep(50);
        predictor.close();
        for (Future<Integer> one : all) {
            assertThat(one.get(60, TimeUnit.SECONDS)).isNotNegative();
        }
        service.shutdown();
        predictor.close();
    }
}
