package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Optimizer;

/** The norms of weights and gradients that each epoch ends with. */
class NormsTest {
    private static final int ROWS = 32;
    private static final int EPOCHS = 3;
    private static final double RATE = 0.5;
    private static final Dataset DIGITS = Digits.generate("digits", ROWS, 0, 1);
    private static final Model MODEL =
            Model.input(28, 28)
                    .scaled(Scaling.UNIT)
                    .dropout(0.2f)
                    .dense(24, Activation.RELU)
                    .dropout(0.3f)
                    .dense(10);
    private static final TrainingConfig CONFIG =
            TrainingConfig.of(MODEL)
                    .withOptimizer(new Optimizer.Sgd(0, 0))
                    .withSchedule(new Schedule.Constant(RATE))
                    .withBatch(ROWS);

    static Stream<Arguments> backends() {
        return Usable.backends().stream()
                .flatMap(
                        backend ->
                                (backend.onHost()
                                                ? Stream.of(Backend.Engine.AUTO)
                                                : Stream.of(
                                                        Backend.Engine.FUSED, Backend.Engine.OPS))
                                        .filter(engine -> isQuick(backend, engine))
                                        .map(engine -> Arguments.of(backend, engine)));
    }

    /** PoCL takes a minute of a processor to compile the fused kernel. */
    private static boolean isQuick(Backend backend, Backend.Engine engine) {
        return engine != Backend.Engine.FUSED || !backend.name().equals("opencl");
    }

    @Tag("slow")
    @Test
    void theFusedKernelHasTheGradientsOfOpencl() {
        theGradientIsThatOfTheStepThatComesNext(Usable.named("opencl"), Backend.Engine.FUSED);
    }

    /** With a step an epoch, plain gradient descent moves by rate · gradient in the next epoch. */
    @ParameterizedTest
    @MethodSource("backends")
    void theGradientIsThatOfTheStepThatComesNext(Backend backend, Backend.Engine engine) {
        List<float[]> after = new ArrayList<>();
        try (Trainer trainer = Trainer.open(CONFIG, backend, options(engine))) {
            trainer.listen(
                    new Listener() {
                        @Override
                        public Verdict epochEnd(EpochResult result, boolean best, Trainer of) {
                            after.add(of.parameters());
                            return Verdict.GO_ON;
                        }
                    });
            List<EpochResult> epochs = trainer.fit(DIGITS, EPOCHS).epochs();
            for (int i = 0; i < EPOCHS; i++) {
                double weights = norm(after.get(i), new float[after.get(i).length]);
                assertThat(epochs.get(i).weightNorm()).isCloseTo(weights, within(1e-9 * weights));
                if (i + 1 < EPOCHS) {
                    double gradient = norm(after.get(i), after.get(i + 1)) / RATE;
                    assertThat(epochs.get(i).gradientNorm())
                            .isCloseTo(gradient, within(1e-4 * gradient));
                }
            }
            assertThat(trainer.state()).isEqualTo(withoutNorms(trainer, backend, engine));
        }
    }

    /** Rows that are sent to a device in pieces while it trains give the same. */
    @ParameterizedTest
    @MethodSource("devices")
    void streamedRowsHaveTheSameNorms(Backend backend) {
        Dataset set = Digits.generate("digits", 3000, 0, 1); // 2.2 MiB
        List<List<Double>> norms = new ArrayList<>();
        List<float[]> states = new ArrayList<>();
        for (int mebibytes : new int[] {1, 64}) {
            Backend.Options options =
                    Usable.deviceMemory(mebibytes).with(Backend.Gemm.OWN).with(Backend.Engine.OPS);
            try (Trainer trainer = Trainer.open(CONFIG.withBatch(500), backend, options)) {
                norms.add(
                        trainer.fit(set, 2).epochs().stream()
                                .flatMap(e -> Stream.of(e.weightNorm(), e.gradientNorm()))
                                .toList());
                states.add(trainer.state());
            }
        }
        assertThat(norms.get(0)).isEqualTo(norms.get(1)).hasSize(4);
        assertThat(states.get(0)).isEqualTo(states.get(1));
    }

    static List<Backend> devices() {
        return Usable.backends().stream().filter(backend -> !backend.onHost()).toList();
    }

    /** The same steps in one call of the executor, with nothing between them. */
    private static float[] withoutNorms(Trainer as, Backend backend, Backend.Engine engine) {
        float[] state = as.state();
        try (Executor executor = backend.open(as.plan(), options(engine));
                DeviceDataset data = executor.upload(DIGITS)) {
            executor.initialise(CONFIG.seed());
            Steps steps = new Steps(CONFIG.seed(), EPOCHS);
            executor.train(data, steps.select(0, EPOCHS, CONFIG.optimizer(), step -> RATE));
            executor.read(as.plan().state(), state, 0);
        }
        return state;
    }

    private static Backend.Options options(Backend.Engine engine) {
        return Backend.Options.DEFAULT.with(engine);
    }

    private static double norm(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
        }
        return Math.sqrt(sum);
    }
}
