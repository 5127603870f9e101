package org.quern.report;

import static java.util.stream.Collectors.joining;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.quern.data.Pictures;

/** Pictures with captions side by side, as many as 80 columns hold. */
final class PictureRows {
    private static final int COLUMNS = 80;
    private static final String GAP = "  ";

    /** Wider pictures are halved, so that five stand side by side in 80 columns. */
    private static final int WIDEST = 20;

    private static final String INK = " .:-=+*#%@";
    private static final int DARKEST = 232;
    private static final int GREYS = 24;

    private final Pictures pictures;
    private final boolean colour;

    /** Of each row, the lines of each picture, its caption the first, all as wide as it is. */
    private final List<List<List<String>>> rows = new ArrayList<>();

    private int used;

    PictureRows(Pictures pictures, boolean colour) {
        this.pictures = pictures;
        this.colour = colour;
    }

    void add(byte[] pixels, String caption) {
        Picture picture = new Picture(pixels, pictures.width(), pictures.height());
        int width = Math.max(picture.width(), caption.length());
        if (rows.isEmpty() || used + width > COLUMNS) {
            rows.add(new ArrayList<>());
            used = 0;
        }
        List<String> cell = new ArrayList<>();
        cell.add(caption + " ".repeat(width - caption.length()));
        String fill = " ".repeat(width - picture.width());
        picture.lines(colour).forEach(line -> cell.add(line + fill));
        rows.get(rows.size() - 1).add(cell);
        used += width + GAP.length();
    }

    String text() {
        return rows.stream().map(PictureRows::text).collect(joining("\n\n"));
    }

    private static String text(List<List<String>> cells) {
        return IntStream.range(0, cells.get(0).size())
                .mapToObj(y -> cells.stream().map(cell -> cell.get(y)).collect(joining(GAP)))
                .map(String::stripTrailing)
                .collect(joining("\n"));
    }

    /**
     * A grey picture as text, of unsigned bytes, 0 black: on a terminal half blocks, two pixels a
     * character, in the 24 greys of xterm's 256 colours; elsewhere characters from light to dense
     * ink.
     */
    record Picture(byte[] pixels, int columns, int rows) {
        private int factor() {
            return (columns + WIDEST - 1) / WIDEST;
        }

        /** Characters of a line. */
        int width() {
            return (columns + factor() - 1) / factor();
        }

        /** The lines, each {@link #width} characters wide as they are seen. */
        List<String> lines(boolean colour) {
            List<String> lines = new ArrayList<>();
            for (int y = 0; y * factor() < rows; y += 2) {
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
            for (int row = y * factor(); row < Math.min(rows, (y + 1) * factor()); row++) {
                for (int i = x * factor(); i < Math.min(columns, (x + 1) * factor()); i++) {
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
}
