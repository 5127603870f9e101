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
    private static final int MOST_INFLATION = 8 * 1032;

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
                long pixels = (long) reader.getWidth(0) * reader.getHeight(0);
                long most = Math.max(FEW_PIXELS, Files.size(file) * MOST_INFLATION);
                String text = "%s says that it has %,d pixels, more than its %,d bytes can hold";
                require(pixels <= most, text, file, pixels, Files.size(file));
                return reader.read(0);
            } finally {
                reader.dispose();
            }
        }
    }

    private static ImageFile of(BufferedImage image) {
        int[] argb = argb(image);
        int densest = 0;
        boolean isOpaque = true;
        boolean coloured = false;
        for (int pixel : argb) {
            densest = opacity(pixel) > opacity(densest) ? pixel : densest;
            isOpaque &= opacity(pixel) == 255;
            boolean isGrey = (pixel & 0xffffff) == (pixel & 0xff) * 0x010101;
            coloured |= !isGrey && opacity(pixel) > 0;
        }
        boolean byOpacity = !isOpaque && opacity(densest) > 0 && isOfOneColour(argb, densest);
        byte[] pixels = new byte[argb.length];
        for (int i = 0; i < pixels.length; i++) {
            int overBlack = (luma(argb[i]) * opacity(argb[i]) / 255 + 500) / 1000;
            pixels[i] = (byte) (byOpacity ? opacity(argb[i]) : overBlack);
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

    /** A faint pixel may be off the colour by what a level of its opacity is worth. */
    private static boolean isOfOneColour(int[] argb, int colour) {
        int luma = luma(colour);
        for (int pixel : argb) {
            if (Math.abs(luma(pixel) - luma) * opacity(pixel) > 255 * 1000) {
                return false;
            }
        }
        return true;
    }

    /** The samples of the raster as levels; getRGB would turn linear grey into sRGB. */
    private static int[] argb(BufferedImage image) {
        int width = image.getWidth();
        int[] argb = new int[Math.multiplyExact(width, image.getHeight())];
        Raster raster = image.getRaster();
        int bands = raster.getNumBands();
        ColorModel model = image.getColorModel();
        int[] palette = null;
        if (model instanceof IndexColorModel indexed) {
            palette = new int[Math.max(256, indexed.getMapSize())]; // an index may be off it
            indexed.getRGBs(palette);
        }
        int colours = model.hasAlpha() ? bands - 1 : bands;
        int green = colours < 3 ? 0 : 1;
        int blue = colours < 3 ? 0 : 2;
        int[] bits = model.getComponentSize();
        int[] row = new int[bands * width];
        for (int i = 0; i < argb.length; i++) {
            int at = i % width * bands;
            if (at == 0) {
                raster.getPixels(0, i / width, width, 1, row);
            }
            if (palette != null) {
                argb[i] = palette[row[at]];
                continue;
            }
            int opacity = colours < bands ? level(row[at + colours], bits[colours]) : 255;
            argb[i] =
                    opacity << 24
                            | level(row[at], bits[0]) << 16
                            | level(row[at + green], bits[green]) << 8
                            | level(row[at + blue], bits[blue]);
        }
        return argb;
    }

    /** A sample of so many bits as a level from 0 to 255, rounded. */
    private static int level(int sample, int bits) {
        if (bits == 8) {
            return sample;
        }
        long most = (1L << bits) - 1;
        return (int) ((sample * 255L + most / 2) / most);
    }
}
