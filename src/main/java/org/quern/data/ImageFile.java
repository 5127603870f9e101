package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;

/**
 * An image file as grey levels: those that the file holds, which no colour profile has changed.
 *
 * @param width in pixels
 * @param height in pixels
 * @param pixels {@code width × height} unsigned bytes, from 0, black, to 255, white
 * @param coloured whether colours were made grey
 * @param byOpacity whether levels are the opacity of an image in one colour
 */
record ImageFile(int width, int height, byte[] pixels, boolean coloured, boolean byOpacity) {

    /**
     * Reads an image. Colours become grey by Rec. 601, (299 R + 587 G + 114 B) / 1000 rounded. Of
     * an image in one colour on a transparent ground, opacity is the level, so that ink of any
     * colour is light on dark; others are laid over black.
     */
    static ImageFile read(Path file) {
        BufferedImage image;
        try {
            ImageIO.setUseCache(false);
            image = ImageIO.read(file.toFile());
        } catch (IOException | RuntimeException e) {
            throw data(e, "%s is not an image that can be read (%s)", file, e.getMessage());
        }
        require(image != null, "%s is not an image that can be read: save it as PNG", file);
        return of(image);
    }

    private static ImageFile of(BufferedImage image) {
        int width = image.getWidth();
        int height = image.getHeight();
        int[] lumas = new int[Math.multiplyExact(width, height)]; // in thousandths of a level
        int[] opacities = new int[lumas.length];
        boolean coloured = false;
        int ink = 0;
        int densest = 0;
        ColorModel model = image.getColorModel();
        int[][] table = model instanceof IndexColorModel index ? levels(index) : null;
        Raster raster = image.getRaster();
        int bands = raster.getNumBands();
        int colours = bands - (model.hasAlpha() && table == null ? 1 : 0);
        int[] most = model.getComponentSize();
        int[] row = new int[bands * width];
        int[] rgba = new int[4];
        for (int i = 0; i < lumas.length; i++) {
            int at = i % width * bands;
            if (at == 0) {
                raster.getPixels(0, i / width, width, 1, row);
            }
            if (table != null) {
                rgba = table[row[at]];
            } else {
                for (int c = 0; c < 3; c++) {
                    int band = colours < 3 ? 0 : c;
                    rgba[c] = level(row[at + band], most[band]);
                }
                rgba[3] = colours < bands ? level(row[at + colours], most[colours]) : 255;
            }
            lumas[i] = 299 * rgba[0] + 587 * rgba[1] + 114 * rgba[2];
            opacities[i] = rgba[3];
            coloured |= rgba[3] > 0 && (rgba[0] != rgba[1] || rgba[0] != rgba[2]);
            if (rgba[3] > densest) {
                densest = rgba[3];
                ink = lumas[i];
            }
        }
        int colour = ink;
        // A faint pixel may be off the colour by what a level of its opacity is worth.
        boolean byOpacity =
                densest > 0
                        && IntStream.of(opacities).anyMatch(opacity -> opacity < 255)
                        && IntStream.range(0, lumas.length)
                                .allMatch(
                                        i ->
                                                (long) Math.abs(lumas[i] - colour) * opacities[i]
                                                        <= 255 * 1000);
        byte[] pixels = new byte[lumas.length];
        for (int i = 0; i < pixels.length; i++) {
            int luma = (int) ((long) lumas[i] * opacities[i] / 255);
            pixels[i] = (byte) (byOpacity ? opacities[i] : (luma + 500) / 1000);
        }
        return new ImageFile(width, height, pixels, coloured && !byOpacity, byOpacity);
    }

    private static int[][] levels(IndexColorModel model) {
        return IntStream.range(0, model.getMapSize())
                .mapToObj(
                        i ->
                                new int[] {
                                    model.getRed(i),
                                    model.getGreen(i),
                                    model.getBlue(i),
                                    model.getAlpha(i)
                                })
                .toArray(int[][]::new);
    }

    /** A sample of so many bits as a level from 0 to 255, rounded. */
    private static int level(int sample, int bits) {
        long most = (1L << bits) - 1;
        return (int) ((sample * 255L + most / 2) / most);
    }
}
