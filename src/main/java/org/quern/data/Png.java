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
        return file(BufferedImage.TYPE_BYTE_GRAY, pixels, width, height);
    }

    /**
     * The file of an image in colour.
     *
     * @param rgb {@code width × height} pixels 0xRRGGBB, row after row
     */
    public static byte[] colour(int[] rgb, int width, int height) {
        return file(BufferedImage.TYPE_INT_RGB, rgb, width, height);
    }

    private static byte[] file(int type, Object pixels, int width, int height) {
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
