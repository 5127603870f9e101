package org.quern.data;

import static org.quern.QuernException.data;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.quern.QuernException;

/**
 * Keras' mnist.npz and its like: a zip of the arrays x_train, y_train and, if there, x_test,
 * y_test.
 */
final class Npz {
    private static final long MOST_INFLATION = 1032;
    private static final int MOST_CLASSES = 1 << 16;

    private Npz() {}

    static Splits read(Path file) {
        try (ZipFile zip = new ZipFile(file.toFile())) {
            Dataset train = labelled(zip, file, "train");
            Dataset test = zip.getEntry("x_test.npy") == null ? null : labelled(zip, file, "test");
            return new Splits(train, test, file.toString());
        } catch (EOFException e) {
            throw new QuernException(
                    QuernException.Kind.DATA, e.getMessage() + " is truncated: save it again", e);
        } catch (IOException e) {
            throw new QuernException(
                    QuernException.Kind.DATA,
                    file + " cannot be read as a zip of arrays (" + e.getMessage() + ")",
                    e);
        }
    }

    private static Dataset labelled(ZipFile zip, Path file, String split) throws IOException {
        Npy x = array(zip, file, "x_" + split);
        Npy y = array(zip, file, "y_" + split);
        String name = file.getFileName() + " " + split;
        if (x.shape().length < 2 || x.count() == 0) {
            throw data(
                    "%s: x_%s has shape %s; it needs rows of at least one value",
                    file, split, Arrays.toString(x.shape()));
        }
        if (y.count() != x.shape()[0]) {
            throw data(
                    "%s: x_%s has %,d rows, but y_%s has %,d labels",
                    file, split, x.shape()[0], split, y.count());
        }
        List<String> labels = new ArrayList<>();
        for (int row = 0; row < y.count(); row++) {
            double label = y.value(row);
            if ((int) label != label || label < 0 || label >= MOST_CLASSES) {
                throw data(
                        "%s: y_%s[%d] is %s, which is not a class number from 0",
                        file, split, row, label);
            }
            labels.add(Integer.toString((int) label));
        }
        return Classes.label(features(x, name), labels);
    }

    private static Dataset features(Npy x, String name) {
        int[] shape =
                x.shape().length == 2
                        ? Pixels.shape(x.shape()[1])
                        : Arrays.copyOfRange(x.shape(), 1, x.shape().length);
        if (x.type().equals("u1") && Pixels.are(shape, x.bytes())) {
            return Dataset.ofPixels(name, shape, x.bytes());
        }
        float[] values = new float[x.count()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) x.value(i);
        }
        return Pixels.dataset(name, shape, values);
    }

    private static Npy array(ZipFile zip, Path file, String name) throws IOException {
        ZipEntry entry = zip.getEntry(name + ".npy");
        if (entry == null) {
            throw data(
                    "%s has no array %s: it needs x_train and y_train, and x_test with y_test",
                    file, name);
        }
        long most = Math.min(entry.getCompressedSize() * MOST_INFLATION, Integer.MAX_VALUE - 16);
        try (var in = new BufferedInputStream(zip.getInputStream(entry), 1 << 16)) {
            return Npy.read(in, file + " " + name, most);
        }
    }
}
