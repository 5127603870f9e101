package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.RealMnist;

class ExplorationTest {
    private static Dataset values(String name, int[] labels, float... values) {
        return Dataset.ofValues(name, new int[] {2}, values).withLabels(labels, List.of("a", "b"));
    }

    @Test
    void duplicatesAreFoundWithTheirLabels() {
        Dataset train = values("train", new int[] {0, 1, 0, 0}, 1, 2, 3, 4, 1, 2, -0f, 0);
        Dataset test = values("test", new int[] {1, 1, 0}, 1, 2, 5, 6, 3, 4);
        assertThat(Exploration.duplicates(train, test))
                .containsExactly(
                        new Exploration.Duplicate(0, 0, false),
                        new Exploration.Duplicate(1, 2, false));
        Exploration exploration = Exploration.of(new Splits(train, test, "d"), 1);
        assertThat(exploration.repeated()).isEqualTo(1);
        assertThat(exploration.leaked()).hasSize(2);
        assertThat(exploration.examples()).containsExactlyInAnyOrder(0, 1, 2, 3);
        assertThat(Exploration.of(new Splits(train, null, "d"), 1).leaked()).isNull();
    }

    /** Rows with the same hash but other values: a + 31·b is the same for (0, 1) and (31, 0). */
    @Test
    void equalHashesAreNotEqualRows() {
        Dataset one = Dataset.ofPixels("one", new int[] {2}, new byte[] {0, 1});
        Dataset other = Dataset.ofPixels("other", new int[] {2}, new byte[] {31, 0});
        assertThat(Exploration.duplicates(one, other)).isEmpty();
        assertThat(Exploration.duplicates(one, one)).hasSize(1);
        Dataset wide = Dataset.ofPixels("wide", new int[] {4}, new byte[4]);
        assertThat(Exploration.duplicates(one, wide)).isEmpty();
    }

    @Test
    void theRealMnist() {
        Exploration mnist = Exploration.of(RealMnist.splits(), 1);
        assertThat(mnist.repeated()).isZero();
        assertThat(mnist.leaked()).isEmpty();
        assertThat(mnist.examples()).hasSize(25).doesNotHaveDuplicates();
        assertThat(mnist.examples()).isEqualTo(Exploration.of(RealMnist.splits(), 1).examples());
        assertThat(mnist.examples()).isNotEqualTo(Exploration.of(RealMnist.splits(), 2).examples());
        assertThat(IntStream.range(0, 10).map(c -> mnist.rowsOf(c).length).sum()).isEqualTo(60_000);
    }

    @Test
    void picturesOfBytesAndOfFloats() {
        Pictures bytes =
                Pictures.of(Dataset.ofPixels("p", new int[] {1, 2}, new byte[] {0, 100, 50, -1}));
        assertThat(bytes.pixels(1)).containsExactly(50, 255);
        assertThat(bytes.mean(new int[] {0, 1})).containsExactly(25, 178);
        assertThat(bytes.mean(new int[0])).containsExactly(0, 0);
        Pictures floats =
                Pictures.of(Dataset.ofValues("v", new int[] {2, 1}, new float[] {-1, 1, 0, 0.5f}));
        assertThat(floats.pixels(0)).containsExactly(0, 255);
        assertThat(floats.pixels(1)).containsExactly(128, 191);
        Pictures flat = Pictures.of(Dataset.ofValues("v", new int[] {1, 1}, new float[] {7}));
        assertThat(flat.pixels(0)).containsExactly(0);
        assertThat(Pictures.of(Dataset.ofPixels("p", new int[] {4}, new byte[4]))).isNull();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 31, 33, 257})
    void pngHoldsEachPixel(int width) throws IOException {
        int height = 3;
        byte[] grey = new byte[width * height];
        int[] colour = new int[width * height];
        for (int i = 0; i < colour.length; i++) {
            grey[i] = (byte) (i * 37);
            colour[i] = i * 123_457 & 0xffffff;
        }
        var greyImage = ImageIO.read(new ByteArrayInputStream(Pictures.png(grey, width, height)));
        var image = ImageIO.read(new ByteArrayInputStream(Pictures.png(colour, width, height)));
        for (int i = 0; i < colour.length; i++) {
            assertThat(greyImage.getRaster().getSample(i % width, i / width, 0))
                    .isEqualTo(grey[i] & 0xff);
            assertThat(image.getRGB(i % width, i / width) & 0xffffff).isEqualTo(colour[i]);
        }
    }
}
