package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class NormalizerTest {
    private static final int SIDE = 28;

    /** What MNIST's makers made is a fixed point: enlarged, moved, and normalized again. */
    @Test
    void givesMnistsOwnImagesBack() {
        Dataset test = Source.read(org.quern.RealMnist.folder(), null).test();
        Pictures pictures = Pictures.of(test);
        Normalizer normalizer = new Normalizer(SIDE, SIDE);
        double same = 0;
        double difference = 0;
        int images = 2000;
        for (int row = 0; row < images; row++) {
            byte[] image = pictures.pixels(row);
            byte[] back = normalizer.normalize(enlarged(image, 5, row % 7), 147, 147);
            double sum = 0;
            for (int i = 0; i < image.length; i++) {
                sum += Math.abs((image[i] & 0xff) - (back[i] & 0xff));
            }
            same += sum == 0 ? 1 : 0;
            difference += sum / image.length;
        }
        System.out.println(same / images + " " + difference / images);
        assertThat(same / images).isGreaterThan(0.5);
    }

    private static byte[] enlarged(byte[] image, int factor, int shift) {
        int side = SIDE * factor + 7;
        byte[] large = new byte[side * side];
        for (int y = 0; y < SIDE * factor; y++) {
            for (int x = 0; x < SIDE * factor; x++) {
                large[(y + shift) * side + x + 7 - shift] = image[y / factor * SIDE + x / factor];
            }
        }
        return large;
    }
}
