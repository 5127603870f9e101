package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DistortionTest {
    private static final Distortion SOME = new Distortion(10, 0.1, 1, 2);
    private static final Dataset DIGITS = Digits.generate("digits", 300, 0, 1);

    @Test
    void aFunctionOfSeedEpochAndRow() throws Exception {
        byte[] first = SOME.apply(DIGITS, 1, 3).pixels();
        assertThat(SOME.apply(DIGITS, 1, 3).pixels()).isEqualTo(first);
        ForkJoinPool other = new ForkJoinPool(7);
        assertThat(other.submit(() -> SOME.apply(DIGITS, 1, 3).pixels()).get()).isEqualTo(first);
        other.shutdown();
        assertThat(SOME.apply(DIGITS, 2, 3).pixels()).isNotEqualTo(first);
        assertThat(SOME.apply(DIGITS, 1, 4).pixels()).isNotEqualTo(first);
        // a row is drawn by its index, whatever stands beside it
        Dataset half = DIGITS.select(java.util.stream.IntStream.range(0, 150).toArray());
        assertThat(SOME.apply(half, 1, 3).pixels())
                .isEqualTo(java.util.Arrays.copyOf(first, 150 * 784));
    }

    @Test
    void labelsAndTargetsStay() {
        Dataset drawn = SOME.apply(DIGITS, 1, 0);
        assertThat(drawn.labels()).isEqualTo(DIGITS.labels());
        assertThat(drawn.classes()).isEqualTo(DIGITS.classes());
        Dataset targets =
                Dataset.ofPixels("t", new int[] {2, 2}, new byte[8])
                        .withTargets(new float[] {1, 2}, 1);
        assertThat(SOME.apply(targets, 1, 0).targets()).containsExactly(1, 2);
        assertThat(Distortion.NONE.apply(DIGITS, 1, 0)).isSameAs(DIGITS);
    }

    /** A point in the middle of a wide image goes no further than was asked for. */
    @ParameterizedTest
    @CsvSource({"0,0,0,0.001,0", "0,0,5,0,5", "0,0,0,4,4", "3,0,0,0,0", "0,0.2,0,0,0"})
    void nothingMovesFurtherThanItMay(
            double rotate, double scale, double shift, double bend, int most) {
        int side = 33;
        byte[] pixels = new byte[side * side * 200];
        for (int row = 0; row < 200; row++) {
            pixels[row * side * side + side / 2 * side + side / 2] = (byte) 255;
        }
        Dataset points = Dataset.ofPixels("points", new int[] {side, side}, pixels);
        byte[] drawn = new Distortion(rotate, scale, shift, bend).apply(points, 5, 1).pixels();
        int furthest = 0;
        for (int i = 0; i < drawn.length; i++) {
            if ((drawn[i] & 0xff) > 24) {
                int x = i % side - side / 2;
                int y = i / side % side - side / 2;
                furthest = Math.max(furthest, Math.max(Math.abs(x), Math.abs(y)));
            }
        }
        assertThat(furthest).isBetween(most / 2, most + 1);
    }

    @Test
    void ofTurnsAndScalesTheMeanImageIsWhatItWas() {
        Dataset moved = new Distortion(15, 0.1, 1, 1).apply(DIGITS, 1, 0);
        double before = Statistics.of(DIGITS).mean();
        assertThat(Statistics.of(moved).mean()).isBetween(0.97 * before, 1.03 * before);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 31, 33, 257})
    void imagesOfAnySize(int width) {
        Dataset images = Dataset.ofPixels("i", new int[] {3, width}, new byte[3 * width * 2]);
        assertThat(SOME.apply(images, 1, 0).pixels()).containsOnly(0);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "none; none",
                "rotate 10; rotate 10.0, scale 0.0, shift 0.0, bend 0.0",
                "bend 2,  SHIFT 1.5; rotate 0.0, scale 0.0, shift 1.5, bend 2.0",
                "rotate 0; none"
            })
    void textIsReadAndWritten(String given, String canonical) {
        assertThat(Distortion.parse(given).text()).isEqualTo(canonical);
        assertThat(Distortion.parse(canonical)).isEqualTo(Distortion.parse(given));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "rotate", "rotate x", "twist 3", "rotate 1 2", "rotate 1,"})
    void otherTextIsRefused(String text) {
        assertThatThrownBy(() -> Distortion.parse(text))
                .hasMessageEndingWith(
                        "is not understood: write none, or such as \"rotate 10, scale 0.1, shift 1,"
                                + " bend 2\"");
    }

    @Test
    void whatCannotBe() {
        assertThatThrownBy(() -> Distortion.parse("rotate 181"))
                .hasMessage("distortion: rotate 181.0 must be from 0 to 180.0");
        assertThatThrownBy(() -> Distortion.parse("bend NaN"))
                .hasMessage("distortion: bend NaN must be from 0 to 1000.0");
        Dataset values =
                Dataset.ofValues("flowers", new int[] {2}, new float[2])
                        .withLabels(new int[] {0}, List.of("a"));
        assertThatThrownBy(() -> SOME.apply(values, 1, 0))
                .hasMessage("flowers has no images of bytes: --distort is for these alone");
    }
}
