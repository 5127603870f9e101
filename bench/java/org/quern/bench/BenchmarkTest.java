package org.quern.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.quern.backend.Usable;

/** The benchmarks compute what they say, and their parameters matter. */
class BenchmarkTest {
    private static float lossAfterTwoCalls(String backend, String net) {
        StepBenchmark benchmark = new StepBenchmark();
        benchmark.backend = backend;
        benchmark.net = net;
        benchmark.threads = 1;
        benchmark.open();
        benchmark.fiftySteps();
        float first = benchmark.meanLoss();
        benchmark.fiftySteps();
        float second = benchmark.meanLoss();
        assertThat(second).isLessThan(first);
        benchmark.close();
        return second;
    }

    @Test
    void stepsTrain() {
        Usable.named("cpu");
        float tutorial = lossAfterTwoCalls("cpu", "tutorial");
        float wide = lossAfterTwoCalls("cpu", "wide");
        float java = lossAfterTwoCalls("java", "tutorial");
        assertThat(tutorial / java).isBetween(0.999f, 1.001f);
        assertThat(wide).isNotEqualTo(tutorial);
    }

    @Test
    void predictionsOfOneAndOfManyAgree() {
        PredictBenchmark benchmark = new PredictBenchmark();
        benchmark.backend = "java";
        benchmark.open();
        float[] all = benchmark.tenThousandRows().clone();
        float[] one = benchmark.oneRow();
        for (int j = 0; j < 10; j++) {
            assertThat(one[j]).isEqualTo(all[30 + j]);
        }
        benchmark.close();
    }
}
