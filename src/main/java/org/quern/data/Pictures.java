package org.quern.data;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import javax.imageio.ImageIO;

/**
 * The rows of a data set as grey images of one size.
 *
 * @hidden
 */
public final class Pictures {
    private final Dataset set;
    private final double black;
    private final double perLevel;

    private Pictures(Dataset set) {
        this.set = set;
        if (set.isPixels()) {
            black = 0;
            perLevel = 1;
        } else {
            Statistics range = Statistics.of(set);
            black = range.min();
            perLevel = range.max() > range.min() ? (range.max() - range.min()) / 255 : 1;
        }
    }

    /**
     * The pictures of a data set; null where a row's shape has not two extents. Bytes are levels as
     * they are; of floats, the least is black and the largest white.
     */
    public static Pictures of(Dataset set) {
        return set.shape().length == 2 ? new Pictures(set) : null;
    }

    public int width() {
        return set.shape()[1];
    }

    public int height() {
        return set.shape()[0];
    }

    /** The image of a row: {@code width × height} unsigned bytes, 0 black. */
    public byte[] pixels(int row) {
        return mean(new int[] {row});
    }

    /** The mean image of some rows, rounded; black without rows. */
    public byte[] mean(int[] rows) {
        double[] sums = new double[set.features()];
        for (int row : rows) {
            for (int i = 0; i < sums.length; i++) {
                sums[i] += set.value(row, i);
            }
        }
        byte[] pixels = new byte[sums.length];
        for (int i = 0; i < pixels.length && rows.length > 0; i++) {
            pixels[i] = level(sums[i] / rows.length);
        }
        return pixels;
    }

    private byte level(double value) {
        return (byte) Math.round((value - black) / perLevel);
    }

    /**
     * The PNG file of an image in grey.
     *
     * @param pixels {@code width × height} unsigned bytes, row after row, 0 black, 255 white
     */
    public static byte[] png(byte[] pixels, int width, int height) {
        return png(BufferedImage.TYPE_BYTE_GRAY, pixels, width, height);
    }

    /**
     * The PNG file of an image in colour.
     *
     * @param rgb {@code width × height} pixels 0xRRGGBB, row after row
     */
    public static byte[] png(int[] rgb, int width, int height) {
        return png(BufferedImage.TYPE_INT_RGB, rgb, width, height);
    }

    private static byte[] png(int type, Object pixels, int width, int height) {
        BufferedImage image = new BufferedImage(width, height, type);
        image.getRaster().setDataElements(0, 0, width, height, pixels);
        ImageIO.setUseCache(false); // otherwise it goes through a file in the temporary folder
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        try {
            if (!ImageIO.write(image, "png", file)) {
                throw new IllegalStateException("this JDK cannot write PNG");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return file.toByteArray();
    }
}
