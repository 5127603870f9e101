package org.quern.random;

/**
 * A pseudo-random permutation of [0, n), evaluated at any single index without a table: an
 * alternating Feistel network of {@value #ROUNDS} rounds over the least 2^bits ≥ n with {@link
 * Philox} as its round function, walking cycles until the result falls below n (Black and Rogaway,
 * "Ciphers with Arbitrary Finite Domains", 2002). From n = 33 on, fewer than two walks are needed
 * on average.
 *
 * <p>With {@code left = bits / 2} upper and {@code right = bits − left} lower bits, round r xors
 * {@code philox(counter = (other half, stream + r, step), seed)[0]}, masked, into the right half
 * when r is even (the other half is the left one) and into the left half when r is odd.
 */
public final class Permutation {
    /** Feistel rounds; four make a strong pseudo-random permutation, two more help small halves. */
    public static final int ROUNDS = 6;

    /** With halves of fewer than 3 bits, six rounds leave a bias that a chi-squared test sees. */
    private static final int LEAST_BITS = 6;

    private Permutation() {}

    /** The bits of the Feistel domain for n elements: the least b ≥ 6 with 2^b ≥ n. */
    public static int bits(int n) {
        return Math.max(LEAST_BITS, 32 - Integer.numberOfLeadingZeros(Math.max(n, 1) - 1));
    }

    /**
     * Where index {@code index} goes.
     *
     * @param n number of elements, ≥ 1
     * @param stream stream of round 0; round r uses stream + r
     * @param index in [0, n)
     * @return a value in [0, n); for fixed other arguments, a bijection
     */
    public static int apply(int n, long seed, int stream, long step, int index) {
        int bits = bits(n);
        int rightBits = bits - bits / 2;
        int rightMask = (1 << rightBits) - 1;
        int leftMask = (1 << bits / 2) - 1;
        int value = index;
        do {
            int left = value >>> rightBits;
            int right = value & rightMask;
            for (int round = 0; round < ROUNDS; round += 2) {
                right ^= Philox.word(seed, stream + round, step, 4L * left) & rightMask;
                left ^= Philox.word(seed, stream + round + 1, step, 4L * right) & leftMask;
            }
            value = left << rightBits | right;
        } while (value >= n);
        return value;
    }

    /** The row that the batch order of an epoch puts at place {@code place}: see {@link #apply}. */
    public static int shuffled(int n, long seed, long epoch, int place) {
        return apply(n, seed, Streams.SHUFFLE.of(0), epoch, place);
    }
}
