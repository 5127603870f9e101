package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.imageio.ImageIO;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.QuernException;

/** NPZ and image folders. */
class DataReaderTest {
    @TempDir Path folder;

    private AbstractThrowableAssert<?, ?> refused(Path path) {
        return assertThatThrownBy(() -> DataReader.read(path))
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.DATA));
    }

    @Test
    void unknownKinds() throws IOException {
        Path text = Files.writeString(folder.resolve("notes.txt"), "x");
        refused(text)
                .hasMessage(
                        text
                                + " is of no known kind: give a folder with MNIST's four files, a"
                                + " folder of images for each class, an .npz or a .csv file");
        refused(folder.resolve("none")).hasMessage(folder.resolve("none") + " does not exist");
        Path empty = Files.createDirectory(folder.resolve("empty"));
        refused(empty)
                .hasMessage(
                        empty
                                + " holds no data set: expected MNIST's four files"
                                + " (train-images-idx3-ubyte.gz, ...), a folder of PNG images for"
                                + " each class, or train.csv");
    }

    // ---- NPZ

    private static byte[] npy(String descr, String order, String shape, byte[] values) {
        String header =
                "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }\n"
                        .formatted(descr, order, shape);
        ByteBuffer buffer =
                ByteBuffer.allocate(10 + header.length() + values.length)
                        .order(ByteOrder.LITTLE_ENDIAN);
        buffer.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
        buffer.put((byte) 1).put((byte) 0).putShort((short) header.length());
        buffer.put(header.getBytes(StandardCharsets.US_ASCII)).put(values);
        return buffer.array();
    }

    private Path npz(Object... namesAndArrays) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            for (int i = 0; i < namesAndArrays.length; i += 2) {
                zip.putNextEntry(new ZipEntry(namesAndArrays[i] + ".npy"));
                zip.write((byte[]) namesAndArrays[i + 1]);
            }
        }
        return Files.write(folder.resolve("m.npz"), bytes.toByteArray());
    }

    private static final byte[] PIXELS = npy("|u1", "False", "2, 1, 2", new byte[] {1, 2, 3, -1});
    private static final byte[] LABELS = npy("|u1", "False", "2,", new byte[] {1, 0});

    @Test
    void kerasMnistIsRead() throws IOException {
        byte[] longs =
                npy(
                        "<i8",
                        "False",
                        "2,",
                        new byte[] {2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
        Splits splits =
                DataReader.read(
                        npz(
                                "x_train", PIXELS, "y_train", LABELS, "x_test", PIXELS, "y_test",
                                longs));
        assertThat(splits.train().shape()).containsExactly(1, 2);
        assertThat(splits.train().value(1, 1)).isEqualTo(255);
        assertThat(splits.train().labels()).containsExactly(1, 0);
        assertThat(splits.train().classes()).containsExactly("0", "1");
        // numbered as in training; what training lacks comes behind, to be refused where it counts
        assertThat(splits.test().classes()).containsExactly("0", "1", "2");
        assertThat(splits.test().labels()).containsExactly(2, 0);
    }

    /**
     * The same numbers as each type that is read: {@code u1}, {@code <i8}, {@code >f4} and so on.
     */
    private static byte[] typed(String descr, String shape, int... numbers) {
        boolean little = !descr.startsWith(">");
        int width = descr.charAt(2) - '0';
        ByteBuffer buffer = ByteBuffer.allocate(numbers.length * width);
        buffer.order(little ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
        for (int number : numbers) {
            switch (descr.substring(1)) {
                case "f4" -> buffer.putFloat(number);
                case "f8" -> buffer.putDouble(number);
                case "u1" -> buffer.put((byte) number);
                case "i2", "u2" -> buffer.putShort((short) number);
                case "i4", "u4" -> buffer.putInt(number);
                default -> buffer.putLong(number);
            }
        }
        return npy(descr, "False", shape, buffer.array());
    }

    @ParameterizedTest
    @ValueSource(strings = {"|u1", "<i2", ">u2", "<i4", "<u4", ">i8", "<u8", "<f4", ">f8"})
    void whatIsPixelsDoesNotDependOnTheElementType(String type) throws IOException {
        Dataset image =
                DataReader.read(
                                npz(
                                        "x_train",
                                        typed(type, "2, 1, 2", 1, 2, 3, 255),
                                        "y_train",
                                        LABELS))
                        .train();
        assertThat(image.isImage()).isTrue();
        assertThat(image.pixels()).containsExactly(1, 2, 3, -1);
        Dataset table =
                DataReader.read(
                                npz(
                                        "x_train",
                                        typed(type, "2, 2", 1, 2, 3, 255),
                                        "y_train",
                                        LABELS))
                        .train();
        assertThat(table.isImage()).isFalse();
        assertThat(table.values()).containsExactly(1, 2, 3, 255);
        Dataset dark =
                DataReader.read(
                                npz(
                                        "x_train",
                                        typed(type, "2, 1, 2", 1, 2, 3, 16),
                                        "y_train",
                                        LABELS))
                        .train();
        assertThat(dark.isImage()).isFalse();
        assertThat(dark.values()).containsExactly(1, 2, 3, 16);
    }

    @Test
    void pixelsWithFractionsAreAnImageToo() throws IOException {
        byte[] halves =
                npy(">f4", "False", "1, 1, 2", new byte[] {0x3f, 0, 0, 0, 0x43, 0x7f, 0, 0});
        byte[] one = npy("|u1", "False", "1,", new byte[] {0});
        Dataset set = DataReader.read(npz("x_train", halves, "y_train", one)).train();
        assertThat(set.values()).containsExactly(0.5f, 255f);
        assertThat(set.isImage()).isTrue();
    }

    @Test
    void sevenHundredAndEightyFourValuesAreMnistsShape() throws IOException {
        int[] numbers = new int[784];
        numbers[783] = 255;
        byte[] one = npy("|u1", "False", "1,", new byte[] {0});
        Dataset set =
                DataReader.read(npz("x_train", typed("<f8", "1, 784", numbers), "y_train", one))
                        .train();
        assertThat(set.shape()).containsExactly(28, 28);
        assertThat(set.isPixels()).isTrue();
    }

    @Test
    void classesAreTheNumbersThatAreThere() throws IOException {
        Dataset set =
                DataReader.read(
                                npz(
                                        "x_train",
                                        typed("<f4", "3, 1", 5, 6, 7),
                                        "y_train",
                                        typed("<i8", "3,", 10, 1, 10)))
                        .train();
        assertThat(set.classes()).containsExactly("1", "10");
        assertThat(set.labels()).containsExactly(1, 0, 1);
    }

    @Test
    void notANumberIsFoundByRowAndColumn() throws IOException {
        byte[] nan = new byte[24];
        System.arraycopy(
                new byte[] {0x7f, (byte) 0xc0, 0, 0, 0x7f, (byte) 0x80, 0, 0}, 0, nan, 16, 8);
        byte[] labels = typed("<i8", "2,", 0, 1);
        refused(npz("x_train", npy(">f4", "False", "2, 3", nan), "y_train", labels))
                .hasMessage("m.npz train: row 1, column 1 is NaN: every value must be finite");
    }

    @Test
    void floatsInEitherByteOrder() throws IOException {
        byte[] big =
                npy(">f4", "False", "1, 2", new byte[] {0x3f, (byte) 0x80, 0, 0, 0x40, 0, 0, 0});
        byte[] one = npy("|u1", "False", "1,", new byte[] {0});
        Dataset set = DataReader.read(npz("x_train", big, "y_train", one)).train();
        assertThat(set.values()).containsExactly(1f, 2f);
    }

    @Test
    void arraysThatAreNotRead() throws IOException {
        Path file = folder.resolve("m.npz");
        refused(npz("x_train", npy("|O", "False", "2, 2", new byte[4]), "y_train", LABELS))
                .hasMessage(
                        file
                                + " x_train is an array of Python objects, which only Python can read:"
                                + " save it as numbers");
        refused(npz("x_train", npy("|u1", "True", "2, 2", new byte[4]), "y_train", LABELS))
                .hasMessage(
                        file
                                + " x_train is in Fortran order: save numpy.ascontiguousarray(...) of"
                                + " it");
        refused(npz("x_train", npy("<c8", "False", "2, 1", new byte[16]), "y_train", LABELS))
                .hasMessage(
                        file
                                + " x_train holds values of type c8; u1 to u8, i1 to i8, f4 and f8 are"
                                + " read");
        refused(
                        npz(
                                "x_train",
                                npy("|u1", "False", "2000000, 28, 28", new byte[4]),
                                "y_train",
                                LABELS))
                .hasMessage(
                        file
                                + " x_train: its header says shape (2000000, 28, 28), more than the"
                                + " file can hold");
        refused(
                        npz(
                                "x_train",
                                npy("|u1", "False", "99999999999, 2", new byte[4]),
                                "y_train",
                                LABELS))
                .hasMessage(file + " x_train: extent \"99999999999\" is out of range");
        refused(npz("x_train", npy("|u1", "False", "2, 3", new byte[4]), "y_train", LABELS))
                .hasMessage(file + " x_train is truncated: save it again");
        refused(npz("x_train", npy("|u1", "False", "3, 1", new byte[3]), "y_train", LABELS))
                .hasMessage(file + ": x_train has 3 rows, but y_train has 2 labels");
        refused(npz("x_train", PIXELS))
                .hasMessage(
                        file
                                + " has no array y_train: it needs x_train and y_train, and x_test with"
                                + " y_test");
        refused(npz("x_train", PIXELS, "y_train", npy("|i1", "False", "2,", new byte[] {0, -1})))
                .hasMessage(file + ": y_train[1] is -1.0, which is not a class number from 0");
        Files.writeString(file, "not a zip");
        refused(file).hasMessageStartingWith(file + " cannot be read as a zip of arrays (");
    }

    // ---- image folders

    private void image(String path, int width, int height, int type, int rgb) throws IOException {
        BufferedImage image = new BufferedImage(width, height, type);
        for (int i = 0; i < width * height; i++) {
            if (type == BufferedImage.TYPE_BYTE_GRAY) {
                image.getRaster().setSample(i % width, i / width, 0, rgb & 0xff);
            } else {
                image.setRGB(i % width, i / width, rgb);
            }
        }
        Path file = folder.resolve(path);
        Files.createDirectories(file.getParent());
        ImageIO.write(image, "png", file.toFile());
    }

    @Test
    void foldersAreClasses() throws IOException {
        image("pets/dog/1.png", 3, 2, BufferedImage.TYPE_BYTE_GRAY, 100);
        image("pets/cat/a.PNG", 3, 2, BufferedImage.TYPE_INT_RGB, 0xff0000);
        image("pets/cat/b.png", 3, 2, BufferedImage.TYPE_INT_ARGB, 0x00ffffff);
        Dataset set = DataReader.read(folder.resolve("pets")).train();
        assertThat(set.shape()).containsExactly(2, 3);
        assertThat(set.classes()).containsExactly("cat", "dog");
        assertThat(set.labels()).containsExactly(0, 0, 1);
        assertThat(set.value(0, 0)).isEqualTo(76); // (299 · 255 + 500) / 1000
        assertThat(set.value(1, 0)).isZero(); // transparent
        assertThat(set.value(2, 5)).isEqualTo(100);
    }

    @Test
    void trainAndTestFolders() throws IOException {
        image("d/train/x/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 1);
        image("d/test/x/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 2);
        Splits splits = DataReader.read(folder.resolve("d"));
        assertThat(splits.train().value(0, 0)).isEqualTo(1);
        assertThat(splits.test().value(0, 0)).isEqualTo(2);
    }

    @Test
    void badImages() throws IOException {
        image("p/a/1.png", 3, 2, BufferedImage.TYPE_BYTE_GRAY, 1);
        image("p/b/1.png", 2, 3, BufferedImage.TYPE_BYTE_GRAY, 1);
        refused(folder.resolve("p"))
                .hasMessage(
                        "%s is 2 x 3 pixels, but %s is 3 x 2: all images must be of one size"
                                .formatted(
                                        folder.resolve("p/b/1.png"), folder.resolve("p/a/1.png")));
        Files.writeString(folder.resolve("p/b/1.png"), "no image");
        refused(folder.resolve("p"))
                .hasMessage(
                        folder.resolve("p/b/1.png")
                                + " is not an image that can be read: save it as PNG");
        Files.createDirectory(folder.resolve("p/c"));
        refused(folder.resolve("p"))
                .hasMessage(folder.resolve("p/c") + " has no PNG images: remove it, or fill it");
    }
}
