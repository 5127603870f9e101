package org.quern.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.quern.report.BenchText;

class CrossoverTest {
    private static final int[] BATCHES = {1, 8, 32};

    /** Results of a network; times by batch size, 0 for none. */
    private static List<StepBench.Result> results(
            String network, double[] cpu, double[] java, double[] cuda) {
        List<StepBench.Result> all = new ArrayList<>();
        String[] names = {"cpu", "java", "cuda"};
        double[][] times = {cpu, java, cuda};
        for (int i = 0; i < names.length; i++) {
            for (int b = 0; b < times[i].length; b++) {
                double t = times[i][b];
                all.add(
                        new StepBench.Result(
                                network,
                                BATCHES[b],
                                names[i],
                                i == 2,
                                "",
                                new Timing(t, t, t, 1, 1),
                                BATCHES[b] / t));
            }
        }
        return all;
    }

    private static double[] times(double... times) {
        return times;
    }

    @Test
    void isTheBatchSizeFromWhichTheGpuStaysAhead() {
        List<StepBench.Result> late =
                results("a", times(1, 5, 9), times(2, 6, 7), times(0.5, 6, 6));
        List<StepBench.Result> never = results("b", times(1, 1, 1), times(), times(2, 2, 2));
        List<StepBench.Result> always = results("c", times(1, 1, 1), times(), times(0.2, 0.2, 0.2));

        assertThat(StepBench.Crossover.of(late)).contains(new StepBench.Crossover("a", 32));
        assertThat(StepBench.Crossover.of(never)).contains(new StepBench.Crossover("b", null));
        assertThat(StepBench.Crossover.of(always)).contains(new StepBench.Crossover("c", 1));
        assertThat(BenchText.crossover(new StepBench.Crossover("a", 32)))
                .isEqualTo("a: a GPU is faster from batch 32 on");
        assertThat(BenchText.crossover(new StepBench.Crossover("b", null)))
                .isEqualTo("b: the host is faster at the largest batch size, too");
    }

    @Test
    void thereIsNoneWithoutAGpuOrWithoutAHost() {
        assertThat(StepBench.Crossover.of(results("a", times(1, 2, 3), times(1, 2, 3), times())))
                .isEqualTo(Optional.empty());
        assertThat(StepBench.Crossover.of(results("a", times(), times(), times(1, 2, 3))))
                .isEmpty();
        assertThat(StepBench.Crossover.of(List.of())).isEmpty();
    }

    @Test
    void theVerdictNamesTheFastest() {
        List<StepBench.Result> mixed =
                results("a", times(1, 5, 9), times(2, 4, 9.5), times(3, 6, 6));
        List<StepBench.Result> cpu = results("b", times(1, 1, 1), times(2, 2, 2), times());

        assertThat(BenchText.verdict(List.of(mixed, cpu)))
                .isEqualTo(
                        "a: cpu is the fastest up to batch 1, java at 8, cuda from 32 on;"
                                + " b: cpu is the fastest at every batch size");
        assertThat(BenchText.verdict(List.of(cpu, cpu)))
                .isEqualTo("no GPU here; cpu is the fastest at every batch size");
    }

    @Test
    void tablesOfStepsFitTheirColumns() {
        List<String> few = List.of("cuda fused", "cuda graph", "cuda ops", "cpu", "java");
        List<String> many =
                List.of(
                        "cuda fused",
                        "cuda graph",
                        "cuda ops",
                        "opencl fused",
                        "opencl graph",
                        "opencl ops",
                        "cpu",
                        "java");
        assertThat(BenchText.stepHead(List.of("cpu", "java")))
                .containsExactly("   batch              cpu             java");
        assertThat(BenchText.stepHead(few))
                .containsExactly(
                        "                     cuda             cuda             cuda              "
                                + "                    ",
                        "   batch            fused            graph              ops              "
                                + "cpu             java");
        assertThat(BenchText.stepHead(many))
                .hasSize(2)
                .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(100));

        assertThat(BenchText.stepTitle(few.size()))
                .isEqualTo("median time of a step, ± half the range in percent of it");
        assertThat(BenchText.stepTitle(many.size())).isEqualTo("median time of a step");

        StepBench.Result result =
                new StepBench.Result(
                        "a", 8, "cpu", false, "", new Timing(1.234e-3, 1e-3, 2e-3, 3, 1), 1);
        assertThat(BenchText.stepRow(8, Arrays.asList(result, null)))
                .isEqualTo("       8    1.23 ms ± 41%                -");
        assertThat(BenchText.stepRow(8, Collections.nCopies(8, result)))
                .isEqualTo("       8" + "    1.23 ms".repeat(8));
    }
}
