package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;

/** A folder with a folder of PNG images for each class, all of one size. Colours become grey. */
final class ImageFolder {
    private ImageFolder() {}

    /** Whether a path is a folder of such folders, or holds one called train. */
    static boolean isOne(Path path) {
        return hasImages(path) || hasImages(path.resolve("train"));
    }

    private static boolean hasImages(Path folder) {
        return Files.isDirectory(folder)
                && children(folder, true).stream().anyMatch(child -> !images(child).isEmpty());
    }

    /** Reads the folders called train and test, or else the one. */
    static Splits splits(Path folder) {
        Path train = folder.resolve("train");
        Path test = folder.resolve("test");
        boolean parted = hasImages(train);
        Dataset rows = read(parted ? train : folder);
        return new Splits(rows, parted && hasImages(test) ? read(test) : null, folder.toString());
    }

    /** All images; classes are the folders' names in their order. */
    private static Dataset read(Path folder) {
        List<String> classes = new ArrayList<>();
        List<Path> files = new ArrayList<>();
        List<Integer> labels = new ArrayList<>();
        for (Path classFolder : children(folder, true)) {
            List<Path> images = images(classFolder);
            String empty = "%s has no PNG images: remove it, or fill it";
            require(!images.isEmpty(), empty, classFolder);
            files.addAll(images);
            labels.addAll(Collections.nCopies(images.size(), classes.size()));
            classes.add(classFolder.getFileName().toString());
        }
        Dataset first = image(files.get(0));
        int size = first.features();
        String must = extents(first);
        byte[] pixels = new byte[Math.multiplyExact(files.size(), size)];
        for (int i = 0; i < files.size(); i++) {
            Dataset image = image(files.get(i));
            String is = extents(image);
            String other = "%s is %s pixels, but %s is %s: all images must be of one size";
            require(is.equals(must), other, files.get(i), is, files.get(0), must);
            System.arraycopy(image.pixels(), 0, pixels, i * size, size);
        }
        int[] indices = labels.stream().mapToInt(Integer::intValue).toArray();
        return Dataset.ofPixels(folder.getFileName().toString(), first.shape(), pixels)
                .withLabels(indices, classes);
    }

    private static String extents(Dataset image) {
        return "%d x %d".formatted(image.shape()[1], image.shape()[0]);
    }

    /**
     * Reads an image: a row of pixels from 0, black, to 255, white. Colours become grey by Rec.
     * 601, (299 R + 587 G + 114 B) / 1000 rounded, over black where it is transparent.
     */
    static Dataset image(Path file) {
        BufferedImage image;
        try {
            ImageIO.setUseCache(false);
            image = ImageIO.read(file.toFile());
        } catch (IOException | RuntimeException e) {
            throw data(e, "%s is not an image that can be read (%s)", file, e.getMessage());
        }
        require(image != null, "%s is not an image that can be read: save it as PNG", file);
        int width = image.getWidth();
        int height = image.getHeight();
        byte[] pixels = new byte[Math.multiplyExact(width, height)];
        if (image.getType() == BufferedImage.TYPE_BYTE_GRAY) {
            // getRGB would turn linear grey into sRGB
            image.getRaster().getDataElements(0, 0, width, height, pixels);
        } else {
            int[] colours = image.getRGB(0, 0, width, height, null, 0, width);
            for (int i = 0; i < pixels.length; i++) {
                int argb = colours[i];
                int luma =
                        299 * (argb >> 16 & 0xff) + 587 * (argb >> 8 & 0xff) + 114 * (argb & 0xff);
                pixels[i] = (byte) ((luma * (argb >>> 24) / 255 + 500) / 1000);
            }
        }
        String name = file.getFileName().toString();
        return Dataset.ofPixels(name, new int[] {height, width}, pixels);
    }

    private static List<Path> images(Path folder) {
        return children(folder, false).stream()
                .filter(file -> DataReader.isCalled(file, ".png"))
                .toList();
    }

    private static List<Path> children(Path folder, boolean folders) {
        try (Stream<Path> children = Files.list(folder)) {
            return children.filter(path -> !path.getFileName().toString().startsWith("."))
                    .filter(path -> Files.isDirectory(path) == folders)
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw data(e, "%s cannot be listed: %s", folder, e.getMessage());
        }
    }
}
