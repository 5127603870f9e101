package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * A zip of NumPy arrays: x_train and y_train as in Keras' mnist.npz or train_images and
 * train_labels as in MedMNIST's, the same for test and val if there, or X and y alone.
 */
final class Npz {
    private static final Pattern NAME =
            Pattern.compile(
                    "(?:(?<before>train|test|val)_)?(?:(?<x>x|images|data)|y|labels|targets?)"
                            + "(?:_(?<after>train|test|val))?",
                    Pattern.CASE_INSENSITIVE);

    /** How a file is made that can be read. */
    static final String SAVE =
            "save rows and labels by numpy.savez(file, x_train=..., y_train=...)";

    private Npz() {}

    /** The rows of a part and what they are labelled with. */
    private record Part(String rowsName, TypedArray rows, String labelsName, TypedArray labels) {
        int count() {
            return rows.shape()[0];
        }

        boolean isOfClasses() {
            return labels.isOfClasses(count());
        }
    }

    static Splits read(Path file) {
        try (ZipFile zip = new ZipFile(file.toFile())) {
            return read(zip, file);
        } catch (EOFException e) {
            throw data(e, "%s is truncated: save it again", e.getMessage());
        } catch (IOException | IllegalArgumentException e) { // the latter of texts in no UTF-8
            throw data(e, "%s cannot be read as a zip of arrays (%s)", file, e.getMessage());
        }
    }

    private static Splits read(ZipFile zip, Path file) throws IOException {
        Map<String, String> names = new TreeMap<>(); // of arrays, by "train x", "test y" and so on
        List<String> notes = new ArrayList<>();
        for (ZipEntry entry : zip.stream().toList()) {
            String name = nameOf(entry);
            Matcher is = NAME.matcher(name);
            boolean known =
                    is.matches() && (is.group("before") == null || is.group("after") == null);
            known &= !name.equals(entry.getName());
            if (known) {
                String before = is.group("before");
                String part = before == null ? is.group("after") : before;
                part = part == null ? "train" : part.toLowerCase(Locale.ROOT);
                String role = part + (is.group("x") == null ? " y" : " x");
                String other = names.put(role, name);
                String twice = "%s: %s and %s could both be the %s: leave one of them out";
                String what = is.group("x") == null ? "labels" : "rows";
                require(other == null, twice, file, other, name, part + " " + what);
            } else {
                notes.add(name);
            }
        }
        String needed = "%s has no array %s (it has %s): " + SAVE;
        String all = zip.stream().map(Npz::nameOf).collect(Collectors.joining(", "));
        Map<String, Part> parts = new TreeMap<>();
        for (String part : List.of("train", "test", "val")) {
            String x = names.get(part + " x");
            String y = names.get(part + " y");
            if (part.equals("train") || x != null || y != null) {
                require(x != null, needed, file, "x_" + part, all);
                require(y != null, needed, file, "y_" + part, all);
                parts.put(part, part(zip, file, x, y));
            }
        }
        if (!notes.isEmpty()) {
            String unread = "not read: " + String.join(", ", notes);
            notes.clear();
            notes.add(unread);
        }
        boolean asClasses = parts.values().stream().allMatch(Part::isOfClasses);
        Part train = parts.get("train");
        int width = train.labels.width(train.count());
        if (width > 1 || !asClasses) {
            String what = width == 1 ? "a number" : width + " numbers";
            String targets = "%s holds %s a row to predict".formatted(train.labelsName, what);
            notes.add(0, asClasses ? train.labelsName + " is one-hot" : targets);
        }
        Map<String, Dataset> sets = new TreeMap<>();
        parts.forEach(
                (name, part) -> {
                    Dataset rows = part.rows.rows(file.getFileName() + " " + name, false);
                    sets.put(name, part.labels.label(rows, asClasses));
                });
        return new Splits(
                sets.get("train"), sets.get("val"), sets.get("test"), file.toString(), notes);
    }

    private static String nameOf(ZipEntry entry) {
        return entry.getName().replaceFirst("\\.npy$", "");
    }

    private static Part part(ZipFile zip, Path file, String xName, String yName)
            throws IOException {
        TypedArray x = array(zip, file, xName);
        TypedArray y = array(zip, file, yName);
        String texts = "%s: %s holds texts, not numbers";
        require(!x.isText(), texts, file, xName);
        String narrow = "%s: %s has shape %s; it needs rows of at least one value";
        String extents = Arrays.toString(x.shape());
        require(x.shape().length > 1 && x.count() > 0, narrow, file, xName, extents);
        int rows = x.shape()[0];
        int labels = y.shape().length == 0 ? y.count() : y.shape()[0];
        int width = y.width(rows);
        boolean lying = width == 0 && x.shape()[x.shape().length - 1] == labels;
        String mend = lying ? ": rows are the first extent, save " + xName + ".T" : "";
        String others = "%s: %s has %,d rows, but %s has %,d labels" + mend;
        require(width > 0, others, file, xName, rows, yName, labels);
        String wide = "%s: %s holds %d texts a row, give one";
        require(width == 1 || !y.isText(), wide, file, yName, width);
        return new Part(xName, x, yName, y);
    }

    private static TypedArray array(ZipFile zip, Path file, String name) throws IOException {
        ZipEntry entry = zip.getEntry(name + ".npy");
        long inflated = entry.getCompressedSize() * Idx.MOST_INFLATION;
        long most = Math.min(inflated, Integer.MAX_VALUE - 16);
        try (var in = new BufferedInputStream(zip.getInputStream(entry), 1 << 16)) {
            return new NpyReader(file + " " + name, most).read(in);
        }
    }
}
