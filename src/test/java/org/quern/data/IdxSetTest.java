package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.quern.data.IdxTest.gzip;
import static org.quern.data.IdxTest.typed;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.QuernException;

/** Data sets of IDX files under the names and in the folders that are in use. */
class IdxSetTest {
    @TempDir Path folder;

    private Path write(String path, byte[] bytes) throws IOException {
        Path file = folder.resolve(path);
        Files.createDirectories(file.getParent());
        return Files.write(file, path.endsWith(".gz") ? gzip(bytes) : bytes);
    }

    /** Images of 1 × 2 pixels, the first of which is the label. */
    private static byte[] images(double... labels) {
        double[] pixels =
                IntStream.range(0, 2 * labels.length).mapToDouble(i -> labels[i / 2]).toArray();
        return typed(8, new int[] {labels.length, 1, 2}, pixels);
    }

    private static byte[] labels(double... labels) {
        return typed(8, new int[] {labels.length}, labels);
    }

    /** Both files of a part, their names made of a text with WHAT in it. */
    private void part(String pattern, double... labels) throws IOException {
        write(pattern.replace("WHAT", "images-idx3"), images(labels));
        write(pattern.replace("WHAT", "labels-idx1"), labels(labels));
    }

    private AbstractThrowableAssert<?, ?> refused(Path path) {
        return assertThatThrownBy(() -> DataReader.read(path))
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.DATA));
    }

    @Test
    void classesAreTheLabelsThatAreThere() throws IOException {
        for (int classes : new int[] {26, 47, 62}) {
            double[] numbers = IntStream.rangeClosed(1, classes).asDoubleStream().toArray();
            part("train-WHAT-ubyte", numbers);
            part("t10k-WHAT-ubyte", 3, classes);
            Splits splits = DataReader.read(folder);
            assertThat(splits.train().classes()).hasSize(classes).startsWith("1", "2");
            assertThat(splits.test().classes()).isEqualTo(splits.train().classes());
            assertThat(splits.test().labels()).containsExactly(2, classes - 1);
        }
    }

    @Test
    void emnistIsFoundByItsNames() throws IOException {
        part("emnist-letters-train-WHAT-ubyte.gz", 1, 2, 2);
        part("emnist-letters-test-WHAT-ubyte.gz", 2);
        write("emnist-letters-mapping.txt", new byte[] {1});
        Splits splits = DataReader.read(folder);
        assertThat(splits.description()).isEqualTo("emnist-letters in " + folder);
        assertThat(splits.train().name()).isEqualTo("emnist-letters train");
        assertThat(splits.train().labels()).containsExactly(0, 1, 1);
        assertThat(splits.test().labels()).containsExactly(1);
        assertThat(splits.reading())
                .isEqualTo("EMNIST stores its images transposed: --transpose turns them");
        Splits turned = DataReader.read(folder, TableFormat.UNKNOWN, true);
        assertThat(turned.train().shape()).containsExactly(2, 1);
        assertThat(turned.test().shape()).containsExactly(2, 1);
        assertThat(turned.reading()).isEqualTo("images transposed");
    }

    @Test
    void ofSeveralSetsAFileChoosesOne() throws IOException {
        part("emnist-letters-train-WHAT-ubyte.gz", 1, 2);
        part("emnist-digits-train-WHAT-ubyte.gz", 0, 1, 2);
        Path digits = folder.resolve("emnist-digits-train-images-idx3-ubyte.gz");
        refused(folder)
                .hasMessage(
                        folder
                                + " holds 2 data sets (emnist-digits, emnist-letters): give a file of"
                                + " the one that you want, such as "
                                + digits);
        assertThat(DataReader.read(digits).train().classes()).containsExactly("0", "1", "2");
        Path letters = folder.resolve("emnist-letters-train-labels-idx1-ubyte.gz");
        assertThat(DataReader.read(letters).train().classes()).containsExactly("1", "2");
    }

    @Test
    void filesOfNoWholeSetAreNamed() throws IOException {
        part("a-train-WHAT-ubyte", 1, 2);
        write("b-test-images-idx3-ubyte", images(1));
        assertThat(DataReader.read(folder).reading())
                .isEqualTo("not read: b-test-images-idx3-ubyte");
        Path unlabelled = write("a-test-images-idx3-ubyte", images(1));
        refused(folder).hasMessage(unlabelled + " is there, but no labels of the same name");
        Path alone = folder.resolve("b-test-images-idx3-ubyte");
        refused(alone)
                .hasMessage(folder + " holds no images to train on, only b-test-images-idx3-ubyte");
    }

    @Test
    void qmnistsLabelsAreTheFirstOfEightColumns() throws IOException {
        int[] extents = {2, 8};
        double[] columns = {7, 100, 0, 1, 2, 3, 4, 5, 2, 100, 1, 7, 6, 5, 4, 3};
        write("qmnist-train-images-idx3-ubyte.gz", images(7, 2));
        write("qmnist-train-labels-idx2-int.gz", typed(0xc, extents, columns));
        write("qmnist-test-images-idx3-ubyte.gz", images(7));
        write("qmnist-test-labels-idx1-ubyte", labels(7));
        Splits splits = DataReader.read(folder);
        assertThat(splits.description()).isEqualTo("qmnist in " + folder);
        assertThat(splits.train().classes()).containsExactly("2", "7");
        assertThat(splits.train().labels()).containsExactly(1, 0);
        assertThat(splits.test().labels()).containsExactly(1);
        assertThat(splits.reading()).isEqualTo("classes are the first of QMNIST's 8 columns");
    }

    @Test
    void torchvisionsFolders() throws IOException {
        part("root/FashionMNIST/raw/train-WHAT-ubyte", 0, 1);
        part("root/FashionMNIST/raw/t10k-WHAT-ubyte", 1);
        Splits splits = DataReader.read(folder.resolve("root"));
        assertThat(splits.description())
                .isEqualTo(folder.resolve("root/FashionMNIST/raw").toString());
        assertThat(splits.train().name()).isEqualTo("FashionMNIST train");
        part("root/KMNIST/raw/train-WHAT-ubyte", 0, 1, 2);
        refused(folder.resolve("root"))
                .hasMessageContaining(" holds 2 data sets (FashionMNIST, KMNIST): ");
        Splits other = DataReader.read(folder.resolve("root/KMNIST"));
        assertThat(other.train().rows()).isEqualTo(3);
    }

    @Test
    void filesInFoldersOfTheirNames() throws IOException {
        for (String what : List.of("train-images-idx3-ubyte", "t10k-images-idx3-ubyte")) {
            write(what + "/" + what, images(3, 4));
            String labels = what.replace("images-idx3", "labels-idx1");
            write(labels + "/" + labels, labels(3, 4));
        }
        assertThat(DataReader.read(folder).test().rows()).isEqualTo(2);
        Path file = folder.resolve("train-images-idx3-ubyte");
        assertThat(DataReader.read(file.resolve(file.getFileName())).test().rows()).isEqualTo(2);
    }

    @Test
    void validationRowsAndFloats() throws IOException {
        write("x-train-images-idx2-float", typed(0xd, new int[] {2, 3}, 1, 2, 3, 4, 5, 6.5));
        write("x-train-labels-idx1-double", typed(0xe, new int[] {2}, 0.5, 2));
        write("x-validation-images-idx2-float", typed(0xd, new int[] {1, 3}, 1, 2, 3));
        write("x-validation-labels-idx1-double", typed(0xe, new int[] {1}, 2));
        Splits splits = DataReader.read(folder);
        assertThat(splits.train().values()).containsExactly(1, 2, 3, 4, 5, 6.5f);
        assertThat(splits.train().targets()).containsExactly(0.5f, 2);
        assertThat(splits.validation().targets()).containsExactly(2);
    }

    @Test
    void classesTxtNamesTheClasses() throws IOException {
        part("train-WHAT-ubyte", 2, 0);
        part("t10k-WHAT-ubyte", 1);
        Path names = folder.resolve("classes.txt");
        Files.writeString(names, "top\n bag \ncoat\nshoe\n\n");
        Splits splits = DataReader.read(folder);
        assertThat(splits.train().classes()).containsExactly("top", "bag", "coat", "shoe");
        assertThat(splits.train().labels()).containsExactly(2, 0);
        assertThat(splits.test().label(0)).isEqualTo("bag");
        assertThat(splits.reading()).isEqualTo("classes named by classes.txt");
        Files.writeString(names, "top\nbag");
        refused(folder).hasMessage(names + " names 2 classes, but labels go from 0 to 2");
        Files.writeString(names, "top\nbag\ntop");
        refused(folder).hasMessage(names + ": give each class a name of its own, one a line");
        Files.writeString(names, "A\nB\nC");
        part("train-WHAT-ubyte", 3, 1);
        part("t10k-WHAT-ubyte", 2);
        splits = DataReader.read(folder);
        assertThat(splits.train().label(0)).isEqualTo("C");
        assertThat(splits.test().label(0)).isEqualTo("B");
    }

    @Test
    void signedBytesAreSaid() throws IOException {
        write("train-images-idx3-ubyte", typed(9, new int[] {2, 1, 2}, 0, -1, 0, 1));
        write("train-labels-idx1-ubyte", labels(0, 1));
        assertThat(DataReader.read(folder).reading())
                .isEqualTo(
                        "images are signed bytes (IDX type 9): if they are pixels, 0 to 255, the"
                                + " type must be 8");
    }
}
