package org.quern.data;

import static org.quern.QuernException.copied;
import static org.quern.QuernException.data;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Reads data sets of any format that Quern knows, told apart by what is there. */
public final class DataReader {
    private DataReader() {}

    /**
     * Reads a data set:
     *
     * <ul>
     *   <li>a folder with IDX files called as MNIST's, EMNIST's or QMNIST's, raw or gzipped, or one
     *       of the files; {@code classes.txt} beside them names the classes, one a line;
     *   <li>a folder of image folders, one a class, or two such folders called train and test, with
     *       a third one called val;
     *   <li>a folder with train.csv and, if there, test.csv;
     *   <li>an .npz file with x_train, y_train and, if there, x_test, y_test, x_val, y_val;
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
        return read(path, table, false);
    }

    /**
     * As {@link #read(Path, TableFormat)} does.
     *
     * @param transpose whether images are stored column after column, as EMNIST's are
     */
    public static Splits read(Path path, TableFormat table, boolean transpose) {
        requireThere(path);
        Splits splits = source(path, table);
        if (transpose) {
            return splits.transposed();
        }
        Dataset train = splits.train();
        boolean isEmnist = train.name().toLowerCase(Locale.ROOT).contains("emnist");
        String hint = "EMNIST stores its images transposed: --transpose turns them";
        return isEmnist && train.shape().length == 2 && !ImageFolder.isOne(path)
                ? splits.saying(hint)
                : splits;
    }

    private static Splits source(Path path, TableFormat table) {
        List<IdxSet> sets = IdxSet.in(path, false);
        if (!sets.isEmpty()) {
            return IdxSet.read(path, sets);
        } else if (Csv.isOne(path)) {
            return Csv.read(path, given(table, "table"));
        } else if (isCalled(path, ".npz")) {
            return Npz.read(path);
        } else if (ImageFolder.isOne(path)) {
            return ImageFolder.splits(path);
        }
        sets = IdxSet.in(path, true);
        if (!sets.isEmpty()) {
            return IdxSet.read(path, sets);
        }
        String empty =
                "%s holds no data set: expected IDX files such as MNIST's (%s, ...), a folder of"
                        + " images for each class (%s), or train.csv";
        String images = Mnist.File.TRAIN_IMAGES.gzipped();
        require(!Files.isDirectory(path), empty, path, images, ImageFolder.KINDS);
        String alone = "%s is one array, without labels: " + Npz.SAVE;
        require(!isCalled(path, ".npy"), alone, path);
        String unknown =
                "%s is of no known kind: give a folder of IDX files such as MNIST's, a folder of images"
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
        return Csv.rows(file, given(table, "table"), features);
    }

    /**
     * Images to predict, each a row of pixels.
     *
     * @param paths image files, or folders of them
     * @param input the shape of a model's input; images of another size than such a one are {@link
     *     Normalizer#fit scaled} to it
     * @throws org.quern.QuernException if one cannot be read, or a folder has none
     */
    public static ImageRows images(List<Path> paths, List<Integer> input) {
        given(paths, "paths").forEach(DataReader::requireThere);
        expect(!paths.isEmpty(), "no images are given");
        return new ImageFolder().rows(paths, copied(input, "input shape"));
    }

    /**
     * One row as text, fields separated by commas: of known columns in their order, else finite
     * numbers.
     */
    public static Dataset row(String text, TableFormat table) {
        String[] fields = given(text, "text").split(",", -1);
        boolean known = given(table, "table").known() != null;
        List<Column> columns = (known ? table.known() : Header.unnamed(fields.length, 0)).inputs();
        List<String> names = columns.stream().map(Column::name).toList();
        String other = "CSV row: %d values, but the model takes %d: %s";
        int count = columns.size();
        expect(fields.length == count, other, fields.length, count, Columns.shown(names));
        List<Column> taken = new ArrayList<>();
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            String field = fields[i].trim();
            Column column = columns.get(i);
            taken.add(column.isCategory() ? new Column(column.name(), List.of(field), 0) : column);
            if (known && table.isGap(field)) {
                values[i] = Float.NaN;
            } else if (!column.isCategory()) {
                values[i] = (float) (Decimal.parse(field) - column.offset());
                String none = "CSV row: value %d is \"%s\", not a number";
                expect(Float.isFinite(values[i]), none, i + 1, field);
            }
        }
        return Dataset.ofTable("the CSV row", new Header(taken, List.of()), values);
    }

    /** Whether a path's name ends so, in capital letters or small ones. */
    static boolean isCalled(Path path, String end) {
        return !Files.isDirectory(given(path, "path"))
                && path.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(end);
    }

    static void requireThere(Path path) {
        boolean isUrl = given(path, "path").toString().matches("(?i)(.*/)?(https?|s3|gs|ftp):/.*");
        String cure = isUrl ? ": a URL is not read; download it and give the file" : "";
        require(Files.exists(path), "%s does not exist%s", path, cure);
    }
}
