package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.require;

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
     *   <li>a .csv or .tsv file, gzipped or not.
     * </ul>
     *
     * @throws org.quern.QuernException if it is none of these, or damaged
     */
    public static Splits read(Path path) {
        return read(path, TableFormat.UNKNOWN);
    }

    /** As {@link #read(Path)} does; {@code table} is what is known of a table. */
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
        String empty =
                "%s holds no data set: expected MNIST's four files (%s, ...), a folder of PNG images"
                        + " for each class, or train.csv";
        require(!Files.isDirectory(path), empty, path, Mnist.File.TRAIN_IMAGES.gzipped());
        String unknown =
                "%s is of no known kind: give a folder with MNIST's four files, a folder of images"
                        + " for each class, an .npz or a .csv file";
        throw data(unknown, path);
    }

    /** Whether a file's name is a table's. */
    public static boolean isTable(Path file) {
        return Csv.isFile(file);
    }

    /**
     * Rows of a table to predict, with or without a column of labels, and in it with or without
     * labels.
     *
     * @param table its label is looked for by name or index
     * @param features where no columns are known: how many a table without labels has
     * @return the rows, as those to train on
     * @throws org.quern.QuernException if it cannot be read, or lacks a column that is known
     */
    public static Splits rows(Path file, TableFormat table, int features) {
        requireThere(file);
        return Csv.rows(file, table, features);
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
            String field = fields[i].trim();
            values[i] = (float) Decimal.parse(field);
            boolean isNumber = Float.isFinite(values[i]);
            expect(isNumber, "CSV row: value %d is \"%s\", not a number", i, field);
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
