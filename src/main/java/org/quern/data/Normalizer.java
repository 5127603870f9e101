package org.quern.data;

import java.util.Arrays;

/**
 * Brings pictures of any size to that of a model's input: whole, or the ink on them alone, whatever
 * its place, in the form of MNIST's digits. That is fitted into a box of 20 × 20 pixels with its
 * proportions kept, in grey levels, and moved so that its centre of mass is the centre of the 28 ×
 * 28 image (LeCun, Cortes, Burges: "The MNIST database of handwritten digits"). For images of
 * another size the box keeps that share of the smaller side.
 *
 * @hidden
 */
public final class Normalizer {
    private static final int MNIST_BOX = 20;
    private static final int MNIST_SIDE = 28;

    private final int width;
    private final int height;
    private final double box;

    /** For a model whose input is so many pixels wide and high. */
    public Normalizer(int width, int height) {
        this.width = width;
        this.height = height;
        box = Math.max(1, (double) Math.min(width, height) * MNIST_BOX / MNIST_SIDE);
    }

    /** Normalizes {@code inkWidth × inkHeight} unsigned bytes, 0 without ink; null of no ink. */
    public byte[] normalize(byte[] ink, int inkWidth, int inkHeight) {
        int left = inkWidth;
        int right = -1;
        int top = inkHeight;
        int bottom = -1;
        for (int y = 0; y < inkHeight; y++) {
            for (int x = 0; x < inkWidth; x++) {
                if (ink[y * inkWidth + x] != 0) {
                    left = Math.min(left, x);
                    right = Math.max(right, x);
                    top = Math.min(top, y);
                    bottom = y;
                }
            }
        }
        if (right < 0) {
            return null;
        }
        int inkWide = right - left + 1;
        int inkHigh = bottom - top + 1;
        double scale = box / Math.max(inkWide, inkHigh);
        int wide = (int) Math.max(1, Math.round(inkWide * scale));
        int high = (int) Math.max(1, Math.round(inkHigh * scale));
        double[] fitted = new double[wide * high];
        double mass = 0;
        double massX = 0;
        double massY = 0;
        for (int y = 0; y < high; y++) {
            double y0 = top + (double) y * inkHigh / high;
            double y1 = top + (y + 1.0) * inkHigh / high;
            for (int x = 0; x < wide; x++) {
                double x0 = left + (double) x * inkWide / wide;
                double x1 = left + (x + 1.0) * inkWide / wide;
                double level = mean(ink, inkWidth, x0, x1, y0, y1);
                fitted[y * wide + x] = level;
                mass += level;
                massX += level * (x + 0.5);
                massY += level * (y + 0.5);
            }
        }
        // Of MNIST's 28 x 28 pixels, the one with index 14 holds the centre of mass in every image.
        int atX = (int) Math.ceil(width / 2 - massX / mass);
        int atY = (int) Math.ceil(height / 2 - massY / mass);
        // What lies outside after the move is lost, as in any image too heavy on one side.
        byte[] image = new byte[width * height];
        for (int y = Math.max(0, -atY); y < Math.min(high, height - atY); y++) {
            for (int x = Math.max(0, -atX); x < Math.min(wide, width - atX); x++) {
                image[(y + atY) * width + x + atX] = (byte) Math.round(fitted[y * wide + x]);
            }
        }
        return image;
    }

    /**
     * A picture as one of this size: proportions kept, each pixel the mean of its area, in the
     * middle of the level that most of the picture's edge has.
     *
     * @param pixels {@code wide × high} unsigned bytes
     */
    public byte[] fit(byte[] pixels, int wide, int high) {
        double scale = Math.min((double) width / wide, (double) height / high);
        int fitsWide = (int) Math.max(1, Math.round(wide * scale));
        int fitsHigh = (int) Math.max(1, Math.round(high * scale));
        int left = (width - fitsWide) / 2;
        int top = (height - fitsHigh) / 2;
        byte[] image = new byte[width * height];
        Arrays.fill(image, edge(pixels, wide, high));
        for (int y = 0; y < fitsHigh; y++) {
            double y0 = (double) y * high / fitsHigh;
            double y1 = (y + 1.0) * high / fitsHigh;
            for (int x = 0; x < fitsWide; x++) {
                double x0 = (double) x * wide / fitsWide;
                double x1 = (x + 1.0) * wide / fitsWide;
                double level = mean(pixels, wide, x0, x1, y0, y1);
                image[(y + top) * width + x + left] = (byte) Math.round(level);
            }
        }
        return image;
    }

    private static byte edge(byte[] pixels, int wide, int high) {
        int[] counts = new int[256];
        for (int i = 0; i < pixels.length; i++) {
            int x = i % wide;
            int y = i / wide;
            if (x == 0 || y == 0 || x == wide - 1 || y == high - 1) {
                counts[pixels[i] & 0xff]++;
            }
        }
        int most = 0;
        for (int level = 1; level < counts.length; level++) {
            most = counts[level] > counts[most] ? level : most;
        }
        return (byte) most;
    }

    /** The mean level of a rectangle whose sides may lie within pixels. */
    private static double mean(
            byte[] ink, int inkWidth, double x0, double x1, double y0, double y1) {
        double sum = 0;
        for (int y = (int) y0; y < y1; y++) {
            double heightOf = Math.min(y + 1, y1) - Math.max(y, y0);
            for (int x = (int) x0; x < x1; x++) {
                double widthOf = Math.min(x + 1, x1) - Math.max(x, x0);
                sum += (ink[y * inkWidth + x] & 0xff) * heightOf * widthOf;
            }
        }
        return sum / ((x1 - x0) * (y1 - y0));
    }
}
