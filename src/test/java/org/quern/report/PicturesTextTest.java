package org.quern.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.data.Dataset;
import org.quern.data.Pictures;
import org.quern.plan.Loss;
import org.quern.train.Evaluation;

class PicturesTextTest {
    @ParameterizedTest
    @CsvSource({"1,1,1,1", "2,2,2,1", "31,31,16,8", "33,33,17,9", "257,257,20,10", "20,3,20,2"})
    void aPictureOfAnySize(int width, int height, int columns, int rows) {
        PictureRows.Picture picture =
                new PictureRows.Picture(new byte[width * height], width, height, 20);
        assertThat(picture.width()).isEqualTo(columns);
        assertThat(picture.lines(false)).hasSize(rows).allMatch(line -> line.length() == columns);
        assertThat(picture.lines(true))
                .hasSize(rows)
                .allMatch(line -> line.split("▀", -1).length == columns + 1)
                .allMatch(line -> line.endsWith("\u001b[0m"));
    }

    @Test
    void halfBlocksInGreysAndInkInCharacters() {
        byte[] pixels = {0, (byte) 255, (byte) 255, 0};
        PictureRows.Picture picture = new PictureRows.Picture(pixels, 2, 2, 20);
        assertThat(picture.lines(true))
                .containsExactly("\u001b[38;5;232;48;5;255m▀\u001b[38;5;255;48;5;232m▀\u001b[0m");
        assertThat(picture.lines(false)).containsExactly("==".replace('=', '='));
        assertThat(new PictureRows.Picture(new byte[] {-1, 0, -1, 0}, 2, 2, 20).lines(false))
                .containsExactly("@ ");
    }

    private static Pictures pictures(int side) {
        return Pictures.of(
                Dataset.ofPixels("images", new int[] {side, side}, new byte[side * side]));
    }

    @Test
    void fivePicturesSideBySideInEightyColumns() {
        PictureRows rows = new PictureRows(pictures(28), new Look(80, false));
        for (int i = 0; i < 7; i++) {
            rows.add(new byte[784], "4 as 9 0.9999");
        }
        String text = rows.text();
        assertThat(text.lines()).allMatch(line -> line.length() <= 80);
        assertThat(text.split("4 as 9 0.9999", -1)).hasSize(8);
        assertThat(text.lines().filter(line -> line.startsWith("4 as 9"))).hasSize(2);
    }

    @Test
    void aLongNameIsNotCut() {
        PictureRows rows = new PictureRows(pictures(4), Look.PLAIN);
        for (String name : List.of("iris-versicolor", "iris-virginica-with-a-long-name", "rose")) {
            rows.add(new byte[16], name + " as tulip 0.9999");
        }
        assertThat(rows.text())
                .contains("iris-versicolor as tulip 0.9999")
                .contains("iris-virginica-with-a-long-name as tulip 0.9999")
                .contains("rose as tulip 0.9999");
    }

    @Test
    void aGalleryOfMistakes() {
        Dataset images =
                Dataset.ofPixels("images", new int[] {2, 2}, new byte[12])
                        .withLabels(new int[] {0, 1, 1}, List.of("a", "b"));
        float[] logits = {3, 0, 5, 0, 1, 0};
        Evaluation evaluation = Evaluation.of(Loss.CROSS_ENTROPY, logits, images);
        assertThat(TextReport.gallery(evaluation, images, 10, Look.PLAIN))
                .startsWith(
                        "the 2 most confident mistakes of 2 (true as predicted, probability)\n\n")
                .containsSubsequence("b as a 0.9933", "b as a 0.7311");
        assertThat(TextReport.gallery(evaluation, images, 1, new Look(80, true)))
                .startsWith("the 1 most confident mistakes of 2")
                .contains("\u001b[38;5;232;48;5;232m▀");
        Evaluation right =
                Evaluation.of(Loss.CROSS_ENTROPY, new float[] {1, 0, 0, 1, 0, 1}, images);
        assertThat(TextReport.gallery(right, images, 10, Look.PLAIN))
                .isEqualTo("no gallery: there are no mistakes");
        Dataset numbers =
                Dataset.ofValues("numbers", new int[] {1}, new float[] {1})
                        .withTargets(new float[] {2}, 1);
        assertThat(
                        TextReport.gallery(
                                Evaluation.of(Loss.MEAN_SQUARED_ERROR, new float[] {1}, numbers),
                                numbers,
                                10,
                                Look.PLAIN))
                .startsWith("no gallery: a model trained by mean squared error");
    }
}
