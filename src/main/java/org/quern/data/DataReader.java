package org.quern.data;

import static org.quern.QuernException.data;

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

    /**
     * Reads a data set, as {@link #read(Path)} does.
     *
     * @param format for CSV, what is known of it
     * @throws org.quern.QuernException if it is of no known kind, or damaged
     */
    public static Splits read(Path path, TableFormat format) {
        if (!Files.exists(path)) {
            throw data("%s does not exist", path);
        }
        if (Files.isDirectory(path)) {
            return folder(path, format);
        }
        String name = path.getFileName().toString();
        String lower = name.toLowerCase(Locale.ROOT);
        if (lower.endsWith(".npz")) {
            return Npz.read(path);
        }
        if (lower.endsWith(".csv")) {
            return splits(Csv.read(path, format, name), path);
        }
        throw data(
                "%s is of no known kind: give a folder with MNIST's four files, a folder of images"
                        + " for each class, an .npz or a .csv file",
                path);
    }

    private static Splits splits(Csv.Table table, Path path) {
        return new Splits(table.rows(), null, path.toString(), table.label(), table.reading());
    }

    /**
     * Rows of a CSV file to predict, with or without a column of labels, and in it with or without
     * labels.
     *
     * @param format its label is looked for by name or index; where it is not there, a table of so
     *     many columns as {@code features} has values alone
     * @return the rows, as those to train on
     * @throws org.quern.QuernException if it cannot be read
     */
    public static Splits rows(Path csv, TableFormat format, int features) {
        if (!Files.exists(csv)) {
            throw data("%s does not exist", csv);
        }
        return splits(Csv.rows(csv, format, features, csv.getFileName().toString()), csv);
    }

    /**
     * One image as a row of pixels.
     *
     * @throws org.quern.QuernException if it cannot be read
     */
    public static Dataset image(Path file) {
        if (!Files.exists(file)) {
            throw data("%s does not exist", file);
        }
        ImageFolder.Grey grey = ImageFolder.image(file);
        return Dataset.ofPixels(
                file.getFileName().toString(),
                new int[] {grey.height(), grey.width()},
                grey.pixels());
    }

    private static Splits tables(Path trainFile, Path testFile, TableFormat format, Path folder) {
        Csv.Table train = Csv.read(trainFile, format, trainFile.getFileName().toString());
        if (!Files.isRegularFile(testFile)) {
            return splits(train, folder);
        }
        Csv.Table test = Csv.readLike(train, testFile, format, testFile.getFileName().toString());
        if (!train.columns().isEmpty()
                && !test.columns().isEmpty()
                && !train.columns().equals(test.columns())) {
            int first = 0;
            while (first < Math.min(train.columns().size(), test.columns().size())
                    && train.columns().get(first).equals(test.columns().get(first))) {
                first++;
            }
            throw data(
                    "%s and %s differ from column %d on (%s, %s): give them the same columns in the"
                            + " same order",
                    trainFile, testFile, first + 1, column(train, first), column(test, first));
        }
        String reading =
                test.reading().equals(train.reading())
                        ? train.reading()
                        : train.reading() + "; " + testFile.getFileName() + ": " + test.reading();
        return new Splits(train.rows(), test.rows(), folder.toString(), train.label(), reading);
    }

    private static String column(Csv.Table table, int index) {
        return index < table.columns().size() ? '"' + table.columns().get(index) + '"' : "none";
    }

    private static Splits folder(Path folder, TableFormat format) {
        if (Mnist.isIn(folder)) {
            return Mnist.load(folder);
        }
        Path csv = folder.resolve("train.csv");
        if (Files.isRegularFile(csv)) {
            return tables(csv, folder.resolve("test.csv"), format, folder);
        }
        Path train = folder.resolve("train");
        if (Files.isDirectory(train) && ImageFolder.isOne(train)) {
            Path test = folder.resolve("test");
            boolean tested = Files.isDirectory(test) && ImageFolder.isOne(test);
            return new Splits(
                    ImageFolder.read(train, "train"),
                    tested ? ImageFolder.read(test, "test") : null,
                    folder.toString());
        }
        if (ImageFolder.isOne(folder)) {
            return new Splits(
                    ImageFolder.read(folder, folder.getFileName().toString()),
                    null,
                    folder.toString());
        }
        throw data(
                "%s holds no data set: expected MNIST's four files (%s, ...), a folder of PNG"
                        + " images for each class, or train.csv",
                folder, Mnist.File.TRAIN_IMAGES.gzipped());
    }
}
