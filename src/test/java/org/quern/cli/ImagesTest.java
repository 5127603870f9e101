package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images that are not MNIST, through the commands. */
@Tag("jdk")
class ImagesTest {
    private static final int SIDE = 8;

    @TempDir Path folder;

    /** A bar: "lying" fills row 2, "standing" column 2. */
    private static BufferedImage bar(boolean lying, int times, int type, int ink) {
        BufferedImage image = new BufferedImage(SIDE * times, SIDE * times, type);
        for (int i = 0; i < SIDE * SIDE * times * times; i++) {
            int x = i % (SIDE * times);
            int y = i / (SIDE * times);
            int across = (lying ? y : x) / times;
            if (across == 2) {
                image.setRGB(x, y, ink);
            }
        }
        return image;
    }

    private Path write(String path, BufferedImage image) throws IOException {
        Path file = folder.resolve(path);
        Files.createDirectories(file.getParent());
        String kind = path.substring(path.length() - 3);
        assertThat(ImageIO.write(image, kind, file.toFile())).isTrue();
        return file;
    }

    @BeforeEach
    void images() throws IOException {
        for (int i = 0; i < 20; i++) {
            int ink = 0xff000000 | 0x010101 * (250 - i);
            String part = i < 12 ? "training/" : i < 16 ? "testing/" : "val/";
            for (boolean lying : new boolean[] {true, false}) {
                String name = (lying ? "/lying/" : "/standing/") + i + ".png";
                write("data/" + part + name, bar(lying, 1, BufferedImage.TYPE_INT_RGB, ink));
            }
        }
        Files.writeString(folder.resolve("data/training/lying/notes.txt"), "x");
    }

    /** Runs a command, with paths below the folder as @PATH. */
    private Cli.Outcome quern(String command) {
        Stream<String> words = Stream.of(command.split(" "));
        String[] all = words.map(word -> word.replace("@", folder + "/")).toArray(String[]::new);
        return new Cli(folder.resolve("cache")).run(all);
    }

    private Cli.Outcome train(String more) {
        return quern(
                "train --data @data --out @run --epochs 60 --batch 8 --lr 0.02 --backend java"
                        + " --recipe first"
                        + more);
    }

    @Test
    void validationRowsOfTheDataAreUsed() {
        Cli.Outcome trained = train(" --early-stopping 60");
        assertThat(trained.err()).isEmpty();
        assertThat(trained.out())
                .contains(": 24 to train, 8 to validate, 8 to test, 8 x 8, 2 classes\n")
                .contains("not read: 1 .txt; pixels 0 to 255")
                .contains(
                        "stopping  by the validation loss, 8 rows that come with the data (val)\n")
                .contains("\ntest accuracy 1.0000");
        assertThat(quern("sweep --data @data --lr 0.01,0.02 --epochs 1").out())
                .contains("validate  8 rows that come with the data (val)\n");
        assertThat(quern("data info @data").out())
                .contains("\nvalidate  8 rows of 8 x 8", "data; not read: 1 .txt\n");
    }

    @Test
    void filesAndFoldersOfAnySizeAreNamedAndPredicted() throws IOException {
        train("");
        write("new/a/lying.gif", bar(true, 10, BufferedImage.TYPE_BYTE_GRAY, 0xffffff));
        write("new/ink.png", bar(false, 1, BufferedImage.TYPE_INT_ARGB, 0xff000000));
        write("new/jpeg.jpg", bar(true, 8, BufferedImage.TYPE_INT_RGB, 0xffffff));
        Files.writeString(folder.resolve("new/readme.md"), "x");
        Path large = write("large.bmp", bar(false, 7, BufferedImage.TYPE_INT_RGB, 0xffffff));

        Cli.Outcome one = quern("predict @run @large.bmp");
        assertThat(one.err()).isEmpty();
        assertThat(one.lines().get(0))
                .isEqualTo("data      large.bmp; scaled to 8 x 8, proportions kept");
        assertThat(one.lines().get(1)).matches("large.bmp: standing \\(\\d\\.\\d{4}\\)");
        List<String> shown = one.lines().subList(2, one.lines().size());
        assertThat(shown.get(0)).contains("@"); // the picture, then the classes in order
        assertThat(shown.get(shown.size() - 1)).startsWith("standing  ");

        Cli.Outcome all = quern("predict @run @large.bmp @new");
        assertThat(all.err()).isEmpty();
        assertThat(all.lines().get(0))
                .isEqualTo(
                        "data      4 images; 3 of 4 images scaled to 8 x 8, proportions kept; 1 of 4"
                                + " images in one colour, opacity taken as ink; 1 of 4 images from"
                                + " folders in folders; not read: 1 .md");
        String prediction = " \\(\\d\\.\\d{4}\\)";
        assertThat(all.lines().get(1)).matches(large + ": standing" + prediction);
        assertThat(all.lines().get(2))
                .matches(folder.resolve("new/a/lying.gif") + ": lying" + prediction);
        assertThat(all.lines().get(3))
                .matches(folder.resolve("new/ink.png") + ": standing" + prediction);
        assertThat(all.lines().get(4))
                .matches(folder.resolve("new/jpeg.jpg") + ": lying" + prediction);
        assertThat(all.lines()).hasSize(5);

        Cli.Outcome turned = quern("predict @run @large.bmp --transpose");
        assertThat(turned.lines().get(1)).startsWith("large.bmp: lying (");
        assertThat(quern("predict @run @large.bmp rows.csv").err())
                .isEqualTo("quern: rows.csv: a table goes alone, without other files\n");
        Cli.Outcome none = quern("predict @run @large.bmp @none.png");
        assertThat(none.err()).isEqualTo("quern: " + folder + "/none.png does not exist\n");
        assertThat(none.code()).isEqualTo(3);
    }

    @Test
    void imagesUnlikeThoseTrainedOnAreTold() throws IOException {
        train("");
        BufferedImage dark = bar(true, 1, BufferedImage.TYPE_INT_RGB, 0xffffff);
        BufferedImage light = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
        for (int i = 0; i < SIDE * SIDE; i++) {
            light.setRGB(i % SIDE, i / SIDE, ~dark.getRGB(i % SIDE, i / SIDE));
        }
        write("new/dark.png", dark);
        Path swapped = write("new/light.png", light);
        write("new/more.png", light);
        String note = ": the mean is 223.1, but training's was 30.6: are light and dark swapped?";
        assertThat(quern("predict @run @new/light.png").lines().get(0))
                .isEqualTo("note      light.png" + note + " (try with --invert)");
        assertThat(quern("predict @run @new").lines().get(0))
                .isEqualTo("note      2 of 3, first " + swapped + note + " (try with --invert)");
        assertThat(quern("predict @run @new/dark.png --invert").lines().get(0))
                .isEqualTo("note      dark.png" + note + " (leave --invert out)");
        assertThat(quern("predict @run @new/light.png --invert").lines().get(0))
                .startsWith("light.png: lying (");
        // a file's name is no sign that it is the negative
        write("lighthouse.png", new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB));
        assertThat(quern("predict @run @lighthouse.png").lines().get(0))
                .startsWith("note      lighthouse.png: values from 0 to 0")
                .endsWith("bring them to that range");
    }

    @Test
    void transposedDataIsTurnedAndStaysSo() {
        assertThat(train(" --transpose").out()).contains("; images transposed; pixels 0 to 255");
        assertThat(quern("predict @run --index 0").out())
                .contains("testing 0: lying (", ", labelled lying\n");
        assertThat(quern("predict @run @data/testing/lying/12.png").out())
                .startsWith("12.png: standing (");
        assertThat(quern("evaluate @run").out()).contains("test accuracy 1.0000");
        assertThat(quern("evaluate @run --data @data").out()).contains("test accuracy 0.0000");
        assertThat(quern("evaluate @run --data @data --transpose").out())
                .contains("; images transposed\n")
                .contains("test accuracy 1.0000");
        assertThat(quern("train --data generated:20,20 --transpose").err())
                .isEqualTo("quern: generated digits are upright: leave --transpose out\n");
    }
}
