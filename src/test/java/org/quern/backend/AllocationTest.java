package org.quern.backend;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Initializer;
import org.quern.plan.Plan;
import org.quern.train.TrainingConfig;

/** Training steps allocate nothing, counted to the byte for the thread that trains. */
class AllocationTest {
    private static final int STEPS = 100;

    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#backends")
    void stepsAllocateNothing(Backend backend) {
        Model model =
                ModelText.parse(
                        Model.input(28, 28).scaled(Scaling.UNIT),
                        "dropout 0.1, dense 48 relu, dropout 0.3, dense 15 tanh, dense 10");
        Plan plan = TrainingConfig.of(model).plan();
        Dataset digits = Digits.generate("digits", 1003, 0, 1);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        Steps.LearningRate rate = step -> 1e-3;
        try (Executor executor = backend.open(plan, Backend.Options.DEFAULT);
                Resident data = executor.upload(digits)) {
            executor.write(plan.state(), Initializer.state(plan, 1), 0);
            Steps steps = new Steps(1, STEPS);
            long least = Long.MAX_VALUE;
            // the first rounds make what is made once; a later one may still meet the compiler
            for (int round = 0; round < 20; round++) {
                long before = threads.getCurrentThreadAllocatedBytes();
                steps.select((long) round * STEPS, STEPS, plan.optimizer(), rate);
                executor.train(data, steps);
                least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
            }
            assertThat(least).as("bytes in %d steps", STEPS).isZero();
        }
    }
}
