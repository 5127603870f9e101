package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.stream.ImageInputStream;
import org.quern.QuernException;

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
    /** As many may be of one colour in a file of any size. */
    private static final int FEW_PIXELS = 1 << 20;

    /** Pixels a byte, of one bit each: deflate makes 1 byte of 1032 at most. */
    private static final int MOST_PIXELS = 8 * 1032;

    /** Memory for the image of a file of any size: 12 million pixels in colour. */
    private static final long LEAST_ROOM = 48 << 20;

    /** Of a larger file, so many times its size: a JPEG of one bit a pixel takes 32 times. */
    private static final int MOST_INFLATION = 64;

    /**
     * Reads an image. Colours become grey by Rec. 601, (299 R + 587 G + 114 B) / 1000 rounded. Of
     * an image in one colour on a transparent ground, opacity is the level, so that ink of any
     * colour is light on dark; others are laid over black.
     */
    static ImageFile read(Path file) {
        BufferedImage image;
        try {
            ImageIO.setUseCache(false);
            image = decode(file);
        } catch (QuernException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            throw data(e, "%s is not an image that can be read (%s)", file, e.getMessage());
        }
        require(image != null, "%s is not an image that can be read: save it as PNG", file);
        boolean known = image.getColorModel().getNumColorComponents() < 4;
        require(known, "%s has colours for print (CMYK): save it in RGB or grey", file);
        return of(image);
    }

    /** Looks at the size before pixels are made room for; null if no reader knows the format. */
    private static BufferedImage decode(Path file) throws IOException {
        try (ImageInputStream in = ImageIO.createImageInputStream(file.toFile())) {
            Iterator<ImageReader> readers =
                    in == null ? Collections.emptyIterator() : ImageIO.getImageReaders(in);
            if (!readers.hasNext()) {
                return null;
            }
            ImageReader reader = readers.next();
            try {
                reader.setInput(in, true, true);
                requireRoom(file, reader);
                return reader.read(0);
            } finally {
                reader.dispose();
            }
        }
    }

    /** Refuses what a few bytes can claim, or really hold, in one colour: gigabytes of pixels. */
    private static void requireRoom(Path file, ImageReader reader) throws IOException {
        long size = Files.size(file);
        long pixels = (long) reader.getWidth(0) * reader.getHeight(0);
        String claim = "%s says that it has %,d pixels, more than its %,d bytes can hold";
        boolean canBe = pixels <= Math.max(FEW_PIXELS, size * MOST_PIXELS);
        require(canBe, claim, file, pixels, size);
        Iterator<ImageTypeSpecifier> types = reader.getImageTypes(0);
        int bits = types.hasNext() ? types.next().getColorModel().getPixelSize() : Integer.SIZE;
        long takes = pixels * (bits + Byte.SIZE) / Byte.SIZE; // decoded, and as levels
        long room = Math.max(LEAST_ROOM, MOST_INFLATION * size);
        long heap = Runtime.getRuntime().maxMemory() / 2;
        String more =
                "%s has %,d pixels, which take %,d MiB of memory, more than half of what Java may use:"
                        + " allow more with JAVA_TOOL_OPTIONS=-Xmx%dm, or save it with fewer pixels";
        String text =
                "%s has %,d pixels, which take %,d MiB of memory, but for a file of %,d bytes %,d"
                        + " MiB are the most: save it with fewer pixels";
        require(takes <= room, text, file, pixels, takes >> 20, size, room >> 20);
        require(takes <= heap, more, file, pixels, takes >> 20, takes >> 18);
    }

    private static ImageFile of(BufferedImage image) {
        Argb argb = new Argb(image);
        int densest = 0;
        boolean isOpaque = true;
        boolean coloured = false;
        for (int y = 0; y < image.getHeight(); y++) {
            for (int pixel : argb.row(y)) {
                densest = opacity(pixel) > opacity(densest) ? pixel : densest;
                isOpaque &= opacity(pixel) == 255;
                boolean isGrey = (pixel & 0xffffff) == (pixel & 0xff) * 0x010101;
                coloured |= !isGrey && opacity(pixel) > 0;
            }
        }
        boolean byOpacity = !isOpaque && opacity(densest) > 0 && argb.isOfOneColour(densest);
        byte[] pixels = new byte[Math.multiplyExact(image.getWidth(), image.getHeight())];
        for (int y = 0, i = 0; y < image.getHeight(); y++) {
            for (int pixel : argb.row(y)) {
                int overBlack = (luma(pixel) * opacity(pixel) / 255 + 500) / 1000;
                pixels[i++] = (byte) (byOpacity ? opacity(pixel) : overBlack);
            }
        }
        boolean madeGrey = coloured && !byOpacity;
        return new ImageFile(image.getWidth(), image.getHeight(), pixels, madeGrey, byOpacity);
    }

    private static int opacity(int argb) {
        return argb >>> 24;
    }

    /** In thousandths of a level. */
    private static int luma(int argb) {
        return 299 * (argb >> 16 & 0xff) + 587 * (argb >> 8 & 0xff) + 114 * (argb & 0xff);
    }

    /** A sample of so many bits as a level from 0 to 255, rounded. */
    private static int level(int sample, int bits) {
        if (bits == 8) {
            return sample;
        }
        long most = (1L << bits) - 1;
        return (int) ((sample * 255L + most / 2) / most);
    }

    /**
     * The samples of a raster as levels, a row at a time, all of which would take twice what the
     * image takes; getRGB would turn linear grey into sRGB.
     */
    private static final class Argb {
        private final Raster raster;
        private final boolean hasAlpha;
        private final int[] bits;
        private final int[] palette;
        private final int[] samples;
        private final int[] row;

        Argb(BufferedImage image) {
            raster = image.getRaster();
            ColorModel model = image.getColorModel();
            hasAlpha = model.hasAlpha();
            bits = model.getComponentSize();
            samples = new int[raster.getNumBands() * image.getWidth()];
            row = new int[image.getWidth()];
            if (model instanceof IndexColorModel indexed) {
                palette = new int[Math.max(256, indexed.getMapSize())]; // an index may be off it
                indexed.getRGBs(palette);
            } else {
                palette = null;
            }
        }

        /** Good until the next one is asked for. */
        int[] row(int y) {
            raster.getPixels(0, y, row.length, 1, samples);
            int bands = samples.length / row.length;
            int colours = hasAlpha ? bands - 1 : bands;
            int green = colours < 3 ? 0 : 1;
            int blue = colours < 3 ? 0 : 2;
            for (int x = 0, at = 0; x < row.length; x++, at += bands) {
                if (palette != null) {
                    row[x] = palette[samples[at]];
                    continue;
                }
                int opacity = hasAlpha ? level(samples[at + colours], bits[colours]) : 255;
                row[x] =
                        opacity << 24
                                | level(samples[at], bits[0]) << 16
                                | level(samples[at + green], bits[green]) << 8
                                | level(samples[at + blue], bits[blue]);
            }
            return row;
        }

        /** A faint pixel may be off the colour by what a level of its opacity is worth. */
        boolean isOfOneColour(int colour) {
            int luma = luma(colour);
            for (int y = 0; y < raster.getHeight(); y++) {
                for (int pixel : row(y)) {
                    if (Math.abs(luma(pixel) - luma) * opacity(pixel) > 255 * 1000) {
                        return false;
                    }
                }
            }
            return true;
        }
    }
}
