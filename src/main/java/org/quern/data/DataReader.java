package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;
import static org.quern.QuernException.usage;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Reads data sets of any format that Quern knows, told apart by what is there. */
public final class DataReader {
    private DataReader() {}

    /**
     * Reads a data set:
     *
     * <ul>
     *   <li>a folder with MNIST's four IDX files, raw or gzipped;
     *   <li>a folder of image folders, one a class, or two such folders called train and test;
     *   <li>a folder with train.csv and, if there, test.csv;
     *   <li>an .npz file with x_train, y_train and, if there, x_test, y_test;
     *   <li>a .csv file.
     * </ul>
     *
     * @throws org.quern.QuernException if it is none of these, or damaged
     */
    public static Splits read(Path path) {
        return read(path, TableFormat.UNKNOWN);
    }

    /** As {@link #read(Path)} does; {@code table} is what is known of a CSV file. */
    public static Splits read(Path path, TableFormat table) {
        requireThere(path);
        if (Mnist.isIn(path)) {
            return Mnist.load(path);
        } else if (Csv.isOne(path)) {
            return Csv.read(path, table);
        } else if (isCalled(path, ".npz")) {
            return Npz.read(path);
        } else if (ImageFolder.isOne(path)) {
            return ImageFolder.splits(path);
        }
        throw data(
                Files.isDirectory(path)
                        ? "%s holds no data set: expected MNIST's four files (%s, ...), a folder of"
                                + " PNG images for each class, or train.csv"
                        : "%s is of no known kind: give a folder with MNIST's four files, a folder"
                                + " of images for each class, an .npz or a .csv file",
                path,
                Mnist.File.TRAIN_IMAGES.gzipped());
    }

    /**
     * Rows of a CSV file to predict, with or without a column of labels, and in it with or without
     * labels.
     *
     * @param table its label is looked for by name or index; where it is not there, a table of so
     *     many columns as {@code features} has values alone
     * @return the rows, as those to train on
     * @throws org.quern.QuernException if it cannot be read
     */
    public static Splits rows(Path csv, TableFormat table, int features) {
        requireThere(csv);
        return Csv.rows(csv, table, features);
    }

    /** One image as a row of pixels. */
    public static Dataset image(Path file) {
        requireThere(file);
        return ImageFolder.image(file);
    }

    /** One row as text: finite numbers separated by commas. */
    public static Dataset row(String text) {
        String[] fields = text.split(",", -1);
        float[] values = new float[fields.length];
        for (int i = 0; i < fields.length; i++) {
            values[i] = (float) Decimal.parse(fields[i].trim());
            if (!Float.isFinite(values[i])) {
                throw usage("CSV row: value %d is \"%s\", not a number", i, fields[i].trim());
            }
        }
        return Dataset.ofValues("the CSV row", new int[] {fields.length}, values);
    }

    /** Whether a path's name ends so, in capital letters or small ones. */
    static boolean isCalled(Path path, String end) {
        return !Files.isDirectory(path)
                && path.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(end);
    }

    static void requireThere(Path path) {
        require(Files.exists(path), "%s does not exist", path);
    }
}
