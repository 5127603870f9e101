package org.quern.bench;

import java.util.Arrays;
import java.util.function.IntConsumer;
import java.util.function.LongSupplier;

/**
 * Seconds that something takes once: of some rounds, each of which does it so many times between
 * two looks at the clock, the median, the fastest and the slowest.
 */
public record Timing(double median, double least, double most, int rounds, int times) {
    private static final int MOST_TIMES = 1 << 20;
    private static final double LONG = 0.1;
    private static final int ROUNDS_OF_LONG = 3;

    /**
     * Warms up, finds out how many times make a round, and times the rounds; {@value
     * #ROUNDS_OF_LONG} of what takes longer than {@value #LONG} s. {@code run} does it so many
     * times, and returns when it is done.
     */
    public static Timing of(LongSupplier nanoTime, Budget effort, IntConsumer run) {
        int times = 1;
        double warm = 0;
        double once = Double.POSITIVE_INFINITY;
        do {
            double taken = seconds(nanoTime, run, times);
            warm += taken;
            once = Math.min(once, taken / times);
            if (taken < effort.round() && times < MOST_TIMES) {
                times *= 2;
            }
        } while (warm < effort.warmUp());
        times = (int) Math.max(1, Math.min(MOST_TIMES, Math.ceil(effort.round() / once)));
        int rounds = once > LONG ? Math.min(ROUNDS_OF_LONG, effort.rounds()) : effort.rounds();
        double[] seconds = new double[rounds];
        for (int round = 0; round < rounds; round++) {
            seconds[round] = seconds(nanoTime, run, times) / times;
        }
        Arrays.sort(seconds);
        return new Timing(seconds[rounds / 2], seconds[0], seconds[rounds - 1], rounds, times);
    }

    private static double seconds(LongSupplier nanoTime, IntConsumer run, int times) {
        long started = nanoTime.getAsLong();
        run.accept(times);
        // a clock that stands still would make an endless loop of the warm-up
        return Math.max(1, nanoTime.getAsLong() - started) * 1e-9;
    }
}
