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
    private static final int M0 = 0xD2511F53;
    private static final int M1 = 0xCD9E8D57;
    private static final int W0 = 0x9E3779B9;
    private static final int W1 = 0xBB67AE85;
    private static final int ROUNDS = 10;
    private static final long LOW = 0xFFFFFFFFL;

    private Philox() {}

    /**
     * One 32-bit word of the stream.
     *
     * @param seed the key
     * @param stream purpose and layer, see {@link Streams}
     * @param step the step, epoch or example that the word belongs to
     * @param position index within that step, from 0 to 2³⁴ − 1
     */
    public static int word(long seed, int stream, long step, long position) {
        int x0 = (int) (position >>> 2);
        int x1 = stream;
        int x2 = (int) step;
        int x3 = (int) (step >>> 32);
        int k0 = (int) seed;
        int k1 = (int) (seed >>> 32);
        for (int round = 0; round < ROUNDS; round++) {
            long p0 = (M0 & LOW) * (x0 & LOW);
            long p1 = (M1 & LOW) * (x2 & LOW);
            x0 = (int) (p1 >>> 32) ^ x1 ^ k0;
            x1 = (int) p1;
            x2 = (int) (p0 >>> 32) ^ x3 ^ k1;
            x3 = (int) p0;
            k0 += W0;
            k1 += W1;
        }
        return switch ((int) position & 3) {
            case 0 -> x0;
            case 1 -> x1;
            case 2 -> x2;
            default -> x3;
        };
    }

    /**
     * Four words at once: the block with counter {@code (block, stream, step low, step high)} is
     * written to {@code out[offset .. offset + 3]}; they are the words at positions {@code 4·block}
     * to {@code 4·block + 3}.
     */
    public static void block(long seed, int stream, long step, int block, int[] out, int offset) {
        int x0 = block;
        int x1 = stream;
        int x2 = (int) step;
        int x3 = (int) (step >>> 32);
        int k0 = (int) seed;
        int k1 = (int) (seed >>> 32);
        for (int round = 0; round < ROUNDS; round++) {
            long p0 = (M0 & LOW) * (x0 & LOW);
            long p1 = (M1 & LOW) * (x2 & LOW);
            x0 = (int) (p1 >>> 32) ^ x1 ^ k0;
            x1 = (int) p1;
            x2 = (int) (p0 >>> 32) ^ x3 ^ k1;
            x3 = (int) p0;
            k0 += W0;
            k1 += W1;
        }
        out[offset] = x0;
        out[offset + 1] = x1;
        out[offset + 2] = x2;
        out[offset + 3] = x3;
    }

    /** A word as a float in [0, 1): its upper 24 bits times 2⁻²⁴, exact. */
    public static float unit(int word) {
        return (word >>> 8) * 0x1p-24f;
    }
}
