package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.RealMnist;

class NormalizerTest {
    private static final int SIDE = 28;
    private static final int ROOM = 7;

    /**
     * What MNIST's makers made is a fixed point: enlarged, moved, normalized, it is there again.
     */
    @Test
    void givesMnistsOwnImagesBack() {
        Dataset test = RealMnist.splits().test();
        Pictures pictures = Pictures.of(test);
        Normalizer normalizer = new Normalizer(SIDE, SIDE);
        int same = 0;
        for (int row = 0; row < test.rows(); row++) {
            byte[] image = pictures.pixels(row);
            int factor = 1 + row % 5;
            int side = SIDE * factor + ROOM;
            byte[] again = normalizer.normalize(enlarged(image, factor, row % ROOM), side, side);
            same += Arrays.equals(again, image) ? 1 : 0;
        }
        // three are 19 pixels high, not 20: they are enlarged
        assertThat(same).isEqualTo(9997);
    }

    @Test
    void fittingGivesAnEnlargedImageBack() {
        Pictures pictures = Pictures.of(RealMnist.splits().test());
        Normalizer normalizer = new Normalizer(SIDE, SIDE);
        for (int row = 0; row < 50; row++) {
            byte[] image = pictures.pixels(row);
            int factor = 1 + row % 10;
            int side = SIDE * factor;
            byte[] large = new byte[side * side];
            for (int i = 0; i < large.length; i++) {
                large[i] = image[i / side / factor * SIDE + i % side / factor];
            }
            assertThat(normalizer.fit(large, side, side)).isEqualTo(image);
        }
    }

    /** Proportions are kept, areas averaged, and the edge's level goes on around. */
    @Test
    void fittingPicturesOfOtherProportions() {
        byte[] wide = {9, 9, 9, 9, 9, 9, 9, 9, 9, 1, 3, 9, 9, 5, 7, 9, 9, 9, 9, 9, 9, 9, 9, 9};
        assertThat(new Normalizer(2, 4).fit(wide, 4, 6))
                .containsExactly(9, 9, 6, 7, 9, 9, 9, 9); // 2 x 3, and below it a row
        assertThat(new Normalizer(3, 1).fit(new byte[] {1, 2, 3, 6}, 2, 2))
                .containsExactly(1, 3, 1);
        assertThat(new Normalizer(2, 2).fit(new byte[] {-56}, 1, 1)).containsOnly(-56);
        assertThat(new Normalizer(1, 1).fit(new byte[] {0, 100, -1}, 3, 1)).containsExactly(118);
    }

    private static byte[] enlarged(byte[] image, int factor, int shift) {
        int side = SIDE * factor + ROOM;
        byte[] large = new byte[side * side];
        for (int y = 0; y < SIDE * factor; y++) {
            for (int x = 0; x < SIDE * factor; x++) {
                large[(y + shift) * side + x + ROOM - shift] =
                        image[y / factor * SIDE + x / factor];
            }
        }
        return large;
    }

    /** Ink of any size ends as long as the box, its proportions kept, its mass in the middle. */
    @ParameterizedTest
    @CsvSource({"1,1", "140,140", "140,1", "1,140", "31,33", "2,113", "60,20"})
    void aFilledRectangle(int wide, int high) {
        byte[] ink = new byte[140 * 140];
        for (int y = 0; y < high; y++) {
            for (int x = 0; x < wide; x++) {
                ink[(140 - high + y) * 140 + x] = -1; // in the corner
            }
        }
        byte[] image = new Normalizer(SIDE, SIDE).normalize(ink, 140, 140);
        int[] extent = extent(image, SIDE);
        double scale = 20.0 / Math.max(wide, high);
        assertThat(extent[1] - extent[0] + 1)
                .isEqualTo((int) Math.max(1, Math.round(wide * scale)));
        assertThat(extent[3] - extent[2] + 1)
                .isEqualTo((int) Math.max(1, Math.round(high * scale)));
        assertThat((extent[0] + extent[1] + 1) / 2.0).isBetween(14.0, 14.5);
        assertThat((extent[2] + extent[3] + 1) / 2.0).isBetween(14.0, 14.5);
    }

    /** Least and largest column, least and largest line with ink. */
    private static int[] extent(byte[] image, int width) {
        int[] extent = {width, -1, width, -1};
        for (int i = 0; i < image.length; i++) {
            if (image[i] != 0) {
                extent[0] = Math.min(extent[0], i % width);
                extent[1] = Math.max(extent[1], i % width);
                extent[2] = Math.min(extent[2], i / width);
                extent[3] = Math.max(extent[3], i / width);
            }
        }
        return extent;
    }

    @ParameterizedTest
    @CsvSource({"1,1", "2,3", "8,8", "64,32"})
    void imagesOfAnotherSize(int width, int height) {
        byte[] ink = {0, 0, 0, 0, -1, 0, 0, 0, 0};
        assertThat(new Normalizer(width, height).normalize(ink, 3, 3)).hasSize(width * height);
        assertThat(new Normalizer(width, height).normalize(new byte[9], 3, 3)).isNull();
    }

    /** All mass at one end of a long stroke: what the move would carry outside is left out. */
    @Test
    void aHeavyEnd() {
        byte[] ink = new byte[100 * 100];
        for (int i = 0; i < 100; i++) {
            ink[50 * 100 + i] = (byte) (i < 10 ? 255 : 1);
        }
        byte[] image = new Normalizer(SIDE, SIDE).normalize(ink, 100, 100);
        assertThat(image).hasSize(784);
        assertThat(extent(image, SIDE)[1]).isEqualTo(SIDE - 1);
    }
}
