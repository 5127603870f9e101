package org.quern.random;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.Tries;

class PhiloxTest {
    /** The known answers of the authors' Random123 library, kat_vectors. */
    @ParameterizedTest
    @CsvSource({
        "00000000,00000000,00000000,00000000,00000000,00000000,6627e8d5,e169c58d,bc57ac4c,9b00dbd8",
        "ffffffff,ffffffff,ffffffff,ffffffff,ffffffff,ffffffff,408f276d,41c83b0e,a20bc7c6,6d5451fd",
        "243f6a88,85a308d3,13198a2e,03707344,a4093822,299f31d0,d16cfe09,94fdcceb,5001e420,24126ea1"
    })
    void knownAnswers(
            String c0,
            String c1,
            String c2,
            String c3,
            String k0,
            String k1,
            String x0,
            String x1,
            String x2,
            String x3) {
        long seed = hex(k1) << 32 | hex(k0);
        long step = hex(c3) << 32 | hex(c2);
        int[] out = new int[6];
        Philox.block(seed, (int) hex(c1), step, (int) hex(c0), out, 1);
        assertThat(out)
                .containsExactly(0, (int) hex(x0), (int) hex(x1), (int) hex(x2), (int) hex(x3), 0);
        long position = hex(c0) << 2;
        for (int word = 0; word < 4; word++) {
            assertThat(Philox.word(seed, (int) hex(c1), step, position + word))
                    .isEqualTo(out[1 + word]);
        }
    }

    private static long hex(String text) {
        return Long.parseLong(text, 16);
    }

    @Test
    void unitIsTheUpper24BitsInZeroToOne() {
        assertThat(Philox.unit(0)).isZero();
        assertThat(Philox.unit(-1)).isEqualTo(1 - 0x1p-24f);
        assertThat(Philox.unit(0x80000000)).isEqualTo(0.5f);
        assertThat(Philox.unit(0xff)).isZero();
    }

    @Test
    void permutationsAreBijections() {
        Tries.of(300, draw -> isABijection(draw.from(1, 2000), draw.any(), draw.any()));
    }

    private static void isABijection(int n, long seed, long epoch) {
        boolean[] seen = new boolean[n];
        for (int i = 0; i < n; i++) {
            int to = Permutation.shuffled(n, seed, epoch, i);
            assertThat(seen[to]).isFalse();
            seen[to] = true;
        }
    }

    /**
     * Chi-squared with n − 1 degrees of freedom for where each of n places goes, over many epochs.
     */
    @ParameterizedTest
    @CsvSource({"2, 4000", "3, 6000", "5, 5000", "31, 6200", "100, 10000"})
    void everyPlaceGoesEverywhereEquallyOften(int n, int epochs) {
        int[][] counts = new int[n][n];
        for (int epoch = 0; epoch < epochs; epoch++) {
            for (int i = 0; i < n; i++) {
                counts[i][Permutation.shuffled(n, 42, epoch, i)]++;
            }
        }
        double expected = (double) epochs / n;
        double chi = 0;
        for (int[] row : counts) {
            for (int count : row) {
                chi += (count - expected) * (count - expected) / expected;
            }
        }
        double freedom = (double) (n - 1) * (n - 1);
        // mean + 5 standard deviations of the distribution
        assertThat(chi).isLessThan(freedom + 5 * Math.sqrt(2 * freedom));
    }

    @Test
    void smallPermutationsAreBijections() {
        for (int n = 1; n <= 130; n++) {
            isABijection(n, -n, n);
        }
    }

    @Test
    void epochsAndSeedsDiffer() {
        int same = 0;
        for (int i = 0; i < 1000; i++) {
            int a = Permutation.shuffled(60_000, 1, 0, i);
            same += a == Permutation.shuffled(60_000, 1, 1, i) ? 1 : 0;
            same += a == Permutation.shuffled(60_000, 2, 0, i) ? 1 : 0;
        }
        assertThat(same).isLessThan(4);
    }

    @Test
    void bitsCoverN() {
        assertThat(Permutation.bits(1)).isEqualTo(6);
        assertThat(Permutation.bits(64)).isEqualTo(6);
        assertThat(Permutation.bits(65)).isEqualTo(7);
        assertThat(Permutation.bits(60_000)).isEqualTo(16);
        assertThat(Permutation.bits(65_537)).isEqualTo(17);
        assertThat(Permutation.bits(Integer.MAX_VALUE)).isEqualTo(31);
    }
}
