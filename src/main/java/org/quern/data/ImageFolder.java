package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.files.AtomicFile;

/**
 * Image files in folders: one for each class, with images or folders of images in it, all of one
 * size; or files to predict. Colours become grey. It counts what it does not read.
 */
final class ImageFolder {
    /** What is read, for messages. */
    static final String KINDS = "PNG, JPEG, BMP or GIF";

    private static final Pattern IMAGE =
            Pattern.compile(".*\\.(png|jpe?g|bmp|gif)", Pattern.CASE_INSENSITIVE);

    private static final Pattern TRAIN = Pattern.compile("(?i)train(ing)?");
    private static final Pattern TEST = Pattern.compile("(?i)test(ing)?");
    private static final Pattern VALIDATION = Pattern.compile("(?i)val(id(ation)?)?");

    /** Folders in folders that archives are unpacked into, at most. */
    private static final int MOST_WRAPS = 3;

    private final Map<String, Integer> unread = new TreeMap<>();
    private final List<Path> unreadable = new ArrayList<>();
    private int nested;
    private int read;
    private int coloured;
    private int byOpacity;
    private int scaled;
    private String scaledTo;

    /** Whether a path is a folder of such folders, or of two called train and test. */
    static boolean isOne(Path path) {
        return Files.isDirectory(path) && isOfClasses(inner(path));
    }

    private static boolean isOfClasses(Path folder) {
        return folders(folder).stream()
                .anyMatch(child -> files(child).anyMatch(ImageFolder::isImage));
    }

    /** What a folder holds that holds one folder alone, and this no images of its own. */
    private static Path inner(Path folder) {
        Path inner = folder;
        for (int depth = 0; depth < MOST_WRAPS; depth++) {
            List<Path> children = children(inner);
            boolean wraps =
                    children.size() == 1
                            && Files.isDirectory(children.get(0))
                            && children(children.get(0)).stream().noneMatch(ImageFolder::isImage);
            inner = wraps ? children.get(0) : inner;
        }
        return inner;
    }

    /** Reads the folders called train, test and val, or else the one. */
    static Splits splits(Path path) {
        Path root = inner(path);
        Path train = part(root, TRAIN);
        boolean named = folders(root).stream().allMatch(ImageFolder::isPart);
        String none = "%s: there is no train folder in it with a folder of images for each class";
        require(train != null || !named, none, root);
        ImageFolder images = new ImageFolder();
        if (train == null) {
            Dataset rows = images.classes(root);
            return new Splits(rows, null, null, path.toString(), images.reading());
        }
        Path test = part(root, TEST);
        Path validation = part(root, VALIDATION);
        Dataset rows = images.classes(train);
        Dataset validationRows = validation == null ? null : images.classes(validation);
        Dataset testRows = test == null ? null : images.classes(test);
        for (Path child : children(root)) {
            if (!child.equals(train) && !child.equals(test) && !child.equals(validation)) {
                images.leave(child);
            }
        }
        return new Splits(rows, validationRows, testRows, path.toString(), images.reading());
    }

    private static boolean isPart(Path folder) {
        String name = folder.getFileName().toString();
        return Stream.of(TRAIN, TEST, VALIDATION).anyMatch(part -> part.matcher(name).matches());
    }

    /** A folder of class folders with such a name; null without. */
    private static Path part(Path root, Pattern name) {
        return folders(root).stream()
                .filter(child -> name.matcher(child.getFileName().toString()).matches())
                .filter(child -> children(child).stream().noneMatch(ImageFolder::isImage))
                .filter(ImageFolder::isOfClasses)
                .findFirst()
                .orElse(null);
    }

    /** All images; classes are the folders' names in their order. */
    private Dataset classes(Path folder) {
        List<String> classes = new ArrayList<>();
        List<Integer> labels = new ArrayList<>();
        Rows rows = new Rows(null);
        for (Path child : children(folder)) {
            if (!Files.isDirectory(child)) {
                leave(child);
                continue;
            }
            rows.addAll(child);
            labels.addAll(Collections.nCopies(rows.files.size() - labels.size(), classes.size()));
            classes.add(child.getFileName().toString());
        }
        int[] indices = labels.stream().mapToInt(Integer::intValue).toArray();
        String name = String.valueOf(folder.toAbsolutePath().normalize().getFileName());
        return rows.set(name).withLabels(indices, classes);
    }

    /** Images of files and of folders; those of another size than a model's input scaled to it. */
    ImageRows rows(List<Path> paths, List<Integer> input) {
        Rows rows = new Rows(input.size() == 2 ? input : null);
        for (Path path : paths) {
            if (Files.isDirectory(path)) {
                rows.addAll(path);
            } else {
                rows.add(path, ImageFile.read(path));
            }
        }
        boolean one = rows.files.size() == 1;
        String first = rows.files.get(0).getFileName().toString();
        String name = one ? first : rows.files.size() + " images";
        List<String> names =
                one ? List.of(first) : rows.files.stream().map(Path::toString).toList();
        return new ImageRows(names, rows.set(name), String.join("; ", reading()));
    }

    /** Images of one size, which the first has if it is not told. */
    private final class Rows {
        private final boolean scale;
        private final List<Path> files = new ArrayList<>();
        private final List<byte[]> levels = new ArrayList<>();
        private int high;
        private int wide;

        Rows(List<Integer> size) {
            scale = size != null;
            if (scale) {
                high = size.get(0);
                wide = size.get(1);
            }
        }

        /** Adds a folder's images; those that are unreadable are left out, unless all are. */
        void addAll(Path folder) {
            List<Path> images = images(folder);
            String empty = "%s has no images (" + KINDS + "): remove it, or fill it";
            require(!images.isEmpty(), empty, folder);
            int before = files.size();
            QuernException failure = null;
            for (Path file : images) {
                ImageFile image;
                try {
                    image = ImageFile.read(file);
                } catch (QuernException e) {
                    failure = failure == null ? e : failure;
                    unreadable.add(file);
                    continue;
                }
                add(file, image);
            }
            if (files.size() == before) {
                throw failure;
            }
        }

        void add(Path file, ImageFile image) {
            byte[] pixels = image.pixels();
            if (files.isEmpty() && !scale) {
                high = image.height();
                wide = image.width();
            }
            if (image.width() != wide || image.height() != high) {
                String other =
                        "%s is %d x %d pixels, but %s is %d x %d: all images must be of one size";
                int w = image.width();
                int h = image.height();
                require(scale, other, file, w, h, scale ? "" : files.get(0), wide, high);
                pixels = new Normalizer(wide, high).fit(pixels, w, h);
                scaled++;
                scaledTo = wide + " x " + high;
            }
            files.add(file);
            levels.add(pixels);
            read++;
            coloured += image.coloured() ? 1 : 0;
            byOpacity += image.byOpacity() ? 1 : 0;
        }

        Dataset set(String name) {
            byte[] all = new byte[Dataset.size(name, levels.size(), wide * high)];
            for (int i = 0; i < levels.size(); i++) {
                // both in memory would be twice as much
                System.arraycopy(levels.set(i, null), 0, all, i * wide * high, wide * high);
            }
            return Dataset.ofPixels(name, new int[] {high, wide}, all);
        }
    }

    private List<String> reading() {
        List<String> notes = new ArrayList<>();
        note(notes, scaled, "scaled to " + scaledTo + ", proportions kept");
        note(notes, coloured, "in colour, made grey");
        note(notes, byOpacity, "in one colour, opacity taken as ink");
        note(notes, nested, "from folders in folders");
        List<String> not = new ArrayList<>();
        if (!unreadable.isEmpty()) {
            not.add(
                    "%,d unreadable (%s the first)"
                            .formatted(unreadable.size(), unreadable.get(0)));
        }
        unread.forEach((kind, count) -> not.add("%,d %s".formatted(count, kind)));
        if (!not.isEmpty()) {
            notes.add("not read: " + String.join(", ", not));
        }
        return notes;
    }

    /** Says what is so of some of the images that were read. */
    private void note(List<String> notes, int images, String what) {
        if (images > 0) {
            String all = read == 1 ? "" : "all images ";
            String some = "%,d of %,d images ".formatted(images, read);
            notes.add((images == read ? all : some) + what);
        }
    }

    /** Counts what is not read: files by the end of their names, folders by name. */
    private void leave(Path path) {
        String name = path.getFileName().toString();
        String end = name.substring(Math.max(0, name.lastIndexOf('.'))).toLowerCase(Locale.ROOT);
        String kind = Files.isDirectory(path) ? "folder " + name : end;
        unread.merge(isImage(path) ? end + " beside the folders" : kind, 1, Integer::sum);
    }

    /** The images in a folder and in its folders, in the order of their paths. */
    private List<Path> images(Path folder) {
        List<Path> images = new ArrayList<>();
        for (Path file : files(folder).toList()) {
            if (isImage(file)) {
                images.add(file);
                nested += file.getParent().equals(folder) ? 0 : 1;
            } else {
                leave(file);
            }
        }
        return images;
    }

    private static boolean isImage(Path file) {
        return IMAGE.matcher(file.getFileName().toString()).matches();
    }

    /** The files in a folder and in its folders. */
    private static Stream<Path> files(Path folder) {
        return within(folder, Integer.MAX_VALUE).stream().filter(Files::isRegularFile);
    }

    private static List<Path> folders(Path folder) {
        return children(folder).stream().filter(Files::isDirectory).toList();
    }

    static List<Path> children(Path folder) {
        return within(folder, 1).stream().filter(path -> !path.equals(folder)).toList();
    }

    /** A folder and what is in it down to a depth, sorted, without what systems hide in it. */
    static List<Path> within(Path folder, int depth) {
        try (Stream<Path> paths = Files.walk(folder, depth, FileVisitOption.FOLLOW_LINKS)) {
            return paths.filter(path -> isVisible(folder.relativize(path))).sorted().toList();
        } catch (IOException | UncheckedIOException e) {
            IOException why = e instanceof UncheckedIOException u ? u.getCause() : (IOException) e;
            throw data(e, "%s cannot be listed: %s", folder, AtomicFile.reason(why));
        }
    }

    private static boolean isVisible(Path path) {
        return path.toString().isEmpty()
                || IntStream.range(0, path.getNameCount())
                        .mapToObj(i -> path.getName(i).toString())
                        .noneMatch(name -> name.startsWith(".") || name.equals("__MACOSX"));
    }
}
