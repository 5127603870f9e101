package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;
import static org.quern.QuernException.usage;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.BiFunction;
import java.util.function.Predicate;

/** Reads data sets of any format that Quern knows, told apart by what is there. */
public final class DataReader {
    /** A format: what tells whether something is of it, and what reads it. */
    private record Format(Predicate<Path> is, BiFunction<Path, TableFormat, Splits> reader) {}

    /** All formats; the first that takes something for its own reads it. */
    private static final List<Format> FORMATS =
            List.of(
                    new Format(Mnist::isIn, (path, table) -> Mnist.load(path)),
                    new Format(Csv::isOne, Csv::read),
                    new Format(Npz::isOne, (path, table) -> Npz.read(path)),
                    new Format(ImageFolder::isOne, (path, table) -> ImageFolder.splits(path)));

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

    /**
     * Reads a data set as {@link #read(Path)} does; {@code table} is what is known of a CSV file.
     */
    public static Splits read(Path path, TableFormat table) {
        requireThere(path);
        for (Format format : FORMATS) {
            if (format.is.test(path)) {
                return format.reader.apply(path, table);
            }
        }
        throw Files.isDirectory(path)
                ? data(
                        "%s holds no data set: expected MNIST's four files (%s, ...), a folder of"
                                + " PNG images for each class, or train.csv",
                        path, Mnist.File.TRAIN_IMAGES.gzipped())
                : data(
                        "%s is of no known kind: give a folder with MNIST's four files, a folder of"
                                + " images for each class, an .npz or a .csv file",
                        path);
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
