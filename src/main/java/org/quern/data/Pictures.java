package org.quern.data;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
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
     * Pictures side by side in one grey image, a black line between neighbours.
     *
     * @param images each as {@link #pixels} gives it
     * @param columns pictures of a line
     * @param scale a pixel becomes a square of so many
     */
    public BufferedImage sheet(List<byte[]> images, int columns, int scale) {
        int across = Math.min(columns, images.size());
        int down = (images.size() + columns - 1) / columns;
        int wide = (width() + 1) * scale;
        int high = (height() + 1) * scale;
        int type = BufferedImage.TYPE_BYTE_GRAY;
        BufferedImage sheet = new BufferedImage(across * wide - scale, down * high - scale, type);
        for (int y = 0; y < sheet.getHeight(); y++) {
            for (int x = 0; x < sheet.getWidth(); x++) {
                int image = y / high * columns + x / wide;
                int row = y % high / scale;
                int column = x % wide / scale;
                if (image < images.size() && row < height() && column < width()) {
                    byte level = images.get(image)[row * width() + column];
                    sheet.getRaster().setSample(x, y, 0, level & 0xff);
                }
            }
        }
        return sheet;
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
        return png(image);
    }

    /** The PNG file of an image. */
    public static byte[] png(BufferedImage image) {
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
