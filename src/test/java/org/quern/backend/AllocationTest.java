package org.quern.backend;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.function.LongToDoubleFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Plan;
import org.quern.train.TrainingConfig;

/**
 * Training steps allocate nothing, counted to the byte for the thread that trains: twice the steps
 * in a call take no more bytes. A call itself takes none, but for a few words that a JDK's foreign
 * calls take until they are compiled: 80 bytes on OpenCL with JDK 25 (measured).
 */
@Tag("jdk")
class AllocationTest {
    private static final int STEPS = 40;
    private static final int MOST_FOR_A_CALL = Runtime.version().feature() < 25 ? 0 : 80;

    /**
     * Until the compiler has seen enough calls, objects are made that it will leave out: it is
     * given so many, and measured after each so many whether they were enough.
     */
    private static final int MOST_CALLS = 20_000;

    private static final int CALLS = 100;

    private static final LongToDoubleFunction RATE = step -> 1e-3;

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
        try (Executor executor = backend.open(plan, Backend.Options.DEFAULT);
                DeviceDataset data = executor.upload(digits)) {
            executor.initialise(1);
            Steps steps = new Steps(1, 2 * STEPS);
            long[] least = {Long.MAX_VALUE, Long.MAX_VALUE};
            for (int calls = 0; calls < MOST_CALLS && !isEnough(least); calls += CALLS) {
                for (int call = 0; call < CALLS; call++) {
                    executor.train(data, steps.select(0, 1, plan.optimizer(), RATE));
                }
                for (int twice = 0; twice < 2; twice++) {
                    long before = threads.getCurrentThreadAllocatedBytes();
                    steps.select(0, STEPS << twice, plan.optimizer(), RATE);
                    executor.train(data, steps);
                    long taken = threads.getCurrentThreadAllocatedBytes() - before;
                    least[twice] = Math.min(least[twice], taken);
                }
            }
            assertThat(least[1] - least[0])
                    .as("bytes in %d more steps on %s", STEPS, backend.name())
                    .isZero();
            assertThat(least[0])
                    .as("bytes in a call on %s", backend.name())
                    .isLessThanOrEqualTo(MOST_FOR_A_CALL);
        }
    }

    private static boolean isEnough(long[] least) {
        return least[1] == least[0] && least[0] <= MOST_FOR_A_CALL;
    }
}
