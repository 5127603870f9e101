package org.quern.data;

import static org.quern.QuernException.data;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Reads data sets of any format that Quern knows, told apart by what is there. */
public final class Source {
    private Source() {}

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
     * @param label for CSV, name or index of the label's column; null to find it
     * @throws org.quern.QuernException if it is none of these, or damaged
     */
    public static Splits read(Path path, String label) {
        if (!Files.exists(path)) {
            throw data("%s does not exist", path);
        }
        if (Files.isDirectory(path)) {
            return folder(path, label);
        }
        String name = path.getFileName().toString();
        String lower = name.toLowerCase(Locale.ROOT);
        if (lower.endsWith(".npz")) {
            return Npz.read(path);
        }
        if (lower.endsWith(".csv")) {
            return new Splits(Csv.read(path, label, name), null, path.toString());
        }
        throw data(
                "%s is of no known kind: give a folder with MNIST's four files, a folder of images"
                        + " for each class, an .npz or a .csv file",
                path);
    }

    /**
     * Rows of a CSV file to predict, with or without a column of labels.
     *
     * @param label name or index of the label's column; null to find it, unless there are so many
     *     columns as {@code features}, which then are all values
     * @throws org.quern.QuernException if it cannot be read
     */
    public static Dataset rows(Path csv, String label, int features) {
        if (!Files.exists(csv)) {
            throw data("%s does not exist", csv);
        }
        return Csv.read(csv, label, label == null ? features : 0, csv.getFileName().toString());
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

    private static Splits folder(Path folder, String label) {
        if (Mnist.isIn(folder)) {
            return Mnist.load(folder);
        }
        Path csv = folder.resolve("train.csv");
        if (Files.isRegularFile(csv)) {
            Path test = folder.resolve("test.csv");
            return new Splits(
                    Csv.read(csv, label, "train.csv"),
                    Files.isRegularFile(test) ? Csv.read(test, label, "test.csv") : null,
                    folder.toString());
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
