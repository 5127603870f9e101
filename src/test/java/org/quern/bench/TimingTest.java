package org.quern.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The arithmetic of a measurement, on a clock that the test moves. */
class TimingTest {
    private long now;

    /** Nanoseconds that one run takes; the first ones are slower. */
    private Timing measure(Budget effort, long nanos, int slow, List<Integer> calls) {
        return Timing.of(
                () -> now,
                effort,
                times -> {
                    calls.add(times);
                    now += times * (calls.size() <= slow ? 50 * nanos : nanos);
                });
    }

    @Test
    void theMedianIsOfOneRunAndTheWarmUpDoesNotCount() {
        List<Integer> calls = new ArrayList<>();
        Timing timing = measure(new Budget(1e-3, 1e-4, 5, 1), 1000, 3, calls);

        assertThat(timing.median()).isEqualTo(1e-6);
        assertThat(timing.least()).isEqualTo(timing.most()).isEqualTo(timing.median());
        assertThat(timing.times()).isEqualTo(100);
        assertThat(timing.rounds()).isEqualTo(5);
        int warm = calls.size() - 5;
        assertThat(calls.subList(warm, calls.size())).containsOnly(100);
        long warmed =
                calls.subList(0, warm).stream().mapToLong(Integer::longValue).sum()
                        + 49L * calls.subList(0, 3).stream().mapToLong(Integer::longValue).sum();
        assertThat(warmed * 1e-6).isGreaterThanOrEqualTo(1e-3);
    }

    @Test
    void theSpreadIsThatOfTheRounds() {
        int[] round = {0};
        Timing timing =
                Timing.of(
                        () -> now,
                        new Budget(1e-9, 1e-3, 3, 1),
                        times ->
                                now +=
                                        new long[] {9_000_000, 2_000_000, 8_000_000, 3_000_000}
                                                [round[0]++]);

        assertThat(timing).isEqualTo(new Timing(3e-3, 2e-3, 8e-3, 3, 1));
    }

    @Test
    void whatTakesLongIsDoneOnceARoundInFewRounds() {
        List<Integer> calls = new ArrayList<>();
        Timing timing = measure(Budget.FULL, 2_000_000_000L, 0, calls);

        assertThat(calls).containsExactly(1, 1, 1, 1);
        assertThat(timing.median()).isEqualTo(2);
        assertThat(timing.rounds()).isEqualTo(3);
    }

    @Test
    void aClockThatStandsStillEndsToo() {
        assertThat(Timing.of(() -> 0, new Budget(2e-9, 1e-9, 3, 1), times -> {}).median())
                .isPositive();
    }
}
