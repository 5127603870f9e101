package org.quern.report;

import java.util.ArrayList;
import java.util.List;

/**
 * A grey picture as text: on a terminal half blocks, two pixels a character, in the 24 greys of
 * xterm's 256 colours; elsewhere characters from light to dense ink.
 */
final class TextPicture {
    /** Wider pictures are halved, so that five stand side by side in 80 columns. */
    private static final int WIDEST = 20;

    private static final String INK = " .:-=+*#%@";
    private static final int DARKEST = 232;
    private static final int GREYS = 24;

    private final int width;
    private final int height;
    private final int[] levels;

    /**
     * A picture, halved until it is narrow enough.
     *
     * @param pixels {@code width × height} unsigned bytes, 0 black
     */
    TextPicture(byte[] pixels, int width, int height) {
        int factor = (width + WIDEST - 1) / WIDEST;
        this.width = (width + factor - 1) / factor;
        this.height = (height + factor - 1) / factor;
        levels = new int[this.width * this.height];
        for (int y = 0; y < this.height; y++) {
            for (int x = 0; x < this.width; x++) {
                levels[y * this.width + x] =
                        mean(pixels, width, height, x * factor, y * factor, factor);
            }
        }
    }

    private static int mean(byte[] pixels, int width, int height, int left, int top, int size) {
        int sum = 0;
        int count = 0;
        for (int y = top; y < Math.min(height, top + size); y++) {
            for (int x = left; x < Math.min(width, left + size); x++) {
                sum += pixels[y * width + x] & 0xff;
                count++;
            }
        }
        return sum / count;
    }

    /** Characters of a line. */
    int width() {
        return width;
    }

    /** The lines, each {@link #width} characters wide as they are seen. */
    List<String> lines(boolean colour) {
        List<String> lines = new ArrayList<>();
        for (int y = 0; y < height; y += 2) {
            StringBuilder line = new StringBuilder();
            for (int x = 0; x < width; x++) {
                int upper = level(x, y);
                int lower = level(x, y + 1);
                if (colour) {
                    line.append("\u001b[38;5;%d;48;5;%dm▀".formatted(grey(upper), grey(lower)));
                } else {
                    line.append(INK.charAt((upper + lower) / 2 * INK.length() / 256));
                }
            }
            lines.add(colour ? line.append("\u001b[0m").toString() : line.toString());
        }
        return lines;
    }

    private int level(int x, int y) {
        return y < height ? levels[y * width + x] : 0;
    }

    private static int grey(int level) {
        return DARKEST + level * GREYS / 256;
    }
}
