package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;

class DigitsTest {
    private static final Dataset THOUSAND = Digits.generate("digits", 1000, 0, 1);

    @Test
    void theFirstThousandAreAlwaysTheSame() {
        CRC32 crc = new CRC32();
        crc.update(THOUSAND.pixels());
        assertThat(Long.toHexString(crc.getValue())).isEqualTo("f80a561");
    }

    @Test
    void aDigitDependsOnItsIndexAlone() {
        Dataset part = Digits.generate("part", 7, 500, 1);
        for (int i = 0; i < 7; i++) {
            assertThat(Arrays.copyOfRange(part.pixels(), i * 784, (i + 1) * 784))
                    .isEqualTo(
                            Arrays.copyOfRange(
                                    THOUSAND.pixels(), (500 + i) * 784, (501 + i) * 784));
            assertThat(part.labels()[i]).isEqualTo(THOUSAND.labels()[500 + i]);
        }
    }

    @Test
    void classesAreAboutEquallyFrequent() {
        int[] counts = Statistics.of(Digits.generate("digits", 10_000, 0, 3)).perClass();
        assertThat(counts).hasSize(10);
        for (int count : counts) {
            assertThat(count).isBetween(880, 1120); // four standard deviations
        }
    }

    @Test
    void theyAreAsDarkAndSparseAsMnist() {
        Statistics statistics = Statistics.of(THOUSAND);
        assertThat(statistics.mean() / 255).isCloseTo(0.1307, within(0.02));
        assertThat(statistics.nonZero()).isCloseTo(0.191, within(0.02));
        assertThat(statistics.max()).isEqualTo(255);
    }

    @Test
    void eachHasInkInsideItsFrame() {
        double atEdge = 0;
        double all = 0;
        for (int row = 0; row < THOUSAND.rows(); row++) {
            double mass = 0;
            double x = 0;
            double y = 0;
            for (int i = 0; i < 784; i++) {
                double value = THOUSAND.value(row, i);
                mass += value;
                x += value * (i % 28);
                y += value * (i / 28);
                boolean edge = i % 28 == 0 || i % 28 == 27 || i / 28 == 0 || i / 28 == 27;
                atEdge += edge ? value : 0;
            }
            all += mass;
            assertThat(mass).isPositive();
            // centred by mass, to about a pixel
            assertThat(x / mass).isCloseTo(13.5, within(1.2));
            assertThat(y / mass).isCloseTo(13.5, within(1.2));
        }
        assertThat(atEdge / all).isLessThan(1e-3);
    }

    @Test
    void noTestDigitIsATrainingDigit() {
        Set<Integer> seen = new HashSet<>();
        Dataset test = Digits.generate("test", 1000, Digits.TEST, 1);
        for (Dataset set : new Dataset[] {THOUSAND, test}) {
            for (int row = 0; row < set.rows(); row++) {
                byte[] pixels = Arrays.copyOfRange(set.pixels(), row * 784, (row + 1) * 784);
                assertThat(seen.add(Arrays.hashCode(pixels))).isTrue();
            }
        }
        assertThat(Digits.generate("other", 1000, 0, 2).pixels()).isNotEqualTo(THOUSAND.pixels());
    }

    @Test
    void absurdNumbersAreRefused() {
        assertThatThrownBy(() -> Digits.generate("d", 0, 0, 1))
                .hasMessage("0 generated digits: ask for 1 to 2,739,000");
        assertThatThrownBy(() -> Digits.generate("d", 3_000_000, 0, 1))
                .hasMessage("3000000 generated digits: ask for 1 to 2,739,000");
    }
}
