package org.quern.bench;

/**
 * How long is measured, in seconds.
 *
 * @param warmUp for which the work is done before: caches, clocks and the JIT compiler
 * @param round least of a timed round, so that neither clock nor waiting for a device counts
 * @param rounds how many, an odd number
 * @param longestStep of a training step above which it is left out
 */
public record Budget(double warmUp, double round, int rounds, double longestStep) {
    /** A minute for all that a machine has. */
    public static final Budget FULL = new Budget(0.1, 0.012, 7, 0.3);

    /** A look that takes seconds. */
    public static final Budget QUICK = new Budget(0.05, 0.005, 3, 0.1);

    /** The same with so many times the warm-up, the round and the rounds. */
    Budget times(double warmUps, double longer, int more) {
        return new Budget(warmUps * warmUp, longer * round, more * rounds, longestStep);
    }
}
