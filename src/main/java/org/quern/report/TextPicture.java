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

    private final byte[] pixels;
    private final int columns;
    private final int rows;
    private final int factor;

    /** A picture of {@code columns × rows} unsigned bytes, 0 black; shown narrow enough. */
    TextPicture(byte[] pixels, int columns, int rows) {
        this.pixels = pixels;
        this.columns = columns;
        this.rows = rows;
        factor = (columns + WIDEST - 1) / WIDEST;
    }

    /** Characters of a line. */
    int width() {
        return (columns + factor - 1) / factor;
    }

    /** The lines, each {@link #width} characters wide as they are seen. */
    List<String> lines(boolean colour) {
        List<String> lines = new ArrayList<>();
        for (int y = 0; y * factor < rows; y += 2) {
            StringBuilder line = new StringBuilder();
            for (int x = 0; x < width(); x++) {
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

    /** The mean of the pixels that become one; 0 below the picture. */
    private int level(int x, int y) {
        int sum = 0;
        int count = 0;
        for (int row = y * factor; row < Math.min(rows, (y + 1) * factor); row++) {
            for (int i = x * factor; i < Math.min(columns, (x + 1) * factor); i++) {
                sum += pixels[row * columns + i] & 0xff;
                count++;
            }
        }
        return count == 0 ? 0 : sum / count;
    }

    private static int grey(int level) {
        return DARKEST + level * GREYS / 256;
    }
}
