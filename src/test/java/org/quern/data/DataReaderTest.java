package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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
        Path text = Files.writeString(folder.resolve("notes.pdf"), "x");
        refused(text)
                .hasMessage(
                        text
                                + " is of no known kind: give a folder of IDX files such as MNIST's,"
                                + " a folder of images for each class, an .npz or a .csv file");
        refused(folder.resolve("none")).hasMessage(folder.resolve("none") + " does not exist");
        Path empty = Files.createDirectory(folder.resolve("empty"));
        refused(empty)
                .hasMessage(
                        empty
                                + " holds no data set: expected IDX files such as MNIST's"
                                + " (train-images-idx3-ubyte.gz, ...), a folder of images for each"
                                + " class (PNG, JPEG, BMP or GIF), or train.csv");
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
        refused(npz("x_train", npy("<c8", "False", "2, 1", new byte[16]), "y_train", LABELS))
                .hasMessage(
                        file
                                + " x_train holds values of type c8; u1 to u8, i1 to i8, b1, f2 to f8,"
                                + " U and S are read");
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
                                + " has no array y_train (it has x_train): save rows and labels by"
                                + " numpy.savez(file, x_train=..., y_train=...)");
        Files.writeString(file, "not a zip");
        refused(file).hasMessageStartingWith(file + " cannot be read as a zip of arrays (");
    }

    private Dataset train(Object... namesAndArrays) throws IOException {
        return DataReader.read(npz(namesAndArrays)).train();
    }

    @Test
    void halfPrecision() throws IOException {
        short[] halves = {
            0, (short) 0x3c00, (short) 0xc000, 0x3555, 1, 0x7bff, 0x0400, (short) 0x8001
        };
        ByteBuffer bytes = ByteBuffer.allocate(2 * halves.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asShortBuffer().put(halves);
        byte[] x = npy("<f2", "False", "2, 4", bytes.array());
        assertThat(train("x_train", x, "y_train", LABELS).values())
                .containsExactly(0f, 1f, -2f, 0x1.554p-2f, 0x1p-24f, 65504f, 0x1p-14f, -0x1p-24f);
        byte[] infinite = npy("<f2", "False", "1, 1", new byte[] {0, 0x7c});
        byte[] nan = npy("<f2", "False", "1, 1", new byte[] {1, 0x7c});
        byte[] one = npy("|u1", "False", "1,", new byte[] {0});
        refused(npz("x_train", infinite, "y_train", one)).hasMessageContaining("is Infinity");
        refused(npz("x_train", nan, "y_train", one)).hasMessageContaining("is NaN");
    }

    @Test
    void fortransOrder() throws IOException {
        // numpy.arange(6).reshape(1, 2, 3, order='C') and (3, 2), as Fortran lays them out
        byte[] cube = npy("|u1", "True", "1, 2, 3", new byte[] {0, 3, 1, 4, 2, -1});
        byte[] one = npy("|u1", "False", "1,", new byte[] {0});
        assertThat(train("x_train", cube, "y_train", one).pixels())
                .containsExactly(0, 1, 2, 3, 4, -1);
        byte[] wide = npy("<i2", "True", "3, 2", new byte[] {0, 0, 2, 0, 4, 0, 1, 0, 3, 0, 5, 0});
        byte[] three = npy("|u1", "False", "3,", new byte[] {0, 1, 2});
        assertThat(train("x_train", wide, "y_train", three).values())
                .containsExactly(0, 1, 2, 3, 4, 5);
    }

    @Test
    void labelsOfEveryKind() throws IOException {
        byte[] x = typed("<f4", "3, 1", 5, 6, 7);
        byte[] signed = npy("|i1", "False", "3, 1", new byte[] {1, -1, 1});
        assertThat(train("x_train", x, "y_train", signed).classes()).containsExactly("-1", "1");
        byte[] whole = typed("<f8", "3,", 10, 2, 10);
        assertThat(train("x_train", x, "y_train", whole).classes()).containsExactly("2", "10");
        byte[] bytes = "cat\0\0dog\0\0mouse".getBytes(StandardCharsets.US_ASCII);
        Dataset pets = train("x_train", x, "y_train", npy("|S5", "False", "3,", bytes));
        assertThat(pets.classes()).containsExactly("cat", "dog", "mouse");
        for (String order : new String[] {"LE", "BE"}) {
            byte[] wide = "ébébb\0".getBytes(Charset.forName("UTF-32" + order));
            String type = order.equals("LE") ? "<U2" : ">U2";
            Dataset set = train("x_train", x, "y_train", npy(type, "False", "3,", wide));
            assertThat(set.classes()).containsExactly("b", "éb");
            assertThat(set.labels()).containsExactly(1, 1, 0);
        }
        byte[] oneHot = typed("<f4", "3, 3", 0, 0, 1, 1, 0, 0, 0, 0, 1);
        Splits splits = DataReader.read(npz("x_train", x, "y_train", oneHot));
        assertThat(splits.train().labels()).containsExactly(2, 0, 2);
        assertThat(splits.train().classes()).containsExactly("0", "1", "2");
        assertThat(splits.reading()).isEqualTo("y_train is one-hot");
        // a 1 too many, a 1 too few, a 2: numbers
        for (int[] row : new int[][] {{1, 1, 0}, {0, 0, 0}, {2, 0, 0}, {-1, 1, 1}}) {
            byte[] y = typed("<i4", "3, 3", row[0], row[1], row[2], 1, 0, 0, 0, 0, 1);
            splits = DataReader.read(npz("x_train", x, "y_train", y));
            assertThat(splits.train().targetWidth()).isEqualTo(3);
            assertThat(splits.train().targets()).startsWith(row[0], row[1], row[2]);
            assertThat(splits.reading()).isEqualTo("y_train holds 3 numbers a row to predict");
        }
    }

    @Test
    void numbersToPredictAreSoInEveryPart() throws IOException {
        byte[] x = typed("<f4", "2, 1", 5, 6);
        byte[] halves = npy(">f4", "False", "2,", new byte[] {0x3f, 0, 0, 0, 0x40, 0, 0, 0});
        byte[] whole = typed(">f4", "2,", 3, 4);
        Splits splits =
                DataReader.read(npz("x_train", x, "y_train", whole, "x_test", x, "y_test", halves));
        assertThat(splits.train().targets()).containsExactly(3, 4);
        assertThat(splits.test().targets()).containsExactly(0.5f, 2);
        assertThat(splits.reading()).isEqualTo("y_train holds a number a row to predict");
    }

    @Test
    void namesInUseAndArraysThatAreNot() throws IOException {
        Object[] medMnist = {
            "train_images",
            PIXELS,
            "train_labels",
            LABELS,
            "val_images",
            PIXELS,
            "val_labels",
            LABELS,
            "test_images",
            PIXELS,
            "test_labels",
            LABELS
        };
        Splits splits = DataReader.read(npz(medMnist));
        assertThat(splits.validation().labels()).containsExactly(1, 0);
        assertThat(splits.test().labels()).containsExactly(1, 0);
        assertThat(splits.reading()).isEmpty();
        splits =
                DataReader.read(
                        npz("X", PIXELS, "y", LABELS, "x_extra", PIXELS, "label_names", LABELS));
        assertThat(splits.train().labels()).containsExactly(1, 0);
        assertThat(splits.reading()).isEqualTo("not read: x_extra, label_names");
        Path file = folder.resolve("m.npz");
        refused(npz("x_train", PIXELS, "y_train", LABELS, "x_val", PIXELS))
                .hasMessageStartingWith(
                        file + " has no array y_val (it has x_train, y_train, x_val)");
        refused(npz("x", PIXELS, "x_train", PIXELS, "y", LABELS))
                .hasMessage(
                        file
                                + ": x and x_train could both be the train rows: leave one of them"
                                + " out");
        refused(npz("x_train", typed("<f4", "1, 2", 1, 2), "y_train", LABELS))
                .hasMessage(
                        file
                                + ": x_train has 1 rows, but y_train has 2 labels: rows are the first"
                                + " extent, save x_train.T");
        Path alone = Files.write(folder.resolve("x.npy"), PIXELS);
        refused(alone)
                .hasMessage(
                        alone
                                + " is one array, without labels: save rows and labels by"
                                + " numpy.savez(file, x_train=..., y_train=...)");
    }

    @Test
    void anExtentOfOneChannelIsNoExtent() throws IOException {
        int[] numbers = {1, 2, 3, 4, 5, 255};
        byte[] one = npy("|u1", "False", "1,", new byte[] {0});
        for (String shape : new String[] {"1, 1, 2, 3", "1, 2, 3, 1"}) {
            Dataset set = train("x_train", typed("|u1", shape, numbers), "y_train", one);
            assertThat(set.shape()).containsExactly(2, 3);
        }
        Dataset colour = train("x_train", typed("|u1", "1, 1, 2, 3", numbers), "y_train", one);
        assertThat(colour.pixels()).containsExactly(1, 2, 3, 4, 5, -1);
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
    void trainingTestingAndValidationFolders() throws IOException {
        image("d/Training/x/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 1);
        image("d/Training/y/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 4);
        image("d/testing/x/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 2);
        image("d/val/y/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 3);
        image("d/more/x/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 3);
        Files.writeString(folder.resolve("d/README.md"), "x");
        Splits splits = DataReader.read(folder.resolve("d"));
        assertThat(splits.train().value(1, 0)).isEqualTo(4);
        assertThat(splits.test().value(0, 0)).isEqualTo(2);
        assertThat(splits.validation().value(0, 0)).isEqualTo(3);
        assertThat(splits.validation().labels()).containsExactly(1); // as training numbers it
        assertThat(splits.reading()).isEqualTo("not read: 1 .md, 1 folder more");
        // inside the one folder that an archive was unpacked into
        assertThat(DataReader.read(folder).test().value(0, 0)).isEqualTo(2);
    }

    @Test
    void aPartWithoutClassFoldersIsNoPart() throws IOException {
        image("d/train/x/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 1);
        image("d/test/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 2);
        Splits splits = DataReader.read(folder.resolve("d"));
        assertThat(splits.test()).isNull();
        assertThat(splits.reading()).isEqualTo("not read: 1 folder test");
        image("e/train/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 1);
        image("e/test/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 1);
        Path unsorted = folder.resolve("e");
        refused(unsorted)
                .hasMessage(
                        unsorted
                                + ": there is no train folder in it with a folder of images for each"
                                + " class");
        image("e/bus/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 1);
        assertThat(DataReader.read(unsorted).train().classes())
                .containsExactly("bus", "test", "train");
    }

    @Test
    void whatIsNotReadIsCounted() throws IOException {
        image("p/cat/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 1);
        image("p/cat/black/old/2.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 2);
        image("p/dog/3.png", 2, 2, BufferedImage.TYPE_INT_RGB, 0xff0000);
        image("p/4.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 4);
        image("p/__MACOSX/cat/5.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 4);
        image("p/.hidden/6.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 4);
        for (String file : new String[] {"cat/a.webp", "cat/black/b.webp", "dog/notes", "c.TXT"}) {
            Files.writeString(folder.resolve("p").resolve(file), "x");
        }
        Path damaged = Files.writeString(folder.resolve("p/dog/0.jpg"), "no image");
        Files.writeString(folder.resolve("p/dog/.DS_Store"), "x");
        Splits splits = DataReader.read(folder.resolve("p"));
        assertThat(splits.train().classes()).containsExactly("cat", "dog");
        assertThat(splits.train().labels()).containsExactly(0, 0, 1);
        assertThat(splits.train().pixels()).containsExactly(1, 1, 1, 1, 2, 2, 2, 2, 76, 76, 76, 76);
        assertThat(splits.reading())
                .isEqualTo(
                        "1 of 3 images in colour, made grey; 1 of 3 images from folders in folders;"
                                + " not read: 1 unreadable (%s the first), 1 .png beside the folders,"
                                        .formatted(damaged)
                                + " 1 .txt, 2 .webp, 1 notes");
    }

    @Test
    void imagesToPredictAreScaledToTheModelsInput() throws IOException {
        image("a/small.png", 3, 2, BufferedImage.TYPE_BYTE_GRAY, 7);
        image("a/b/large.png", 30, 20, BufferedImage.TYPE_BYTE_GRAY, 9);
        Path high = folder.resolve("high.png");
        image("high.png", 2, 4, BufferedImage.TYPE_BYTE_GRAY, 5);
        ImageRows images = DataReader.images(List.of(high, folder.resolve("a")), List.of(2, 3));
        assertThat(images.rows().shape()).containsExactly(2, 3);
        assertThat(images.rows().pixels())
                .containsExactly(5, 5, 5, 5, 5, 5, 9, 9, 9, 9, 9, 9, 7, 7, 7, 7, 7, 7);
        assertThat(images.names())
                .containsExactly(
                        high.toString(),
                        folder.resolve("a/b/large.png").toString(),
                        folder.resolve("a/small.png").toString());
        assertThat(images.reading())
                .isEqualTo(
                        "2 of 3 images scaled to 3 x 2, proportions kept; 1 of 3 images from folders"
                                + " in folders");
        ImageRows one = DataReader.images(List.of(high), List.of(8));
        assertThat(one.names()).containsExactly("high.png");
        assertThat(one.rows().features()).isEqualTo(8);
        assertThat(one.reading()).isEmpty();
        Path empty = Files.createDirectory(folder.resolve("empty"));
        assertThatThrownBy(() -> DataReader.images(List.of(empty), List.of(2, 2)))
                .hasMessageStartingWith(empty + " has no images (");
    }

    @Test
    void linksAreFollowedButNotInCircles() throws IOException {
        image("p/cat/1.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 1);
        image("elsewhere/2.png", 2, 2, BufferedImage.TYPE_BYTE_GRAY, 2);
        Files.createSymbolicLink(folder.resolve("p/dog"), folder.resolve("elsewhere"));
        Path pets = folder.resolve("p");
        assertThat(DataReader.read(pets).train().pixels()).containsExactly(1, 1, 1, 1, 2, 2, 2, 2);
        Path circle = folder.resolve("p/cat/again");
        Files.createSymbolicLink(circle, folder.resolve("p/cat"));
        refused(pets)
                .hasMessage(
                        folder.resolve("p/cat")
                                + " cannot be listed: "
                                + circle
                                + " is a link to a folder that it is in");
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
        Files.delete(folder.resolve("p/b/1.png"));
        refused(folder.resolve("p"))
                .hasMessage(
                        folder.resolve("p/b")
                                + " has no images (PNG, JPEG, BMP or GIF): remove it, or fill it");
    }
}
