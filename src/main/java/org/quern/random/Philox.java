package org.quern.random;

/**
 * Philox 4x32-10, the counter-based generator of Salmon et al., "Parallel Random Numbers: As Easy
 * as 1, 2, 3" (SC 2011). Quern draws every random number as a pure function
 *
 * <pre>
 * word = philox(counter = (position / 4, stream, step low, step high), key = seed)[position % 4]
 * </pre>
 *
 * so that weights, batch order and dropout masks are the same bits on every backend, in any order
 * of evaluation, and a resumed run needs no generator state.
 */
public final class Philox {
    private static final long M0 = 0xD2511F53L;
    private static final long M1 = 0xCD9E8D57L;
    private static final int W0 = 0x9E3779B9;
    private static final int W1 = 0xBB67AE85;
    private static final int ROUNDS = 10;
    private static final long LOW = 0xFFFFFFFFL;

    private Philox() {}

    /**
     * One 32-bit word of one of the {@link Streams}.
     *
     * @param step the step, epoch or example that the word belongs to
     * @param position index within that step, from 0 to 2³⁴ − 1
     */
    public static int word(long seed, int stream, long step, long position) {
        long upper = position >>> 2 << 32 | stream & LOW;
        long lower = Long.rotateLeft(step, 32);
        for (int round = 0; round < ROUNDS; round++) {
            long next = half(M1, lower, upper, (int) seed + round * W0);
            lower = half(M0, upper, lower, (int) (seed >>> 32) + round * W1);
            upper = next;
        }
        long pair = (position & 2) == 0 ? upper : lower;
        return (int) ((position & 1) == 0 ? pair >>> 32 : pair);
    }

    /** Writes the words at positions {@code 4 · block} to {@code 4 · block + 3} from an offset. */
    public static void block(long seed, int stream, long step, int block, int[] out, int offset) {
        long upper = (long) block << 32 | stream & LOW;
        long lower = Long.rotateLeft(step, 32);
        for (int round = 0; round < ROUNDS; round++) {
            long next = half(M1, lower, upper, (int) seed + round * W0);
            lower = half(M0, upper, lower, (int) (seed >>> 32) + round * W1);
            upper = next;
        }
        out[offset] = (int) (upper >>> 32);
        out[offset + 1] = (int) upper;
        out[offset + 2] = (int) (lower >>> 32);
        out[offset + 3] = (int) lower;
    }

    /** Half a round: two words, of which the first is the more significant. */
    private static long half(long multiplier, long from, long to, int key) {
        long product = multiplier * (from >>> 32);
        return (product >>> 32 ^ to ^ key) << 32 | product & LOW;
    }

    /** A word as a float in [0, 1): its upper 24 bits times 2⁻²⁴, exact. */
    public static float unit(int word) {
        return (word >>> 8) * 0x1p-24f;
    }
}
