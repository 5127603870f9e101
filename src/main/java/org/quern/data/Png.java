package org.quern.data;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import javax.imageio.ImageIO;

/** Images as PNG files. */
public final class Png {
    private Png() {}

    /**
     * The file of an image in grey.
     *
     * @param pixels {@code width × height} unsigned bytes, row after row, 0 black, 255 white
     */
    public static byte[] grey(byte[] pixels, int width, int height) {
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_BYTE_GRAY);
        image.getRaster().setDataElements(0, 0, width, height, pixels);
        return file(image);
    }

    /**
     * The file of an image in colour.
     *
     * @param rgb {@code width × height} pixels 0xRRGGBB, row after row
     */
    public static byte[] colour(int[] rgb, int width, int height) {
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        image.setRGB(0, 0, width, height, rgb, 0, width);
        return file(image);
    }

    private static byte[] file(BufferedImage image) {
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
