package org.quern.data;

import static org.quern.QuernException.data;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;
import org.quern.QuernException;

/** A folder with a folder of PNG images for each class, all of one size. Colours become grey. */
final class ImageFolder {
    private ImageFolder() {}

    /** Whether a folder has folders with PNG images in them. */
    static boolean isOne(Path folder) {
        for (Path classFolder : children(folder, true)) {
            if (!images(classFolder).isEmpty()) {
                return true;
            }
        }
        return false;
    }

    /** Reads all images; classes are the folders' names in their order. */
    static Dataset read(Path folder, String name) {
        List<String> classes = new ArrayList<>();
        List<Path> files = new ArrayList<>();
        List<Integer> labels = new ArrayList<>();
        for (Path classFolder : children(folder, true)) {
            List<Path> images = images(classFolder);
            if (images.isEmpty()) {
                throw data("%s has no PNG images: remove it, or fill it", classFolder);
            }
            for (Path image : images) {
                files.add(image);
                labels.add(classes.size());
            }
            classes.add(classFolder.getFileName().toString());
        }
        Grey first = image(files.get(0));
        int size = first.width() * first.height();
        byte[] pixels = new byte[Math.multiplyExact(files.size(), size)];
        for (int i = 0; i < files.size(); i++) {
            Grey image = image(files.get(i));
            if (image.width() != first.width() || image.height() != first.height()) {
                throw data(
                        "%s is %d x %d pixels, but %s is %d x %d: all images must be of one size",
                        files.get(i),
                        image.width(),
                        image.height(),
                        files.get(0),
                        first.width(),
                        first.height());
            }
            System.arraycopy(image.pixels(), 0, pixels, i * size, size);
        }
        int[] indices = labels.stream().mapToInt(Integer::intValue).toArray();
        return Dataset.ofPixels(name, new int[] {first.height(), first.width()}, pixels)
                .withLabels(indices, classes);
    }

    /**
     * A grey image.
     *
     * @param pixels row by row, 0 black to 255 white
     */
    record Grey(int width, int height, byte[] pixels) {}

    /**
     * Reads an image; colours become grey by Rec. 601, (299 R + 587 G + 114 B) / 1000 rounded, over
     * black where it is transparent.
     */
    static Grey image(Path file) {
        BufferedImage image;
        try {
            ImageIO.setUseCache(false);
            image = ImageIO.read(file.toFile());
        } catch (IOException | RuntimeException e) {
            throw new QuernException(
                    QuernException.Kind.DATA,
                    file + " is not an image that can be read (" + e.getMessage() + ")",
                    e);
        }
        if (image == null) {
            throw data("%s is not an image that can be read: save it as PNG", file);
        }
        int width = image.getWidth();
        int height = image.getHeight();
        byte[] pixels = new byte[Math.multiplyExact(width, height)];
        boolean grey =
                image.getRaster().getNumBands() == 1
                        && image.getColorModel().getPixelSize() == 8
                        && image.getType() == BufferedImage.TYPE_BYTE_GRAY;
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                if (grey) {
                    // getRGB would turn linear grey into sRGB
                    pixels[y * width + x] = (byte) image.getRaster().getSample(x, y, 0);
                } else {
                    int argb = image.getRGB(x, y);
                    int luma =
                            299 * (argb >> 16 & 0xff)
                                    + 587 * (argb >> 8 & 0xff)
                                    + 114 * (argb & 0xff);
                    pixels[y * width + x] = (byte) ((luma * (argb >>> 24) / 255 + 500) / 1000);
                }
            }
        }
        return new Grey(width, height, pixels);
    }

    private static List<Path> images(Path folder) {
        List<Path> images = new ArrayList<>();
        for (Path file : children(folder, false)) {
            if (file.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(".png")) {
                images.add(file);
            }
        }
        return images;
    }

    private static List<Path> children(Path folder, boolean folders) {
        List<Path> children = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder)) {
            for (Path path : stream) {
                boolean hidden = path.getFileName().toString().startsWith(".");
                if (!hidden && Files.isDirectory(path) == folders) {
                    children.add(path);
                }
            }
        } catch (IOException e) {
            throw new QuernException(
                    QuernException.Kind.DATA, folder + " cannot be listed: " + e.getMessage(), e);
        }
        children.sort(null);
        return children;
    }
}
