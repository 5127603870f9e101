package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.quern.QuernException;

/**
 * A data set of IDX files in a folder: images and labels to train on and, if there, to test and to
 * validate on. Files are called as MNIST's, EMNIST's or QMNIST's are, such as {@code
 * emnist-letters-train-images-idx3-ubyte.gz}; each may be in a folder of its own name.
 */
final class IdxSet {
    private static final Pattern NAME =
            Pattern.compile(
                    "(?<set>.*?)[-_.]?(?:(?<train>train)|(?<test>t10k|test)|val(?:id(?:ation)?)?)"
                            + "[-_.](?<what>images|labels)[-_.]idx\\d[-_.]\\w+(?:\\.gz)?",
                    Pattern.CASE_INSENSITIVE);

    /** How far below a folder sets are looked for: torchvision's are in MNIST/raw. */
    private static final int DEPTH = 3;

    /** Where torchvision unpacks into, which says nothing of the data. */
    private static final String RAW = "raw";

    private static final int QMNIST_COLUMNS = 8;

    private final Path folder;
    private final String prefix;

    /** Files by "train images", "test labels" and so on. */
    private final Map<String, Path> files = new TreeMap<>();

    private IdxSet(Path folder, String prefix) {
        this.folder = folder;
        this.prefix = prefix;
    }

    /**
     * The sets in a folder, or the one that a file of it belongs to.
     *
     * @param below whether those in folders of the folder are meant, too
     */
    static List<IdxSet> in(Path path, boolean below) {
        Matcher name = NAME.matcher(String.valueOf(path.getFileName()));
        if (!Files.isDirectory(path)) {
            return name.matches() ? of(path, name.group("set")) : List.of();
        }
        if (!below) {
            return at(path);
        }
        return ImageFolder.within(path, DEPTH).stream()
                .filter(Files::isDirectory)
                .flatMap(folder -> at(folder).stream())
                .toList();
    }

    private static List<IdxSet> of(Path file, String prefix) {
        Path folder = file.toAbsolutePath().normalize().getParent();
        boolean inOwn = folder.getFileName() != null && folder.endsWith(file.getFileName());
        return at(inOwn ? folder.getParent() : folder).stream()
                .filter(set -> set.prefix.equals(prefix))
                .toList();
    }

    private static List<IdxSet> at(Path folder) {
        Map<String, IdxSet> sets = new TreeMap<>();
        for (Path child : ImageFolder.children(folder)) {
            Matcher name = NAME.matcher(child.getFileName().toString());
            if (name.matches()) {
                Path file = Files.isDirectory(child) ? child.resolve(child.getFileName()) : child;
                if (Files.isRegularFile(file)) {
                    String part = name.group("train") != null ? "train" : "validation";
                    part = name.group("test") != null ? "test" : part;
                    String what = name.group("what").toLowerCase(Locale.ROOT);
                    String set = name.group("set");
                    sets.computeIfAbsent(set, prefix -> new IdxSet(folder, prefix))
                            .files
                            .merge(part + " " + what, file, IdxSet::gzipped);
                }
            }
        }
        return List.copyOf(sets.values());
    }

    /** Of two files with the same contents, in the order of their names, the gzipped one. */
    private static Path gzipped(Path first, Path second) {
        return second.toString().equals(first + ".gz") ? second : first;
    }

    /** The one that can be trained on, read; refused if there are more. */
    static Splits read(Path path, List<IdxSet> sets) {
        List<IdxSet> whole = sets.stream().filter(IdxSet::isWhole).toList();
        if (whole.size() > 1) {
            String titles = whole.stream().map(IdxSet::title).collect(Collectors.joining(", "));
            String text =
                    "%s holds %d data sets (%s): give a file of the one that you want, such as %s";
            throw data(text, path, whole.size(), titles, whole.get(0).files.get("train images"));
        }
        IdxSet one = whole.isEmpty() ? sets.get(0) : whole.get(0);
        List<String> others = sets.stream().filter(set -> set != one).map(IdxSet::names).toList();
        return one.read(others.isEmpty() ? "" : "not read: " + String.join(", ", others));
    }

    private String names() {
        Stream<Path> names = files.values().stream().map(Path::getFileName);
        return names.map(Path::toString).collect(Collectors.joining(", "));
    }

    private boolean isWhole() {
        return files.keySet().containsAll(Set.of("train images", "train labels"));
    }

    /** What the set is called: as its files are, or its folder. */
    private String title() {
        Path at = folder.toAbsolutePath().normalize();
        while (at.endsWith(RAW) && at.getNameCount() > 1) {
            at = at.getParent();
        }
        return prefix.isEmpty() ? String.valueOf(at.getFileName()) : prefix;
    }

    /** The parts of a set as they were read. */
    private record Part(Idx images, Idx labels) {
        static Part of(Map<String, Path> files, String part) {
            Path imageFile = files.get(part + " images");
            Path labelFile = files.get(part + " labels");
            Idx images = Idx.images(imageFile);
            Idx labels = Idx.labels(labelFile);
            int rows = images.array().shape()[0];
            int count = labels.array().shape()[0];
            String text = "%s has %,d images, but %s has %,d labels: they do not belong together";
            require(rows == count, text, imageFile, rows, labelFile, count);
            return new Part(images, labels);
        }

        boolean isMnist() {
            return Mnist.hasFile(images.crc()) && Mnist.hasFile(labels.crc());
        }

        int rows() {
            return images.array().shape()[0];
        }

        boolean isQmnist() {
            return labels.array().width(rows()) == QMNIST_COLUMNS
                    && !labels.array().isOneHot(rows());
        }

        /** What the rows are labelled with: of QMNIST's columns, the first. */
        TypedArray labelling() {
            return isQmnist() ? labels.array().column(0, rows()) : labels.array();
        }

        boolean isOfClasses() {
            return labelling().isOfClasses(rows());
        }
    }

    private Splits read(String reading) {
        for (String part : List.of("train", "test", "validation")) {
            Path images = files.get(part + " images");
            Path labels = files.get(part + " labels");
            Path there = images == null ? labels : images;
            boolean paired = (images == null) == (labels == null);
            String lacks = images == null ? "images" : "labels";
            require(paired, "%s is there, but no %s of the same name", there, lacks);
            boolean trains = there != null || !part.equals("train");
            require(trains, "%s holds no images to train on, only %s", folder, names());
        }
        var trained = CompletableFuture.supplyAsync(() -> Part.of(files, "train"));
        Map<String, Part> parts = new TreeMap<>();
        for (String part : List.of("test", "validation")) {
            if (files.containsKey(part + " images")) {
                parts.put(part, Part.of(files, part));
            }
        }
        parts.put("train", QuernException.join(trained));
        boolean isMnist = parts.values().stream().allMatch(Part::isMnist);
        boolean asClasses = parts.values().stream().allMatch(Part::isOfClasses);
        String title = isMnist ? "MNIST" : title();
        Map<String, Dataset> sets = new TreeMap<>();
        Set<String> notes = new LinkedHashSet<>();
        parts.forEach(
                (name, part) -> {
                    TypedArray images = part.images.array();
                    Dataset rows = images.rows(title + " " + name, true);
                    sets.put(name, part.labelling().label(rows, asClasses));
                    if (images.type().equals("i1")) {
                        notes.add(
                                "images are signed bytes (IDX type 9): if they are pixels, 0 to"
                                        + " 255, the type must be 8");
                    }
                    if (part.isQmnist()) {
                        notes.add("classes are the first of QMNIST's 8 columns");
                    }
                });
        Path names = folder.resolve("classes.txt");
        if (asClasses && Files.exists(names)) {
            nameClasses(sets, names);
            notes.add("classes named by classes.txt");
        }
        if (!reading.isEmpty()) {
            notes.add(reading);
        }
        boolean called = prefix.isEmpty() && !isMnist;
        return new Splits(
                sets.get("train"),
                sets.get("validation"),
                sets.get("test"),
                called ? folder.toString() : title + " in " + folder,
                List.copyOf(notes));
    }

    /** Gives classes the names of a file: its first line is class 0, or 1 if no label is 0. */
    private static void nameClasses(Map<String, Dataset> sets, Path file) {
        List<String> names;
        try {
            names = Files.readAllLines(file).stream().map(String::strip).toList();
        } catch (IOException | UncheckedIOException e) {
            throw data(e, "%s cannot be read as UTF-8 text: %s", file, e.getMessage());
        }
        while (!names.isEmpty() && names.get(names.size() - 1).isEmpty()) {
            names = names.subList(0, names.size() - 1);
        }
        int different = Set.copyOf(names).size();
        boolean named = different == names.size() && !names.contains("");
        require(named, "%s: give each class a name of its own, one a line", file);
        List<Long> labels =
                sets.values().stream()
                        .flatMap(set -> set.classes().stream())
                        .map(Long::valueOf)
                        .sorted()
                        .toList();
        long least = labels.get(0);
        long most = labels.get(labels.size() - 1);
        long first = least == 1 && most == names.size() ? 1 : 0;
        boolean fits = least >= 0 && most - first < names.size();
        String text = "%s names %d classes, but labels go from %d to %d";
        require(fits, text, file, names.size(), least, most);
        List<String> all = names;
        sets.replaceAll(
                (part, set) -> {
                    int[] indices = set.labels().clone();
                    for (int row = 0; row < indices.length; row++) {
                        indices[row] = (int) (Long.parseLong(set.label(row)) - first);
                    }
                    return set.withLabels(indices, all);
                });
    }
}
